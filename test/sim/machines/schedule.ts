/** Virtual time: one queue of events, in which each is followed by everything that it set going before the next one comes. */
import { createHash } from 'node:crypto'

interface Entry {
  readonly at: number
  readonly order: number
  readonly work: () => void
  isOff: boolean
}

/** Instants are whole parts of a millisecond of this size, so that adding and taking away loses nothing. */
const partsOfMs = 1_024
/** So many on one instant are a loop that nothing in this world ends. */
const atOnceMax = 100_000
/** Events that are kept to be shown when a law breaks. */
const tailMax = 400

/** Milliseconds count from the beginning of the run, with fractions. Nothing here ever waits for the machine's own time. */
export class Schedule {
  #now = 0
  #order = 0
  #events = 0
  #atOnce = 0
  readonly #heap: Entry[] = []
  readonly #trace = createHash('sha256')
  readonly #tail: string[] = []
  #isStopped = false

  get now(): number {
    return this.#now
  }

  get events(): number {
    return this.#events
  }

  /** The last things that were said. */
  get tail(): readonly string[] {
    return this.#tail
  }

  /** Calls once; answers how to call it off. What falls on the same instant happens in the order of asking. */
  at(when: number, work: () => void): () => void {
    const at = Math.max(Math.ceil(when * partsOfMs) / partsOfMs, this.#now)
    const entry: Entry = { at, order: this.#order, work, isOff: false }
    this.#order += 1
    this.#push(entry)
    return () => {
      entry.isOff = true
    }
  }

  after(milliseconds: number, work: () => void): () => void {
    return this.at(this.#now + milliseconds, work)
  }

  /** Resolves after so long. */
  wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(milliseconds, resolve)
    })
  }

  /** Goes into the trace: two runs are the same when everything they said is. */
  say(text: string): void {
    const line = `${this.#now.toFixed(3)} ${text}`
    this.#trace.update(line)
    this.#tail.push(line)
    if (this.#tail.length > tailMax * 2) this.#tail.splice(0, tailMax)
  }

  /** The hash over everything that was said so far. */
  traceHash(): string {
    return this.#trace.copy().digest('hex').slice(0, 32)
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Runs until an instant, or until it is stopped. `each` is called after every event, when nothing that it set going is left. */
  async run(until: number, each: () => void): Promise<void> {
    while (!this.#isStopped) {
      const next = this.#pop()
      if (next === undefined) break
      if (next.at > until) {
        this.#push(next)
        break
      }
      if (next.isOff) continue
      this.#atOnce = next.at > this.#now ? 0 : this.#atOnce + 1
      if (this.#atOnce > atOnceMax) throw new Error(`time stands still at ${next.at}`)
      this.#now = next.at
      this.#events += 1
      next.work()
      await drained()
      each()
    }
    this.#now = Math.max(this.#now, Math.min(until, Number.MAX_SAFE_INTEGER))
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    heap.push(entry)
    let place = heap.length - 1
    while (place > 0) {
      const above = (place - 1) >> 1
      if (!isBefore(entry, heap[above])) break
      heap[place] = heap[above] ?? entry
      place = above
    }
    heap[place] = entry
  }

  #pop(): Entry | undefined {
    const heap = this.#heap
    const [top] = heap
    const last = heap.pop()
    if (top === undefined || last === undefined || heap.length === 0) return top
    let place = 0
    for (;;) {
      let below = place * 2 + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && isBefore(heap[below + 1], heap[below])) below += 1
      const candidate = heap[below]
      if (candidate === undefined || !isBefore(candidate, last)) break
      heap[place] = candidate
      place = below
    }
    heap[place] = last
    return top
  }
}

function isBefore(one: Entry | undefined, two: Entry | undefined): boolean {
  if (one === undefined || two === undefined) return one !== undefined
  return one.at < two.at || (one.at === two.at && one.order < two.order)
}

/** Every promise that can go on has gone on: the loop comes round only when the queue of microtasks is empty. */
function drained(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
