/** What a refusal says of itself, in the tables. */

export interface RefusalRow {
  /** HTTP status with which it is told. */
  readonly status: 400 | 401 | 403 | 404 | 409 | 410 | 413 | 415 | 421 | 422 | 429 | 500 | 502 | 503 | 504
  /** Who hears the reason: the caller, or only the operator (the caller then hears `not-found` or `credential.invalid`). */
  readonly tells: 'caller' | 'operator'
  /** What is so, in lowercase. */
  readonly says: string
  /** What to do next. */
  readonly remedy: string
}
