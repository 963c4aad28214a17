/** Ports that answer at once and always the same: tokens, passkeys and policy checks, whose real ones wait for other threads. */
import { createHash, createHmac } from 'node:crypto'
import type { PolicyChecker } from '../../../src/control/policy-checking.ts'
import type { IssuerTokens, Passkeys, TokenMint, WrittenClaims } from '../../../src/control/ports.ts'
import { PolicyChecker as RealChecker } from '../../../src/host/policy-checker.ts'
import { isJsonObject, type JsonObject } from '../../../src/kernel/json.ts'
import { refuse } from '../../../src/kernel/refusals.ts'
import { done, type Result } from '../../../src/kernel/result.ts'
import { Secret } from '../../../src/kernel/secret.ts'

/** Tokens under a keyed hash: who has not the key cannot make one, as with the real signature. */
export function quickMint(clock: { now(): number }): TokenMint {
  const seal = (text: string) => createHmac('sha256', 'the key of the simulation').update(text).digest('base64url')
  return {
    issue: async (claims) => {
      const text = Buffer.from(JSON.stringify(claims)).toString('base64url')
      return new Secret(`${text}.${seal(text)}`)
    },
    read: async (token, audience) => {
      const [text = '', mark = ''] = token.split('.')
      if (seal(text) !== mark) return refuse('credential.invalid', { detail: 'it was not issued here' })
      const claims: WrittenClaims = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
      const now = clock.now()
      if (claims.audience !== audience) return refuse('credential.invalid', { detail: 'it is for another audience' })
      if (now >= claims.expiresAt) return refuse('credential.invalid', { detail: 'it has ended' })
      // Among machines whose clocks differ a token may seem to come from the future.
      return done(claims)
    },
    keys: () => ({ keys: [] }),
  }
}

/** The same at a gateway elsewhere: the key that control sends is not looked at. */
export function quickReader({ clock }: { readonly clock: { now(): number } }): Result<Pick<TokenMint, 'read'>> {
  return done(quickMint(clock))
}

/** What a person's device answers to a challenge. */
export function signAs(person: string, challenge: string): JsonObject {
  const signature = createHash('sha256').update(`${person} ${challenge}`).digest('base64url')
  return { id: `key-of-${person}`, response: { clientDataJSON: challenge, authenticatorData: person, signature } }
}

export const quickPasskeys: Passkeys = {
  registration: async ({ response }) => {
    const id = response['id']
    if (typeof id !== 'string') return refuse('passkey.refused')
    return done({ credentialId: id, publicKey: id, counter: 0, software: false })
  },
  assertion: async ({ response, challenge, credentialId }) => {
    const person = credentialId.slice('key-of-'.length)
    const [wanted, given] = [signAs(person, challenge)['response'], response['response']]
    const fits = isJsonObject(wanted) && isJsonObject(given) && wanted['signature'] === given['signature']
    return fits ? done({ counter: 0 }) : refuse('passkey.refused', { detail: 'the signature does not fit' })
  },
}

export const noIssuers: IssuerTokens = { read: async () => refuse('credential.invalid', { detail: 'there are no issuers here' }) }

/** Cedar's own answers: found by the real checker beforehand, given at once afterwards. */
export class KnownChecks implements PolicyChecker {
  readonly #known = new Map<string, Awaited<ReturnType<PolicyChecker['check']>>>()
  #real: RealChecker | undefined = new RealChecker()

  async check(...[files, schema]: Parameters<PolicyChecker['check']>): ReturnType<PolicyChecker['check']> {
    const key = createHash('sha256')
      .update(JSON.stringify([files, schema]))
      .digest('base64')
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (this.#real === undefined) throw new Error('policies that nobody had checked before the run')
    const checked = await this.#real.check(files, schema)
    this.#known.set(key, checked)
    return checked
  }

  async checkApplication(texts: Parameters<PolicyChecker['checkApplication']>[0]): ReturnType<PolicyChecker['checkApplication']> {
    if (this.#real === undefined) throw new Error('an application that nobody had checked before the run')
    return this.#real.checkApplication(texts)
  }

  /** From here on nothing new is checked. */
  async freeze(): Promise<void> {
    await this.#real?.close()
    this.#real = undefined
  }
}
