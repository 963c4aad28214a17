/** Token exchange (RFC 8693): a proof of identity in, a short Remit token for one audience, and maybe one grant, out. */
import { createHash } from 'node:crypto'
import { type GrantId, type IdentityId, parseId } from '../kernel/ids.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { parseJson, isJsonObject } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Secret } from '../kernel/secret.ts'
import { isLive, isSameChain } from '../decision/decide.ts'
import { chainStands } from '../decision/facts.ts'
import type { Credential, Issuer } from '../model/identities.ts'
import { gatewayOf, ownGateway } from '../model/gateways.ts'
import { type Desk, note } from './desk.ts'
import { atDesk, controlAudience, gatewayAudience, identify, TokenReader } from './identify.ts'
import type { TokenClaims } from './ports.ts'
import { issuedProof, joinProofs } from './proofs.ts'

export const tokenTypes = {
  secret: 'urn:remit:token-type:api-secret',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
  access: 'urn:ietf:params:oauth:token-type:access_token',
} as const

export interface Exchange {
  readonly subjectToken: string
  readonly subjectTokenType: string
  /** Who acts for the subject: its proof, of the same types. */
  readonly actorToken?: string
  readonly actorTokenType?: string
  readonly audience?: string
  readonly grant?: string
  readonly address: string
}

export interface Exchanged {
  readonly token: Secret
  readonly expiresAt: Instant
  readonly claims: TokenClaims
}

const tokenMax: Milliseconds = 900_000
const useNotedEvery: Milliseconds = 86_400_000
/** An exception lasts for weeks; a token that names it must not. */
const standingTokenMax: Milliseconds = 8 * 3_600_000

interface Proved {
  readonly chain: readonly IdentityId[]
  readonly provedBy: string
  readonly endsAt: Instant
  readonly facts: Readonly<Record<string, string>>
  /** How long a token for it may live; a quarter of an hour unless said; a grant that it names is the other limit. */
  readonly lifetime?: Milliseconds
}

/** Exchanges. Refuses `credential.invalid` whatever is wrong with a proof, so that nobody learns which part was right. */
export async function exchangeToken(desk: Desk, exchange: Exchange): Promise<Result<Exchanged>> {
  const audience = exchange.audience ?? controlAudience(desk.space)
  if (!audiences(desk).includes(audience)) return refuse('input.invalid', { detail: 'audience is not one of this Remit' })
  const subject = await prove(desk, exchange, exchange.subjectToken, exchange.subjectTokenType)
  if (!subject.ok) return subject
  const proved = exchange.actorToken === undefined ? subject : await actFor(desk, subject.value, exchange)
  if (!proved.ok) return proved
  return mint(desk, proved.value, audience, exchange.grant)
}

function audiences(desk: Desk): string[] {
  const { facts, space } = desk
  const gateways = new Set([ownGateway, ...facts.services().map(gatewayOf), ...facts.enrolled.all().map(({ gateway }) => gateway)])
  return [controlAudience(space), ...[...gateways].map((gateway) => gatewayAudience(space, gateway))]
}

/** A token for what was proved; ends with its proof and with the grant it names; one that names none after a quarter of an hour. */
export async function mint(desk: Desk, proved: Proved, audience: string, grantId: string | undefined): Promise<Result<Exchanged>> {
  const now = desk.clock.now()
  const chain = chainStands(desk.facts, proved.chain)
  if (!chain.ok) return chain
  // A token that names a grant needs no end of its own: every action asks whether grant, chain and proof still stand.
  let endsAt = grantId === undefined ? Math.min(now + (proved.lifetime ?? tokenMax), proved.endsAt) : proved.endsAt
  const named = grantId === undefined ? undefined : grantNamed(desk, grantId)
  if (named !== undefined) {
    const grant = named.ok ? desk.facts.grant(named.value) : undefined
    if (grant === undefined || !isSameChain(grant.chain, proved.chain)) return refuse('grant.missing')
    if (!isLive(grant, now) || grant.expiresAt === undefined)
      return refuse(grant.state === 'approved' ? 'grant.wrong-state' : 'grant.ended', { detail: `it is ${grant.state}` })
    endsAt = Math.min(endsAt, grant.expiresAt, grant.exception === undefined ? grant.expiresAt : now + standingTokenMax)
  }
  if (endsAt <= now) return refuse('credential.invalid')
  const claims: TokenClaims = {
    jti: desk.chance.id('tok', now),
    space: desk.space,
    chain: proved.chain,
    provedBy: proved.provedBy,
    audience,
    ...(named?.ok === true ? { grant: named.value } : {}),
    issuedAt: now,
    expiresAt: endsAt,
    proved: proved.facts,
  }
  return done({ token: await desk.mint.issue(claims), expiresAt: endsAt, claims })
}

/** A grant by its own id, or by that of the exception that it is the permit of. */
function grantNamed(desk: Desk, text: string): Result<GrantId> {
  const exception = [...desk.facts.exceptions()].find((each) => each.id === text)
  return exception?.grant === undefined ? parseId('grn', text) : done(exception.grant)
}

