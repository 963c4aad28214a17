/** Which errors of SQLite say that the store cannot work just now, rather than that our own code is wrong. */

const unavailable: ReadonlySet<number> = new Set([
  5, // BUSY: another program has the file
  7, // NOMEM
  8, // READONLY
  10, // IOERR
  11, // CORRUPT
  13, // FULL
  14, // CANTOPEN
  26, // NOTADB
])

/** What SQLite says of itself (`disk I/O error`), or nothing when the error is a bug. */
export function describeUnavailable(thrown: unknown): string | undefined {
  const code = errorCode(thrown)
  if (code === undefined || !unavailable.has(code)) return undefined
  return thrown instanceof Error && 'errstr' in thrown && typeof thrown.errstr === 'string' ? thrown.errstr : 'the database failed'
}

export function isBusy(thrown: unknown): boolean {
  return errorCode(thrown) === 5
}

/** SQLite's primary result code: the low byte of the extended one. */
function errorCode(thrown: unknown): number | undefined {
  return thrown instanceof Error && 'errcode' in thrown && typeof thrown.errcode === 'number' ? thrown.errcode & 0xff : undefined
}
