/** What goes wrong at the database, without what it was about: no row, no parameter and no password is ever in it. */

/** An error of the server (`code` is its SQLSTATE), or of the connection to it (no code). */
export class DatabaseFailure extends Error {
  readonly code: string | undefined

  constructor(message: string, code?: string) {
    super(message)
    this.code = code
  }
}

/** SQLSTATE classes that say that the database cannot work just now, rather than that our own code is wrong. */
const unavailable: readonly string[] = [
  '08', // connection exception
  '25006', // read-only transaction: a standby
  '25P03', // idle in transaction for too long
  '28', // authorization
  '3D', // no such database
  '40', // conflicts, after all tries
  '42501', // no privilege
  '53', // no room, no memory, no connections
  '55P03', // a lock that was waited for in vain
  '57', // shutdown, cancelled, out of time
  '58', // files and devices
  'XX', // internal, corrupted
]

/** What the database says of itself, or nothing when the error is a bug. */
export function describeFailure(thrown: unknown): string | undefined {
  if (!(thrown instanceof DatabaseFailure)) return undefined
  const { code, message } = thrown
  return code === undefined || unavailable.some((start) => code.startsWith(start)) ? message : undefined
}

/** Another transaction stood in the way: the same work may go through when it is tried again. */
export function isConflict(thrown: unknown): boolean {
  return thrown instanceof DatabaseFailure && (thrown.code === '40001' || thrown.code === '40P01')
}

/** Whether a commit that failed like this may have been kept all the same: the answer was lost, or the server was going down. */
export function leavesOpen(thrown: unknown): boolean {
  if (!(thrown instanceof DatabaseFailure)) return false
  return thrown.code === undefined || ['08', '53', '57', '58', 'XX'].some((start) => thrown.code?.startsWith(start) === true)
}

/** Makes what pg threw into a failure that may be shown and logged. `secrets` are taken out of its words. */
export function toFailure(thrown: unknown, secrets: readonly string[]): unknown {
  if (!(thrown instanceof Error) || thrown instanceof DatabaseFailure) return thrown
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined
  const isFromServer = 'severity' in thrown && code !== undefined
  // The connection's own errors: a code of the operating system says it all, and their words may name anything.
  if (!isFromServer && code !== undefined) return new DatabaseFailure(`the database cannot be reached (${code})`)
  let message = thrown.message === '' ? 'the database cannot be reached' : thrown.message
  for (const secret of secrets) message = message.replaceAll(secret, '[secret]')
  return isFromServer ? new DatabaseFailure(message, code) : new DatabaseFailure(message)
}