/** The actor's proof joined to the subject's: who acts first, then for whom. The token ends with either. */
async function actFor(desk: Desk, subject: Proved, exchange: Exchange): Promise<Result<Proved>> {
  const actor = await prove(desk, exchange, exchange.actorToken ?? '', exchange.actorTokenType ?? '')
  if (!actor.ok) return actor
  const chain = [...actor.value.chain, ...subject.chain]
  if (new Set(chain).size !== chain.length || chain.length > 8)
    return refuse('credential.invalid', { detail: 'nobody acts for themselves' })
  const provedBy = joinProofs(actor.value.provedBy, subject.provedBy)
  return done({ ...actor.value, chain, provedBy, endsAt: Math.min(actor.value.endsAt, subject.endsAt) })
}

async function prove(desk: Desk, { address }: Exchange, token: string, type: string): Promise<Result<Proved>> {
  switch (type) {
    case tokenTypes.secret:
      return proveBySecret(desk, token)
    case tokenTypes.jwt:
      return proveByIssuer(desk, token)
    case tokenTypes.access:
      return proveByAccess(desk, token, address)
    default:
      return refuse('input.invalid', { detail: 'this token type is not taken' })
  }
}

async function proveBySecret(desk: Desk, secret: string): Promise<Result<Proved>> {
  const [, id] = /^rmt_(crd_[0-9A-Z]{26})_[A-Za-z0-9_-]{43}$/.exec(secret) ?? []
  const credential = id === undefined ? undefined : desk.facts.credential(id)
  // SHA-256 of 256 random bits: comparing hashes leaks nothing that helps to find the secret.
  if (credential === undefined || credential.hash !== secretHash(secret)) return refuse('credential.invalid')
  if (!desk.facts.isProofLive(credential.id, desk.clock.now())) return refuse('credential.invalid')
  await noteUse(desk, credential)
  return done({ chain: [credential.identity], provedBy: credential.id, endsAt: credential.expiresAt, facts: {} })
}

/** Once a day at most, so that a secret which nobody uses any more can be told from one that is used. */
async function noteUse(desk: Desk, { id, lastUsedAt = 0 }: Credential): Promise<void> {
  if (desk.clock.now() - lastUsedAt < useNotedEvery) return
  // A store that cannot write keeps nobody from proving who they are.
  await desk.store.change(async (tx) => {
    const credential = await tx.get('credential', id)
    if (credential === undefined || tx.now - (credential.lastUsedAt ?? 0) < useNotedEvery) return done(undefined)
    await tx.put('credential', { ...credential, lastUsedAt: tx.now })
    const actor = desk.facts.identity(credential.identity)?.name ?? credential.identity
    await note(tx, { kind: 'credential.used', actor, subject: id })
    return done(undefined)
  })
}

export function secretHash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** A Remit token for control, given for a token that names a gateway and a grant. */
async function proveByAccess(desk: Desk, token: string, address: string): Promise<Result<Proved>> {
  // As bound to its first address as at any other door: a stolen one must not be changed into one that is not.
  const bearer = await identify(atDesk(desk), new TokenReader(desk, controlAudience(desk.space)), token, address)
  if (!bearer.ok) return bearer
  const { chain, provedBy, expiresAt, proved } = bearer.value.claims
  if (!desk.facts.isProofLive(provedBy, desk.clock.now())) return refuse('credential.invalid')
  return done({ chain, provedBy, endsAt: expiresAt, facts: proved })
}

async function proveByIssuer(desk: Desk, token: string): Promise<Result<Proved>> {
  const issuer = issuerOf(desk, token)
  if (issuer === undefined) return refuse('credential.invalid')
  const read = await desk.issuerTokens.read(token, issuer)
  if (!read.ok) return read
  const { subject, claims, expiresAt } = read.value
  const matching = [...desk.facts.identities()].filter((identity) =>
    identity.signsInBy.some((by) => by.issuer === issuer.id && by.subject === subject),
  )
  const [identity] = matching
  // Two identities with one subject would be two readings of one proof.
  if (identity === undefined || matching.length > 1) return refuse('credential.invalid')
  const facts: Record<string, string> = {}
  for (const [fact, claim] of Object.entries(issuer.proves)) {
    const value = claims[claim]
    if (typeof value === 'string' && value.length <= 512) facts[fact] = value
  }
  return done({
    chain: [identity.id],
    provedBy: issuedProof({ issuer: issuer.id, identity: identity.id, subject }),
    endsAt: expiresAt,
    facts,
  })
}

/** The configured issuer that an unverified token names: only to know whose keys to check it with. */
function issuerOf(desk: Desk, token: string): Issuer | undefined {
  const [, payload = ''] = token.split('.')
  if (token.length > 16_384) return undefined
  const read = parseJson(Buffer.from(payload, 'base64url'))
  const named = read.ok && isJsonObject(read.value) ? read.value['iss'] : undefined
  return [...desk.facts.issuers()].find((issuer) => issuer.issuer === named)
}
