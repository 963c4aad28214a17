/** Remit as the demo uses it: `bin/remit up` as a process of its own, and the command line as anybody would type it. */
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { spawnChild } from './children.ts'

const remit = fileURLToPath(new URL('../bin/remit', import.meta.url))

export type Environment = Readonly<Record<string, string>>

export interface Ready {
  readonly url: string
  readonly pages: string
  /** Until somebody has registered. */
  readonly link?: string
  readonly gateways: readonly { readonly service: string; readonly url: string }[]
  readonly warnings: readonly string[]
}

export interface RunningRemit {
  readonly ready: Ready
  readonly process: ChildProcess
  stop(): Promise<void>
}

/** Starts Remit, on free ports unless `more` says otherwise; resolves when its one line says that it is ready. */
export async function startRemit(
  data: string,
  configuration: string,
  env: Environment,
  more: readonly string[] = [],
): Promise<RunningRemit> {
  const words = ['up', '--data', data, '--port', '0', '--demo', '-f', configuration, '--json', ...more]
  const child = spawnChild(remit, words, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  const line = await firstLine(child)
  return { ready: JSON.parse(line) as Ready, process: child, stop: () => end(child) }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
    child.once('exit', (code) => reject(new Error(`remit up ended with ${code}`)))
  })
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command line under way. */
export class Command {
  readonly child: ChildProcess
  #stdout = ''
  #stderr = ''
  readonly #exit: Promise<number | null>
  readonly #closed: Promise<void>

  constructor(words: readonly string[], env: Environment, onLine?: (line: string) => void) {
    this.child = spawnChild(remit, words, { env: { ...bare(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
      for (const line of text.split('\n')) if (line !== '') onLine?.(line)
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    this.#exit = new Promise((resolve) => this.child.once('exit', (code) => resolve(code)))
    this.#closed = new Promise((resolve) => this.child.once('close', () => resolve()))
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  /** When the command itself has ended. */
  get exit(): Promise<number | null> {
    return this.#exit
  }

  /** When also whatever it started has let go of its output. */
  async done(): Promise<Ran> {
    const code = await this.#exit
    await this.#closed
    return { code, stdout: this.#stdout, stderr: this.#stderr }
  }
}

/** The demo's own environment without anything of Remit's, so that nobody acts as somebody else by accident. */
function bare(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('REMIT_')))
}

/** Runs one command to its end. */
export async function runRemit(words: readonly string[], env: Environment): Promise<Ran> {
  return new Command(words, env).done()
}

/** Runs a command with `--json` and answers what it printed; throws what it said when it did not work. */
export async function askRemit<T>(words: readonly string[], env: Environment): Promise<T> {
  const ran = await runRemit([...words, '--json'], env)
  if (ran.code !== 0) throw new Error(`remit ${words.join(' ')} ended with ${ran.code}: ${ran.stdout}${ran.stderr}`)
  return JSON.parse(ran.stdout) as T
}
