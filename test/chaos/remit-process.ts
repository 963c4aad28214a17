/** `remit up` as a process of its own, from the sources: started, killed outright, stopped, and heard. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Ready } from '../../src/cli/house.ts'

const program = fileURLToPath(new URL('../../src/main/remit.ts', import.meta.url))
const readyMs = 300_000

export type Environment = Readonly<Record<string, string>>

export interface StartOptions {
  readonly data: string
  /** Beside `--data`, `--demo`, `--port 0` and `--json`. */
  readonly words?: readonly string[]
  readonly env?: Environment
  /** A command that runs the one that follows it, such as `unshare`. */
  readonly through?: readonly string[]
}

/** Everything of Remit's own is left out of the environment, so that nobody acts as somebody else by accident. */
function bare(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('REMIT_')))
}

export interface Ended {
  readonly code: number | null
  readonly signal: string | null
}

/** From `start` until it has ended, however it ends. */
export class RemitProcess {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  #stdout = ''
  #stderr = ''
  readonly #line = Promise.withResolvers<string>()

  constructor(words: readonly string[], { env = {}, through = [] }: Pick<StartOptions, 'env' | 'through'> = {}) {
    const [command = '', ...rest] = [...through, process.execPath, '--disable-warning=ExperimentalWarning', program, ...words]
    this.child = spawn(command, rest, { env: { ...bare(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
      const end = this.#stdout.indexOf('\n')
      // What it says when it cannot start is a line too.
      if (end >= 0 && this.#stdout.includes('"url"')) this.#line.resolve(this.#stdout.slice(0, end))
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = `${this.#stderr}${text}`.slice(-100_000)
    })
    this.#line.promise.catch(() => undefined)
    // A test that is cut short leaves nothing behind.
    const abandon = () => this.child.kill('SIGKILL')
    process.once('exit', abandon)
    this.ended = once(this.child, 'close').then(([code, signal]: (string | number | null)[]) => {
      process.off('exit', abandon)
      this.#line.reject(new Error(`remit ${words[0] ?? ''} ended with ${code ?? signal}: ${this.#stdout}${this.#stderr}`))
      return { code: typeof code === 'number' ? code : null, signal: typeof signal === 'string' ? signal : null }
    })
  }

  static start({ data, words = [], ...rest }: StartOptions): RemitProcess {
    return new RemitProcess(['up', '--data', data, '--demo', '--port', '0', '--json', ...words], rest)
  }

  get stdout(): string {
    return this.#stdout
  }

  /** What it said to its operator. */
  get stderr(): string {
    return this.#stderr
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** When it says that it is ready. Throws what it said instead when it ended before. */
  async ready(): Promise<Ready> {
    const late = setTimeout(() => this.#line.reject(new Error(`not ready after ${readyMs / 1_000} s: ${this.#stderr}`)), readyMs)
    const line = await this.#line.promise.finally(() => clearTimeout(late))
    return JSON.parse(line) as Ready
  }

  /** As when the power fails. */
  async kill(): Promise<void> {
    if (this.isAlive) this.child.kill('SIGKILL')
    await this.ended
  }

  /** As an operator stops it. */
  async stop(): Promise<Ended> {
    if (this.isAlive) this.child.kill('SIGTERM')
    return this.ended
  }
}

/** Runs one command of Remit to its end. */
export async function runRemit(words: readonly string[], env: Environment = {}): Promise<{ code: number | null; said: string }> {
  const ran = new RemitProcess(words, { env })
  const { code } = await ran.ended
  return { code, said: `${ran.stdout}${ran.stderr}` }
}
