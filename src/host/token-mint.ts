/** Issues and reads Remit's own access tokens: JWT (RFC 9068 `at+jwt`), Ed25519, delegation as in RFC 8693. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint, errors, exportJWK, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import type { Instant } from '../kernel/instants.ts'
import type { JsonObject } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Refused, type Result } from '../kernel/result.ts'
import { Secret } from '../kernel/secret.ts'
import { readJwtText, tokenBytesMax } from './jwt-text.ts'

export interface MintedClaims {
  readonly jti: string
  readonly space: string
  /** By identity id: who acts first, then whom it acts for, and so on to the person at the root. */
  readonly chain: readonly string[]
  readonly provedBy: string
  readonly audience: string
  readonly grant?: string
  readonly issuedAt: Instant
  readonly expiresAt: Instant
  readonly proved: Readonly<Record<string, string>>
}

export interface HostTokenMint {
  /** Throws on claims that could not be read back: more than 8 links, no length of life, over 8 kB when written. */
  issue(claims: MintedClaims): Promise<Secret>
  /** Refuses `credential.invalid` on anything but a token of ours for exactly this audience that has not ended. */
  read(token: string, audience: string): Promise<Result<MintedClaims>>
  /** Public keys as a JWK set (RFC 7517). */
  keys(): JsonObject
}

export interface OlderKey {
  readonly key: KeyObject
  readonly until: Instant
}

export interface MintOptions {
  /** The Ed25519 private key: see `loadOrMakeKey`. */
  readonly key: KeyObject
  /** Keys that signed before this one: what they signed is read until then. */
  readonly older?: readonly OlderKey[]
  /** Goes into `iss`. */
  readonly issuer: string
  readonly clock: { now(): Instant }
}

const type = 'at+jwt'
const chainMax = 8
const name = z.string().min(1).max(256)
/** One proof for each link of the chain. */
const proofs = z.string().min(1).max(2_048)
const actor = z.strictObject({
  sub: name,
  get act() {
    return actor.optional()
  },
})

/** Every claim there may be: one that is not known could be a limit, so it is a no. */
const claimsShape = z.strictObject({
  iss: name,
  sub: name,
  aud: name,
  exp: z.number(),
  iat: z.number(),
  jti: name,
  client_id: name,
  act: actor.optional(),
  'urn:remit:space': name,
  'urn:remit:proved-by': proofs,
  'urn:remit:grant': name.optional(),
  'urn:remit:proved': z.record(z.string().regex(/^[a-zA-Z][\w.-]{0,63}$/), z.string().max(4_096)),
})
type WrittenClaims = z.infer<typeof claimsShape>
type Actor = z.infer<typeof actor>

/** A mint that signs with one key, and reads what that one and older ones signed. */
export async function makeTokenMint({ key, older = [], issuer, clock }: MintOptions): Promise<HostTokenMint> {
  const current = await publicPart(key, Number.POSITIVE_INFINITY)
  const { kid } = current
  const all = [current, ...(await Promise.all(older.map((each) => publicPart(each.key, each.until))))]
  // A key that somebody stole must not go on signing: that is why it was replaced.
  const known = () => all.filter(({ until }) => clock.now() < until)

  return {
    async issue(claims) {
      const written = write(claims, issuer)
      const token = await new SignJWT(written).setProtectedHeader({ alg: 'EdDSA', typ: type, kid }).sign(key)
      if (token.length > tokenBytesMax) throw new Error(`a token takes at most ${tokenBytesMax} bytes`)
      return new Secret(token)
    },
    read: reading(known, issuer, clock),
    keys: () => ({ keys: known().map(({ kid: id, x }) => ({ kty: 'OKP', crv: 'Ed25519', x, kid: id, alg: 'EdDSA', use: 'sig' })) }),
  }
}

/** Who only verifies what others issue. */
export interface ReaderOptions {
  /** A JWK set as `keys()` of a mint gives it. */
  readonly keys: JsonObject
  readonly issuer: string
  readonly clock: { now(): Instant }
}

const keysShape = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        x: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
        kid: name,
        alg: z.literal('EdDSA'),
        use: z.literal('sig'),
      }),
    )
    .max(100),
})

/** Reads tokens by public keys alone. Refuses `credential.invalid` a set with anything in it but such keys, or with one under a name that is not its own. */
export function makeTokenReader({ keys, issuer, clock }: ReaderOptions): Result<Pick<HostTokenMint, 'read'>> {
  const parsed = keysShape.safeParse(keys)
  if (!parsed.success) return invalid('these are not the keys of a Remit')
  const known: Verifying[] = []
  for (const { crv, kty, x, kid } of parsed.data.keys) {
    const publicKey = publicKeyOf(x)
    // RFC 7638: the members in this order, and nothing between them.
    const thumbprint = createHash('sha256').update(`{"crv":"${crv}","kty":"${kty}","x":"${x}"}`).digest('base64url')
    if (publicKey === undefined || thumbprint !== kid) return invalid('a key of them is not what it is called')
    known.push({ kid, publicKey })
  }
  return done({ read: reading(() => known, issuer, clock) })
}

