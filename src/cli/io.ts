/** What the command line touches outside itself, handed in so that a test can stand where the terminal stands. */
import type { Readable } from 'node:stream'

export interface Sink {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export interface Io {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  /** UTC milliseconds. */
  readonly now: () => number
}

/** This process's own. */
export function terminalIo(): Io {
  return { stdout: process.stdout, stderr: process.stderr, stdin: process.stdin, env: process.env, now: () => Date.now() }
}

const widthDefault = 100
const widthMin = 40

/** Columns that a line may take; unlimited where nobody looks, since a script wants whole words. */
export function widthOf(sink: Sink): number {
  if (sink.isTTY !== true) return Number.POSITIVE_INFINITY
  return Math.max(widthMin, sink.columns ?? widthDefault)
}

/** Whether colours may be used: on a terminal, and not against NO_COLOR (https://no-color.org). */
export function hasColours(sink: Sink, env: Io['env']): boolean {
  return sink.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
}
