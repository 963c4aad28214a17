/** Reads JWTs of configured issuers (an identity provider, a CI system, a cluster) as proof of who calls. */
import { errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { JsonObject } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Refused, type Result } from '../kernel/result.ts'
import { type KeyLimits, KeysUnavailable, keyLimits, keysFromText, keysFromUrl } from './issuer-keys.ts'
import { readJwtText } from './jwt-text.ts'

/** Where an issuer's keys are, and what its tokens must say. */
export interface TrustedIssuer {
  readonly issuer: string
  readonly audience: string
  readonly jwksUri?: string
  readonly jwks?: string
}

export interface IssuedProof {
  readonly subject: string
  readonly claims: JsonObject
  readonly expiresAt: Instant
}

export interface HostIssuerTokens {
  /** Refuses `credential.invalid` unless the token is of this issuer, for exactly this audience, signed, young and not ended. */
  read(token: string, issuer: TrustedIssuer): Promise<Result<IssuedProof>>
}

export interface IssuerTokenOptions {
  readonly clock: { now(): Instant }
  readonly limits?: Partial<KeyLimits>
  /** Since `iat`; default 24 h. */
  readonly ageMax?: Milliseconds
  /** Hears why keys could not be had. */
  readonly log?: { warn(says: string, facts: Readonly<Record<string, unknown>>): void }
}

/** Asymmetric only: with a public key taken as an HMAC secret anybody could sign. */
const algorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA']

/** Two machines never agree on the second: a token may be this much younger than now. Ends are not stretched. */
const issuedAheadMax: Milliseconds = 30_000
const keySourcesMax = 100
const subjectCharactersMax = 256

export function makeIssuerTokens(options: IssuerTokenOptions): HostIssuerTokens {
  const { clock, ageMax = 86_400_000, log } = options
  const limits: KeyLimits = { ...keyLimits, ...options.limits }
  const sources = new Map<string, JWTVerifyGetKey>()

  function keysOf(issuer: TrustedIssuer): JWTVerifyGetKey {
    const { jwks, jwksUri } = issuer
    const place = jwks ?? jwksUri
    if (place === undefined) throw new KeysUnavailable('the issuer has no keys')
    const kept = sources.get(place)
    if (kept !== undefined) return kept
    const source = jwks === undefined ? keysFromUrl(place, clock, limits) : keysFromText(place, limits)
    const [oldest] = sources.keys()
    if (sources.size >= keySourcesMax && oldest !== undefined) sources.delete(oldest)
    sources.set(place, source)
    return source
  }

  return {
    async read(token, issuer) {
      const text = readJwtText(token)
      if (text === undefined) return invalid('it is not a token that can be read here')
      const now = clock.now()
      try {
        const { payload } = await jwtVerify(token, keysOf(issuer), {
          algorithms,
          issuer: issuer.issuer,
          audience: issuer.audience,
          requiredClaims: ['exp', 'iat', 'sub'],
          currentDate: new Date(now),
        })
        const { aud, exp = 0, iat = 0, sub } = payload
        // One audience, ours: what was made for several could be played here by any of them.
        if (aud !== issuer.audience && !(Array.isArray(aud) && aud.length === 1)) return invalid('it is for more than one audience')
        if (typeof sub !== 'string' || sub === '' || sub.length > subjectCharactersMax) return invalid('its subject cannot be taken')
        // The library compares whole seconds.
        const expiresAt = Math.floor(exp * 1_000)
        const issuedAt = iat * 1_000
        if (!(clock.now() < expiresAt)) return invalid('it has ended')
        if (!(issuedAt <= now + issuedAheadMax && now - issuedAt <= ageMax)) return invalid('it was issued too long ago, or has not begun')
        return done({ subject: sub, claims: text.payload, expiresAt })
      } catch (thrown) {
        if (thrown instanceof KeysUnavailable)
          log?.warn('keys of an issuer cannot be had', { issuer: issuer.issuer, reason: thrown.message })
        return invalid(reasonOf(thrown))
      }
    },
  }
}

function reasonOf(thrown: unknown): string {
  if (thrown instanceof KeysUnavailable) return 'the keys of its issuer cannot be had now'
  if (thrown instanceof errors.JWTExpired) return 'it has ended'
  if (thrown instanceof errors.JWTClaimValidationFailed) return `its claim ${thrown.claim} is missing or not what is taken here`
  return 'its signature is not one of its issuer'
}

function invalid(detail: string): Refused {
  return refuse('credential.invalid', { detail })
}
