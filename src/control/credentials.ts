/** API secrets: 256 random bits, shown once, kept as a hash, always with an end. */
import type { CredentialId } from '../kernel/ids.ts'
import { formatDuration, type Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { Secret } from '../kernel/secret.ts'
import type { Credential, Identity } from '../model/identities.ts'
import { type Caller, type Desk, type DeskRight, note } from './desk.ts'
import { secretHash } from './exchange-token.ts'
import type { Change } from './ports.ts'
import { callerMay } from './rights.ts'

export const secretLifetimeMax: Milliseconds = 90 * 86_400_000
const liveSecretsMax = 5

export interface Issued {
  readonly credential: Credential
  readonly secret: Secret
}

/** The owner of a non-human, or whoever may administer. Nobody issues one for a person: people have passkeys. */
export async function issueSecret(desk: Desk, caller: Caller, name: string, lifetime: Milliseconds): Promise<Result<Issued>> {
  if (lifetime > secretLifetimeMax)
    return refuse('input.invalid', { detail: `a secret lives at most ${formatDuration(secretLifetimeMax)}` })
  return desk.store.change(async (tx) => {
    const owned = await ownedIdentity(desk, tx, caller, name)
    return owned.ok ? makeSecret(desk, tx, { ...owned.value, by: caller.actor.name, lifetime }) : owned
  })
}

/** The making itself, for deeds that have settled who may. */
export async function makeSecret(
  desk: Desk,
  tx: Change,
  { identity, by, lifetime, right = {} }: Owned & { readonly by: string; readonly lifetime: Milliseconds },
): Promise<Result<Issued>> {
  if (identity.kind === 'human') return refuse('input.invalid', { detail: 'people sign in with a passkey' })
  const live = desk.facts
    .credentialsOf(identity.id)
    .filter((each) => each.client === undefined && each.revokedAt === undefined && tx.now < each.expiresAt)
  if (live.length >= liveSecretsMax) return refuse('input.invalid', { detail: `at most ${liveSecretsMax} live secrets; revoke one first` })
  const id = desk.chance.id('crd', tx.now)
  const text = `rmt_${id}_${Buffer.from(desk.chance.bytes(32)).toString('base64url')}`
  const credential: Credential = {
    id,
    space: desk.space,
    identity: identity.id,
    hash: secretHash(text),
    issuedBy: by,
    createdAt: tx.now,
    expiresAt: tx.now + lifetime,
  }
  await tx.put('credential', credential)
  await note(tx, {
    kind: 'credential.issued',
    actor: by,
    subject: id,
    facts: { identity: identity.name, expiresAt: credential.expiresAt },
    right,
  })
  return done({ credential, secret: new Secret(text) })
}

/** Ends a secret and every token that rests on it, at once. */
export async function revokeSecret(desk: Desk, caller: Caller, id: CredentialId): Promise<Result<Credential>> {
  let mark = desk.stopping.mark()
  const revoked = await desk.store.change<Credential>(async (tx) => {
    const credential = await tx.get('credential', id)
    const identity = credential === undefined ? undefined : desk.facts.identity(credential.identity)
    if (credential === undefined || identity === undefined || credential.space !== desk.space) return refuse('not-found')
    const may = caller.actor.id === identity.id || identity.owner === caller.actor.id || callerMay(desk, caller, 'stop').ok
    if (!may) return refuse('not-found')
    if (credential.revokedAt !== undefined) {
      // It may not have stopped everywhere yet: then whoever asks again waits as the first one does.
      mark = { ...mark, version: 0 }
      return done(credential)
    }
    const ended: Credential = { ...credential, revokedAt: tx.now }
    await tx.put('credential', ended)
    await note(tx, { kind: 'credential.revoked', actor: caller.actor.name, subject: id, facts: { identity: identity.name } })
    return done(ended)
  })
  if (revoked.ok) await desk.stopping.confirmed(mark)
  return revoked
}

/** An identity, and what lets somebody who does not own it issue for it. */
interface Owned {
  readonly identity: Identity
  readonly right?: DeskRight
}

async function ownedIdentity(desk: Desk, tx: Change, caller: Caller, name: string): Promise<Result<Owned>> {
  const known = desk.facts.identityNamed(name)
  const identity = known === undefined ? undefined : await tx.get('identity', known.id)
  if (identity === undefined) return refuse('not-found')
  if (identity.owner === caller.actor.id) return done({ identity })
  const may = callerMay(desk, caller, 'administer')
  return may.ok ? done({ identity, right: may.value }) : refuse('not-found')
}
