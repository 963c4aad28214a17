/** What an OAuth client gets for a code, and for a refresh token: a short token for its agent, and the next refresh token. Shown twice, all of it ends. */
import { createHash } from 'node:crypto'
import type { CredentialId } from '../kernel/ids.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { done, type Result } from '../kernel/result.ts'
import { Secret } from '../kernel/secret.ts'
import { chainStands } from '../decision/facts.ts'
import type { ClientAuthorization, Credential } from '../model/identities.ts'
import { codeKey } from './authorization-code.ts'
import { isSameAddress } from './authorization-code-request.ts'
import { type Allowed, parseAllowed } from './authorization-code-text.ts'
import { type Desk, machinery, note } from './desk.ts'
import { mint } from './exchange-token.ts'
import { gatewayAudience } from './identify.ts'
import type { Change } from './ports.ts'
import { joinProofs } from './proofs.ts'

export const accessMax: Milliseconds = 3_600_000
/** Until a person has to be asked again, however often it was refreshed. */
export const refreshMax: Milliseconds = 30 * 86_400_000
/** Of one agent; the one that was used longest ago makes room. */
const liveMax = 20

export interface ClientTokens {
  readonly access: Secret
  readonly expiresAt: Instant
  readonly refresh?: Secret
  readonly scope: readonly string[]
}

/** RFC 6749 § 5.2 and RFC 8707 § 2: what the client hears, which is never which part of its proof was right. */
export interface TokenFailure {
  readonly error: 'invalid_grant' | 'invalid_target' | 'invalid_scope'
  readonly says: string
}

export type Redeemed = { readonly kind: 'tokens'; readonly tokens: ClientTokens } | ({ readonly kind: 'failure' } & TokenFailure)

export interface Redeeming {
  readonly code: string
  readonly client: string
  readonly redirect: string
  readonly verifier: string
  readonly resource: string
}

/** What a change leaves to do once it is kept. */
type Settled =
  | { readonly kind: 'given'; readonly credential: Credential; readonly client: ClientAuthorization; readonly refresh?: Secret }
  | { readonly kind: 'ended' }
  | ({ readonly kind: 'failure' } & TokenFailure)

const badCode: Settled = {
  kind: 'failure',
  error: 'invalid_grant',
  says: 'this code is unknown, used, or for another client, redirect or verifier',
}
const badRefresh: Settled = { kind: 'failure', error: 'invalid_grant', says: 'this refresh token is unknown, used, or has ended' }
const gone: Settled = { kind: 'failure', error: 'invalid_grant', says: 'the agent, or the person it acts for, may not act any more' }
const otherTarget: Settled = { kind: 'failure', error: 'invalid_target', says: 'resource is not the one that was authorized' }

/** A code is tried once: whatever is wrong with the try, it is used up. Tried again after it was redeemed, what it was redeemed for ends. */
export async function redeemCode(desk: Desk, redeeming: Redeeming): Promise<Result<Redeemed>> {
  return settle(desk, async (tx) => {
    const waiting = await tx.get('challenge', codeKey(redeeming.code))
    if (waiting?.purpose !== 'authorization-code') return endRedeemed(desk, tx, redeeming.code)
    await tx.remove('challenge', waiting.id)
    const allowed = parseAllowed(waiting.about)
    const person = waiting.person
    if (allowed === undefined || person === undefined || tx.now >= waiting.expiresAt || !fits(allowed, redeeming)) return badCode
    if (!isSameAddress(allowed.resource, redeeming.resource)) return otherTarget
    const agent = desk.facts.identity(allowed.agent)
    if (agent?.owner !== person || !chainStands(desk.facts, [allowed.agent, person]).ok) return gone
    await makeRoom(desk, tx, allowed)
    const stays = random(desk)
    const turns = random(desk)
    const client: ClientAuthorization = {
      id: allowed.client,
      person,
      passkey: allowed.passkey,
      gateway: allowed.gateway,
      resource: allowed.resource,
      scope: allowed.scope,
      code: sha256(redeeming.code),
      ...(allowed.refreshes ? { family: sha256(stays) } : {}),
    }
    const by = desk.facts.identity(person)?.name ?? person
    const credential: Credential = {
      id: allowed.id,
      space: desk.space,
      identity: allowed.agent,
      hash: turnHash(allowed.id, turns),
      issuedBy: by,
      createdAt: tx.now,
      expiresAt: tx.now + (allowed.refreshes ? refreshMax : accessMax),
      client,
    }
    await tx.put('credential', credential)
    const { expiresAt } = credential
    const facts = { identity: agent.name, person: by, client: client.id, expiresAt }
    await note(tx, { kind: 'credential.issued', actor: by, subject: credential.id, facts })
    return { kind: 'given', credential, client, ...(allowed.refreshes ? { refresh: refreshText(credential.id, stays, turns) } : {}) }
  })
}

function fits(allowed: Allowed, { client, redirect, verifier }: Redeeming): boolean {
  if (allowed.client !== client || allowed.redirect !== redirect) return false
  // RFC 7636 § 4.1 and § 4.6.
  return /^[A-Za-z0-9._~-]{43,128}$/.test(verifier) && createHash('sha256').update(verifier).digest('base64url') === allowed.challenge
}

/** RFC 6749 § 4.1.2: a code that comes twice was heard by two. */
async function endRedeemed(desk: Desk, tx: Change, code: string): Promise<Settled> {
  const [, id] = /^(crd_[0-9A-Z]{26})\.[A-Za-z0-9_-]{43}$/.exec(code) ?? []
  const credential = id === undefined ? undefined : await tx.get('credential', id)
  if (credential?.client?.code !== sha256(code)) return badCode
  return endCredential(desk, tx, credential, 'its code was shown a second time')
}

