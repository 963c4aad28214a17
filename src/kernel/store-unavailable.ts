/** Thrown where the store cannot be read just now: the one failure of a read that is nobody's bug. */

export class StoreUnavailable extends Error {
  /** The database's own words; they hold no secret. */
  readonly detail: string

  constructor(detail: string) {
    super(`the store cannot be read: ${detail}`)
    this.detail = detail
  }
}
