/** Programs that a gateway starts and ends: no shell, nothing of our environment but what is named, a group and a folder of their own. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { Secret } from '../kernel/secret.ts'
import { ErrorLines } from './child-error-lines.ts'
import { type ChildUser, childUser } from './child-user.ts'

export interface ChildProgram {
  /** The program, by its name on PATH or its whole path, and its arguments. */
  readonly command: readonly string[]
  /** Names in our own environment, read when it is started. */
  readonly variables: readonly string[]
  /** As `childUser` reads it. */
  readonly user?: string | undefined
}

/** Hears of one child, in order; nothing after `onEnd`, which always comes. */
export interface ChildListener {
  onOutput(bytes: Uint8Array): void
  /** A line of its stderr: short, printable, and without the values of its variables. */
  onErrorLine(line: string): void
  /** In words, such as `it exited with 1`. */
  onEnd(says: string): void
}

export interface Child {
  readonly pid: number | undefined
  /** Bytes that wait to be taken. */
  readonly waitingBytes: number
  write(bytes: Uint8Array): void
  /** Its input is closed and its group is sent SIGTERM, SIGKILL two seconds later. Resolves when it is gone. */
  end(): Promise<void>
}

type Process = ChildProcessByStdio<Writable, Readable, Readable>

const killAfterMs = 2_000
/** So long a pipe may stay open in a process that left the group, after the child itself is gone. */
const pipeMs = 200
/** Handed on where they are set, besides PATH and HOME: without them some programs find no libraries. */
const inherited = ['PATH', 'HOME', 'SystemRoot', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH']

/** What runs now. Ended at the latest when this process exits; one that is killed outright leaves children that read the end of their input. */
const running = new Set<SupervisedChild>()
/** Folders that could not be removed when their child had ended: tried again whenever another child begins or ends, the newest of them. */
const staying = new Set<string>()
const stayingMax = 100
let isWatched = false

/** Refuses with the name of a variable that is not set, and users that it cannot be run as; what goes wrong later is told to the listener. */
export function startChild(program: ChildProgram, listener: ChildListener): Result<Child> {
  const variables: [string, string][] = []
  for (const name of program.variables) {
    const value = process.env[name]
    if (value === undefined || value === '')
      return refuse('upstream.secret-unavailable', { detail: `the gateway's environment has no variable ${name}` })
    variables.push([name, value])
  }
  const user = childUser(program.user)
  if (!user.ok) return user
  if (!isWatched) {
    isWatched = true
    process.on('exit', () => {
      for (const child of running) child.kill()
    })
  }
  removeStaying()
  let folder: string | undefined
  try {
    folder = mkdtempSync(join(tmpdir(), 'remit-child-'))
    if (user.value !== undefined) chownSync(folder, user.value.uid, user.value.gid)
    return done(new SupervisedChild(folder, { command: program.command, variables, user: user.value }, listener))
  } catch (thrown) {
    if (folder !== undefined) removeFolder(folder)
    return refuse('upstream.unreachable', { detail: thrown instanceof Error ? describeStart(thrown) : 'it cannot be started' })
  }
}

interface Startable {
  readonly command: readonly string[]
  readonly variables: readonly (readonly [name: string, value: string])[]
  readonly user: ChildUser | undefined
}

class SupervisedChild implements Child {
  readonly #folder: string
  readonly #process: Process
  readonly #listener: ChildListener
  readonly #gone = Promise.withResolvers<void>()
  #kill: NodeJS.Timeout | undefined
  #says = ''
  #isOver = false

  constructor(folder: string, { command: [command = '', ...words], variables, user }: Startable, listener: ChildListener) {
    this.#listener = listener
    this.#folder = folder
    const own = inherited.flatMap((name) => {
      // Of another user ours is not the home.
      const value = name === 'HOME' && user !== undefined ? folder : process.env[name]
      return value === undefined ? [] : [[name, value] as const]
    })
    this.#process = spawn(command, words, {
      shell: false,
      // A group of its own: what it starts is ended with it, and a Ctrl-C at our terminal is not for it.
      detached: true,
      cwd: folder,
      env: Object.fromEntries([...own, ...variables]),
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
      // With another user the system also takes away every group that we are in.
      ...user,
    })
    running.add(this)
    this.#listen(
      new ErrorLines(
        variables.map(([, value]) => new Secret(value)),
        (line) => listener.onErrorLine(line),
      ),
    )
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  get waitingBytes(): number {
    return this.#process.stdin.writableLength
  }

  write(bytes: Uint8Array): void {
    if (!this.#isOver && this.#process.stdin.writable) this.#process.stdin.write(bytes)
  }

  async end(): Promise<void> {
    if (!this.#isOver && this.#kill === undefined) {
      this.#process.stdin.end()
      this.#signal('SIGTERM')
      this.#kill = setTimeout(() => this.kill(), killAfterMs)
    }
    await this.#gone.promise
  }

  kill(): void {
    this.#signal('SIGKILL')
  }

  #listen(lines: ErrorLines): void {
    const { stdin, stdout, stderr } = this.#process
    // Its input breaks when it ends; that it ended is said below.
    stdin.on('error', () => undefined)
    stdout.on('error', () => undefined).on('data', (bytes: Buffer) => this.#listener.onOutput(bytes))
    stderr.on('error', () => undefined).on('data', (bytes: Buffer) => lines.push(bytes))
    this.#process.on('error', (cause: Error & { readonly code?: string }) => {
      if (this.#process.pid === undefined) this.#over(describeStart(cause))
    })
    this.#process.on('exit', (code, signal) => {
      this.#says = signal === null ? `it exited with ${code ?? 1}` : `it was ended by ${signal}`
      // Whatever else is in its group has nobody to answer to any more.
      this.kill()
      setTimeout(() => this.#dropPipes(), pipeMs).unref()
    })
    this.#process.on('close', () => {
      lines.end()
      this.#over(this.#says)
    })
  }

  /** A process that left the group and kept the pipes must not keep us waiting. */
  #dropPipes(): void {
    this.#process.stdout.destroy()
    this.#process.stderr.destroy()
  }

  #over(says: string): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#kill)
    running.delete(this)
    removeStaying()
    const stays = removeFolder(this.#folder)
    if (stays !== undefined) {
      keepTrying(this.#folder)
      this.#listener.onErrorLine(`${this.#folder} could not be removed, and stays: ${stays}`)
    }
    this.#gone.resolve()
    this.#listener.onEnd(says)
  }

  /** To the whole group, which bears the child's own number. */
  #signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    const { pid } = this.#process
    if (pid === undefined || this.#isOver) return
    try {
      process.kill(-pid, signal)
    } catch {
      // Nobody is left in it.
    }
  }
}

/** What is in it is a child's: folders that nobody may write to, and files of processes that left its group. Answers why it stays. */
function removeFolder(folder: string): string | undefined {
  try {
    rmSync(folder, { recursive: true, force: true })
    return undefined
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code !== '' ? String(thrown.code) : 'it cannot be written to'
  }
}

function keepTrying(folder: string): void {
  staying.add(folder)
  const [oldest] = staying
  if (staying.size > stayingMax && oldest !== undefined) staying.delete(oldest)
}

function removeStaying(): void {
  for (const folder of staying) if (removeFolder(folder) === undefined) staying.delete(folder)
}

function describeStart({ code, message }: Error & { readonly code?: string }): string {
  if (code === 'ENOENT') return 'there is no such program'
  return code === 'EACCES' ? 'it may not be run' : message
}
