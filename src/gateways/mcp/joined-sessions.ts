/** A session of the revisions before 2026-07-28 with several servers under one roof: one session with each of them. */

/** What one server said to `initialize`. */
export interface MemberSession {
  readonly service: string
  readonly revision: string
  /** Absent where the server keeps none. */
  readonly id?: string
}

export interface JoinedSession {
  readonly members: readonly MemberSession[]
}
