/** Checkpoints of the write-ahead log, by a thread of their own: what they copy, and the disk's syncs, keep nothing else waiting. */
import { Worker } from 'node:worker_threads'

/** By then the log has some thousand pages, after which SQLite would copy them back in the middle of a commit. */
const dueBytes = 3_500_000
/** What a commit takes besides what was put: the pages that it touches are written whole. */
const commitBytes = 32_768

/** How many pages of the log are the writer's own business: only where the thread cannot keep up, or could not be started. */
export const logPagesMax = 4_000

export class Checkpoints {
  readonly #path: string
  readonly #turn: () => Promise<void>
  #bytes = 0
  #isBusy = false
  #isOver = false
  #thread: Worker | undefined
  #isStarting = false

  /** `turn`: to start a thread takes some milliseconds, which are not to be the end of a commit. */
  constructor(path: string, turn: () => Promise<void>) {
    this.#path = path
    this.#turn = turn
  }

  /** Told of each commit. The thread starts when there is something for it to do. */
  committed(bytes: number): void {
    this.#bytes += bytes + commitBytes
    if (this.#bytes < dueBytes || this.#isBusy || this.#isOver) return
    if (this.#thread !== undefined) this.#ask(this.#thread)
    else if (!this.#isStarting) void this.#start()
  }

  /** Waits for one that runs: the last connection that closes a database clears its log away. */
  async close(): Promise<void> {
    this.#isOver = true
    const thread = this.#thread
    if (thread === undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    thread.once('exit', () => resolve())
    thread.ref()
    thread.postMessage('end', [])
    await promise
  }

  async #start(): Promise<void> {
    this.#isStarting = true
    await this.#turn()
    if (this.#isOver) return
    const thread = startThread(this.#path)
    if (thread === undefined) {
      this.#isOver = true
      return
    }
    thread.on('message', () => {
      this.#isBusy = false
      if (this.#bytes >= dueBytes && !this.#isOver) this.#ask(thread)
    })
    // Whatever became of it, the writer does it again, and nothing is lost but time.
    thread.on('error', () => undefined)
    thread.once('exit', () => {
      this.#thread = undefined
      this.#isOver = true
    })
    this.#thread = thread
    this.#ask(thread)
  }

  #ask(thread: Worker): void {
    this.#bytes = 0
    this.#isBusy = true
    thread.postMessage('checkpoint', [])
  }
}

/** Nothing where there can be none. */
function startThread(path: string): Worker | undefined {
  // The build renames imports, not URLs: the thread has the ending of this file.
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  try {
    const thread = new Worker(new URL(`./checkpoint-thread.${ending}`, import.meta.url), {
      workerData: path,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 },
    })
    thread.unref()
    return thread
  } catch {
    return undefined
  }
}
