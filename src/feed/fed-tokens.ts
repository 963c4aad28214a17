/** Reading tokens at a gateway elsewhere, by the public keys that control sends. */
import type { JsonObject } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import type { Result } from '../kernel/result.ts'
import type { Clock, TokenMint, WrittenClaims } from '../control/ports.ts'

/** Makes a reader of tokens from a JWK set. Refuses `credential.invalid` a set with anything in it but public keys of ours. */
export type MakeTokenReader = (given: {
  readonly keys: JsonObject
  readonly issuer: string
  readonly clock: Pick<Clock, 'now'>
}) => Result<Pick<TokenMint, 'read'>>

export class FedTokens implements Pick<TokenMint, 'read'> {
  readonly #make: (keys: JsonObject) => Result<Pick<TokenMint, 'read'>>
  #reader: Pick<TokenMint, 'read'> | undefined

  constructor(make: MakeTokenReader, issuer: string, clock: Pick<Clock, 'now'>) {
    this.#make = (keys) => make({ keys, issuer, clock })
  }

  /** From here on tokens of these keys are read, and of no others. */
  use(keys: JsonObject): Result<undefined> {
    const made = this.#make(keys)
    if (!made.ok) return made
    this.#reader = made.value
    return { ok: true, value: undefined }
  }

  async read(token: string, audience: string): Promise<Result<WrittenClaims>> {
    return this.#reader === undefined
      ? refuse('gateway.catching-up', { detail: 'control has not sent its keys yet' })
      : this.#reader.read(token, audience)
  }
}