function publicKeyOf(x: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  } catch {
    return undefined
  }
}

interface Verifying {
  readonly kid: string
  readonly publicKey: KeyObject
}

function reading(known: () => readonly Verifying[], issuer: string, clock: { now(): Instant }): HostTokenMint['read'] {
  return async (token, audience) => {
    const text = readJwtText(token)
    if (text === undefined) return invalid('it is not a token that can be read here')
    const { alg, typ, kid: named, ...rest } = text.header
    const publicKey = known().find((each) => each.kid === named)?.publicKey
    if (alg !== 'EdDSA' || typ !== type || publicKey === undefined || Object.keys(rest).length > 0) return invalid('it was not issued here')
    const now = clock.now()
    try {
      const verified = await jwtVerify(token, publicKey, {
        algorithms: ['EdDSA'],
        typ: type,
        issuer,
        audience,
        requiredClaims: ['exp', 'iat', 'jti', 'sub'],
        currentDate: new Date(now),
      })
      return accept(verified.payload, audience, now)
    } catch (thrown) {
      return invalid(reasonOf(thrown))
    }
  }
}

interface PublicPart {
  /** The key's thumbprint (RFC 7638). */
  readonly kid: string
  readonly publicKey: KeyObject
  readonly x: string
  readonly until: Instant
}

async function publicPart(key: KeyObject, until: Instant): Promise<PublicPart> {
  const publicKey = createPublicKey(key)
  const { crv = '', x = '' } = await exportJWK(publicKey)
  if (crv !== 'Ed25519') throw new Error('the mint needs an Ed25519 key')
  return { kid: await calculateJwkThumbprint({ kty: 'OKP', crv, x }), publicKey, x, until }
}

/** The claims as they stand in the token. Times are seconds with their milliseconds as a fraction, which RFC 7519 §2 provides for. */
function write(claims: MintedClaims, issuer: string): WrittenClaims {
  const { chain, grant } = claims
  const [first, ...others] = chain
  const root = others.at(-1) ?? first
  if (first === undefined || root === undefined || chain.length > chainMax) throw new Error(`a token names 1 to ${chainMax} links`)
  if (claims.expiresAt <= claims.issuedAt) throw new Error('a token ends after it begins')
  const act = others.length === 0 ? undefined : nestActors(chain.slice(0, -1))
  return claimsShape.parse({
    iss: issuer,
    sub: root,
    aud: claims.audience,
    exp: claims.expiresAt / 1_000,
    iat: claims.issuedAt / 1_000,
    jti: claims.jti,
    client_id: first,
    ...(act === undefined ? {} : { act }),
    'urn:remit:space': claims.space,
    'urn:remit:proved-by': claims.provedBy,
    ...(grant === undefined ? {} : { 'urn:remit:grant': grant }),
    'urn:remit:proved': { ...claims.proved },
  })
}

/** RFC 8693 §4.1: `sub` is who is acted for; the outermost `act` acts now, the ones within it acted before. */
function nestActors(actors: readonly string[]): Actor | undefined {
  return actors.reduceRight<Actor | undefined>((within, sub) => (within === undefined ? { sub } : { sub, act: within }), undefined)
}

function accept(payload: JWTPayload, audience: string, now: Instant): Result<MintedClaims> {
  const parsed = claimsShape.safeParse(payload)
  if (!parsed.success) return invalid('it holds claims that are not known here')
  const { sub, aud, exp, iat, jti, client_id, act, 'urn:remit:grant': grant, ...more } = parsed.data
  const chain: string[] = []
  for (let link = act; link !== undefined; link = link.act) chain.push(link.sub)
  chain.push(sub)
  const issuedAt = Math.round(iat * 1_000)
  const expiresAt = Math.round(exp * 1_000)
  // The library compares whole seconds; a grant ends on a millisecond.
  if (now >= expiresAt) return invalid('it has ended')
  if (issuedAt > now) return invalid('it has not begun')
  if (aud !== audience || chain.length > chainMax || chain[0] !== client_id) return invalid('it holds claims that are not known here')
  return done({
    jti,
    space: more['urn:remit:space'],
    chain,
    provedBy: more['urn:remit:proved-by'],
    audience: aud,
    ...(grant === undefined ? {} : { grant }),
    issuedAt,
    expiresAt,
    proved: more['urn:remit:proved'],
  })
}

/** Told only once the signature fitted, so only to whoever holds a token of ours. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof errors.JWTExpired) return 'it has ended'
  if (thrown instanceof errors.JWTClaimValidationFailed && thrown.claim === 'aud') return 'it is for another audience'
  return 'it was not issued here'
}

function invalid(detail: string): Refused {
  return refuse('credential.invalid', { detail })
}
