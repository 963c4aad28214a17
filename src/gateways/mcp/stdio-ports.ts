/** What the gateway needs to start MCP servers: the host's child processes, handed in. */
import type { Clock } from '../../control/ports.ts'
import type { Result } from '../../kernel/result.ts'
import type { Log } from '../shared/log.ts'
import type { StdioLimits } from './stdio-limits.ts'

export interface ChildProgram {
  readonly command: readonly string[]
  /** Names in the environment of the gateway, read at each start. */
  readonly variables: readonly string[]
  /** As whom, on this machine; without it as the gateway's own user, unless that is root. */
  readonly user?: string | undefined
}

/** Hears of one child, in order; nothing after `onEnd`, which always comes. */
export interface ChildListener {
  onOutput(bytes: Uint8Array): void
  /** A line of its stderr, fit for a log. */
  onErrorLine(line: string): void
  onEnd(says: string): void
}

export interface Child {
  readonly pid: number | undefined
  readonly waitingBytes: number
  write(bytes: Uint8Array): void
  end(): Promise<void>
}

/** Starts a program without a shell, with PATH, HOME and the variables, in a folder and a process group of its own. */
export type StartChild = (program: ChildProgram, listener: ChildListener) => Result<Child>

export interface StdioParts {
  readonly service: string
  readonly program: ChildProgram
  readonly start: StartChild
  readonly clock: Pick<Clock, 'now' | 'after'>
  readonly log: Log
  readonly limits?: Partial<StdioLimits>
}