export interface Refreshing {
  readonly token: string
  readonly client: string
  readonly resource?: string
  readonly scope?: string
}

/** Each refresh token is good once; one that comes again was copied, and its family ends with every token made from it (RFC 9700 § 4.14.2). */
export async function refreshTokens(desk: Desk, refreshing: Refreshing): Promise<Result<Redeemed>> {
  return settle(desk, async (tx) => {
    const [, id, stays, turns] = /^rmr_(crd_[0-9A-Z]{26})_([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/.exec(refreshing.token) ?? []
    if (id === undefined || stays === undefined || turns === undefined) return badRefresh
    const credential = await tx.get('credential', id)
    const client = credential?.client
    if (credential === undefined || client === undefined || client.family !== sha256(stays)) return badRefresh
    if (credential.revokedAt !== undefined || tx.now >= credential.expiresAt || client.id !== refreshing.client) return badRefresh
    if (credential.hash !== turnHash(credential.id, turns))
      return endCredential(desk, tx, credential, 'a refresh token of it was shown a second time')
    if (refreshing.resource !== undefined && !isSameAddress(client.resource, refreshing.resource)) return otherTarget
    if (refreshing.scope !== undefined && !isWithin(refreshing.scope, client.scope))
      return { kind: 'failure', error: 'invalid_scope', says: 'a refresh asks for no more than was authorized' }
    const chain = [credential.identity, client.person]
    if (!chainStands(desk.facts, chain).ok || !desk.facts.isProofLive(client.passkey, tx.now)) return gone
    if (desk.facts.identity(credential.identity)?.owner !== client.person) return gone
    const next = random(desk)
    const renewed: Credential = { ...credential, hash: turnHash(credential.id, next), lastUsedAt: tx.now }
    await tx.put('credential', renewed)
    const actor = desk.facts.identity(credential.identity)?.name ?? credential.identity
    await note(tx, { kind: 'credential.refreshed', actor, subject: credential.id, facts: { client: client.id } })
    return { kind: 'given', credential: renewed, client, refresh: refreshText(credential.id, stays, next) }
  })
}

function isWithin(asked: string, scope: readonly string[]): boolean {
  return asked.split(' ').every((line) => line === '' || line === 'offline_access' || scope.includes(line))
}

/** Does the change, then what can only follow it: issuing what was given, or waiting until what ended has stopped everywhere. */
async function settle(desk: Desk, work: (tx: Change) => Promise<Settled>): Promise<Result<Redeemed>> {
  const mark = desk.stopping.mark()
  const settled = await desk.store.change(async (tx) => done(await work(tx)))
  if (!settled.ok) return settled
  switch (settled.value.kind) {
    case 'failure':
      return done(settled.value)
    case 'ended':
      await desk.stopping.confirmed(mark)
      return done({ kind: 'failure', error: 'invalid_grant', says: 'it was shown a second time, and so all of it has ended' })
    case 'given':
      return issue(desk, settled.value)
  }
}

async function issue(desk: Desk, given: Extract<Settled, { kind: 'given' }>): Promise<Result<Redeemed>> {
  const { credential, client, refresh } = given
  const proved = {
    chain: [credential.identity, client.person],
    provedBy: joinProofs(credential.id, client.passkey),
    endsAt: credential.expiresAt,
    facts: {},
    lifetime: accessMax,
  }
  const minted = await mint(desk, proved, gatewayAudience(desk.space, client.gateway), undefined)
  if (!minted.ok)
    return done({ kind: 'failure', error: 'invalid_grant', says: 'the agent, or the person it acts for, may not act any more' })
  const { token, expiresAt } = minted.value
  const tokens: ClientTokens = { access: token, expiresAt, scope: client.scope, ...(refresh === undefined ? {} : { refresh }) }
  return done({ kind: 'tokens', tokens })
}

async function makeRoom(desk: Desk, tx: Change, { agent }: Allowed): Promise<void> {
  const live = desk.facts
    .credentialsOf(agent)
    .filter((each) => each.client !== undefined && each.revokedAt === undefined && tx.now < each.expiresAt)
    .toSorted((a, b) => (a.lastUsedAt ?? a.createdAt) - (b.lastUsedAt ?? b.createdAt))
  for (const each of live.slice(0, Math.max(0, live.length - liveMax + 1))) await endCredential(desk, tx, each, 'newer ones took its place')
}

async function endCredential(desk: Desk, tx: Change, credential: Credential, reason: string): Promise<Settled> {
  if (credential.revokedAt !== undefined) return badCode
  await tx.put('credential', { ...credential, revokedAt: tx.now })
  const identity = desk.facts.identity(credential.identity)?.name ?? credential.identity
  const client = credential.client === undefined ? {} : { client: credential.client.id }
  await note(tx, { kind: 'credential.revoked', actor: machinery, subject: credential.id, facts: { identity, reason, ...client } })
  return { kind: 'ended' }
}

/** What stays proves that a token is of the family; what turns, that it is the newest. */
function refreshText(id: CredentialId, stays: string, turns: string): Secret {
  return new Secret(`rmr_${id}_${stays}.${turns}`)
}

function turnHash(id: CredentialId, turns: string): string {
  return sha256(`refresh:${id}:${turns}`)
}

function random(desk: Pick<Desk, 'chance'>): string {
  return Buffer.from(desk.chance.bytes(32)).toString('base64url')
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
