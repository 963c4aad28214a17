/** A command run as a child: signals passed on to it, told to stop when it must, its end in the shell's own numbers. */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Io } from './io.ts'

export const forwardedSignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
export type ForwardedSignal = (typeof forwardedSignals)[number]

export interface CommandEnd {
  /** As a shell gives it: 128 and the signal's number for one that a signal ended, 127 not found, 126 not to be run. */
  readonly exitCode: number
  /** For people: `exited with 0`. */
  readonly says: string
  /** It never ran. */
  readonly unstarted?: true
}

const killAfterMs = 5_000

/** Signals that the terminal itself sends to everything in the foreground: passing them on would be a second Ctrl-C. */
const fromTerminal: ReadonlySet<string> = new Set(['SIGINT', 'SIGQUIT'])

/** Catches what would end this process, from its making until `stop`: for the child when there is one, else as an abort. */
export class SignalRelay {
  readonly #broken = new AbortController()
  readonly #handlers = new Map<ForwardedSignal, () => void>()
  readonly #isTerminal: boolean
  #child: ChildProcess | undefined
  #received: ForwardedSignal | undefined

  constructor({ stdin }: Pick<Io, 'stdin'>) {
    this.#isTerminal = stdin.isTTY === true
    for (const signal of forwardedSignals) {
      const handler = () => this.#take(signal)
      this.#handlers.set(signal, handler)
      process.on(signal, handler)
    }
  }

  /** Aborted by the first signal that comes while no child runs. */
  get signal(): AbortSignal {
    return this.#broken.signal
  }

  get received(): ForwardedSignal | undefined {
    return this.#received
  }

  passTo(child: ChildProcess): void {
    this.#child = child
  }

  stop(): void {
    for (const [signal, handler] of this.#handlers) process.off(signal, handler)
  }

  #take(signal: ForwardedSignal): void {
    this.#received ??= signal
    if (this.#child === undefined) this.#broken.abort(new Error(`stopped by ${signal}`))
    else if (!(this.#isTerminal && fromTerminal.has(signal))) this.#child.kill(signal)
  }
}

export interface Started {
  readonly ended: Promise<CommandEnd>
  /** SIGTERM, and SIGKILL to one that is still there five seconds later. */
  readonly tellToStop: () => void
}

/** Starts it with this process's terminal or pipes. It gets exactly the environment that is given. */
export function startCommand(words: readonly string[], env: Readonly<Record<string, string>>, relay: SignalRelay): Started {
  const [command = '', ...rest] = words
  const child = spawn(command, rest, { stdio: 'inherit', env })
  relay.passTo(child)
  const { promise, resolve } = Promise.withResolvers<CommandEnd>()
  let kill: NodeJS.Timeout | undefined
  child.once('error', (cause: Error & { readonly code?: string }) => {
    if (child.pid === undefined)
      resolve({ exitCode: cause.code === 'EACCES' ? 126 : 127, says: `could not be started: ${describeStart(cause)}`, unstarted: true })
  })
  child.once('exit', (code, signal) => {
    clearTimeout(kill)
    resolve(
      signal === null
        ? { exitCode: code ?? 1, says: `exited with ${code ?? 1}` }
        : { exitCode: signalCode(signal), says: `was ended by ${signal}` },
    )
  })
  const tellToStop = () => {
    child.kill('SIGTERM')
    kill = setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  }
  return { ended: promise, tellToStop }
}

function describeStart({ code, message }: Error & { readonly code?: string }): string {
  if (code === 'ENOENT') return 'there is no such command'
  return code === 'EACCES' ? 'it may not be run' : message
}

export function signalCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}
