/** From a token to a caller: verified, bound to the first address that used it, its chain alive. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { chainStands } from '../decision/facts.ts'
import type { Identity } from '../model/identities.ts'
import { type Caller, type Desk, machinery, note } from './desk.ts'
import type { TokenBinding } from '../model/grants.ts'
import { parseClaims } from './parse-claims.ts'
import type { Bearer, TokenClaims } from './ports.ts'

/** Verified tokens are remembered, so that the second look costs no signature. */
const rememberedMax = 50_000

/** Audience of the API. */
export function controlAudience(space: string): string {
  return `urn:remit:${space}:control`
}

export function gatewayAudience(space: string, gateway: string): string {
  return `urn:remit:${space}:gateway:${gateway}`
}

/** Reads tokens for one audience; keeps the newest verified ones. */
export class TokenReader {
  readonly #seen = new Map<string, TokenClaims>()
  readonly #desk: Desk
  readonly #audience: string

  constructor(desk: Desk, audience: string) {
    this.#desk = desk
    this.#audience = audience
  }

  /** A token that was verified before and has not ended, without waiting; else `undefined`. */
  seen(token: string): TokenClaims | undefined {
    const claims = this.#seen.get(token)
    return claims !== undefined && this.#desk.clock.now() < claims.expiresAt ? claims : undefined
  }

  async read(token: string): Promise<Result<TokenClaims>> {
    const known = this.seen(token)
    if (known !== undefined) return done(known)
    const read = await this.#desk.mint.read(token, this.#audience)
    if (!read.ok) return read
    const claims = parseClaims(read.value)
    if (!claims.ok || claims.value.space !== this.#desk.space) return refuse('credential.invalid')
    this.#seen.set(token, claims.value)
    if (this.#seen.size > rememberedMax) {
      const [oldest] = this.#seen.keys()
      if (oldest !== undefined) this.#seen.delete(oldest)
    }
    return claims
  }
}

/** Verifies a token and binds it to the address that uses it first; from another address it is refused, and that is a signal. */
export function identify(desk: Desk, reader: TokenReader, token: string, address: string): Result<Bearer> | Promise<Result<Bearer>> {
  // Most often it was seen before, and nothing is to be waited for.
  const claims = reader.seen(token)
  const bound = claims === undefined ? undefined : desk.facts.binding(claims.jti)
  return claims !== undefined && bound?.address === address ? done({ claims, address }) : identifyAnew(desk, reader, token, address)
}

async function identifyAnew(desk: Desk, reader: TokenReader, token: string, address: string): Promise<Result<Bearer>> {
  const read = await reader.read(token)
  if (!read.ok) return read
  const claims = read.value
  const bound = desk.facts.binding(claims.jti) ?? (await bind(desk, claims, address))
  if ('refusal' in bound) return bound
  if (bound.address !== address) return elsewhere(desk, claims, { bound: bound.address, address })
  return done({ claims, address })
}

async function bind(desk: Desk, claims: TokenClaims, address: string) {
  const bound = await desk.store.change(async (tx) => {
    const known = await tx.get('binding', claims.jti)
    if (known !== undefined) return done(known)
    const [identity] = claims.chain
    if (identity === undefined) return refuse('credential.invalid')
    const binding: TokenBinding = {
      id: claims.jti,
      space: desk.space,
      identity,
      address,
      at: tx.now,
      expiresAt: claims.expiresAt,
    }
    await tx.put('binding', binding)
    return done(binding)
  })
  return bound.ok ? bound.value : bound
}

const signalEvery = 60_000
const signalled = new WeakMap<Desk, Map<string, number>>()

/** Refused, and told to whoever watches: at most once a minute for one token, so that a flood of them stays one signal. */
async function elsewhere(
  desk: Desk,
  claims: TokenClaims,
  seen: { readonly bound: string; readonly address: string },
): Promise<Result<never>> {
  const last = signalled.get(desk) ?? new Map<string, number>()
  signalled.set(desk, last)
  const now = desk.clock.now()
  if (now - (last.get(claims.jti) ?? 0) >= signalEvery) {
    if (last.size > rememberedMax) last.clear()
    last.set(claims.jti, now)
    await desk.store.change(async (tx) => {
      const id = desk.chance.id('sgn', tx.now)
      const [identity] = claims.chain
      const whose = identity === undefined ? {} : { identity }
      await tx.put('signal', { id, space: desk.space, kind: 'token-used-elsewhere', ...whose, about: claims.jti, at: tx.now })
      await note(tx, {
        kind: 'signal.raised',
        actor: machinery,
        subject: id,
        facts: { kind: 'token-used-elsewhere', ...whose, token: claims.jti, bound: seen.bound, used: seen.address },
      })
      return done(undefined)
    })
  }
  return refuse('credential.elsewhere')
}

/** A caller of the API: a verified token for control whose chain is alive and whose proof stands. */
export async function identifyCaller(desk: Desk, reader: TokenReader, token: string, address: string): Promise<Result<Caller>> {
  const bearer = await identify(desk, reader, token, address)
  if (!bearer.ok) return bearer
  const { claims } = bearer.value
  const chain = claimsStand(desk, claims)
  if (!chain.ok) return chain
  const [actor] = chain.value
  return actor === undefined ? refuse('credential.invalid') : done({ actor, chain: chain.value, claims, address })
}

/**
 * The chain of a caller as it is now. Whoever came in may have been contained while the deed waited for its turn: asked inside the
 * change, so that nothing is given to somebody from whom everything was just taken.
 */
export function claimsStand(desk: Desk, claims: TokenClaims): Result<readonly Identity[]> {
  const chain = chainStands(desk.facts, claims.chain)
  if (!chain.ok) return chain
  return desk.facts.isProofLive(claims.provedBy, desk.clock.now())
    ? chain
    : refuse('credential.invalid', { detail: 'what proved it has ended' })
}
