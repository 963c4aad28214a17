/** What a gateway writes for its operator: facts first, then a sentence. A pino logger fits as it is. */
export interface Log {
  info(facts: object, says: string): void
  warn(facts: object, says: string): void
  error(facts: object, says: string): void
}
