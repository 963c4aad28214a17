/** One use of a passkey: verified before the transaction, because that is slow; its counter kept inside, because it may have moved meanwhile. */
import type { IdentityId } from '../kernel/ids.ts'
import type { JsonObject } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Identity, Passkey } from '../model/identities.ts'
import type { Desk } from './desk.ts'
import type { Change, Reading } from './ports.ts'

/** A browser's answer to a challenge. */
export interface SignedChallenge {
  readonly challenge: string
  readonly response: JsonObject
}

export interface PasskeyUse {
  readonly passkey: Passkey
  readonly counter: number
}

/** The passkey that signed the challenge; where a person is named, only theirs. Refuses `passkey.refused`. */
export async function verifyPasskey(desk: Desk, signed: SignedChallenge, person?: Identity): Promise<Result<PasskeyUse>> {
  const { challenge, response } = signed
  const credentialId = response['id']
  if (typeof credentialId !== 'string') return refuse('passkey.refused')
  const [passkey] = await desk.store.read((tx) => tx.find('passkey', { credentialId }))
  if (passkey === undefined || passkey.revokedAt !== undefined || (person !== undefined && passkey.person !== person.id)) {
    return refuse('passkey.refused', { detail: 'this passkey is not registered here' })
  }
  const { publicKey, counter, software } = passkey
  const verified = await desk.passkeys.assertion({ response, challenge, ...desk.pages(), credentialId, publicKey, counter, software })
  return verified.ok ? done({ passkey, counter: verified.value.counter }) : verified
}

/** Refuses a passkey that is gone, and a counter that does not go up: somebody may have copied it (WebAuthn §6.1.1). */
export async function keepCounter(tx: Change, { passkey, counter }: PasskeyUse): Promise<Result<undefined>> {
  const current = await tx.get('passkey', passkey.id)
  if (current === undefined || current.revokedAt !== undefined) return refuse('passkey.refused', { detail: 'it was revoked' })
  if (counter !== 0 && counter <= current.counter) return refuse('passkey.refused', { detail: 'its counter went back' })
  await tx.put('passkey', { ...current, counter, lastUsedAt: tx.now })
  return done(undefined)
}

/** What a person can sign with now. */
export async function passkeysOf(tx: Reading, person: IdentityId): Promise<readonly Passkey[]> {
  return (await tx.find('passkey', { person })).filter((passkey) => passkey.revokedAt === undefined)
}
