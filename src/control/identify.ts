/** From a token to a caller: verified, bound to the first address that used it, its chain alive. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { chainStands } from '../decision/facts.ts'
import type { Identity } from '../model/identities.ts'
import type { Caller, Desk } from './desk.ts'
import type { Facts } from './facts.ts'
import type { Gate } from './gate.ts'
import { bindToken, ElsewhereSignals } from './home.ts'
import { parseClaims } from './parse-claims.ts'
import type { Home } from './home-port.ts'
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
  readonly #desk: Pick<Gate, 'space' | 'clock' | 'mint'>
  readonly #audience: string

  constructor(desk: Pick<Gate, 'space' | 'clock' | 'mint'>, audience: string) {
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

/** What binding a token takes: at a gateway its gate, at the API the desk. */
export interface Binder {
  readonly facts: Pick<Facts, 'binding'>
  readonly home: Pick<Home, 'bind' | 'usedElsewhere'>
}

/** Verifies a token and binds it to the address that uses it first; from another address it is refused, and that is a signal. */
export function identify(binder: Binder, reader: TokenReader, token: string, address: string): Result<Bearer> | Promise<Result<Bearer>> {
  // Most often it was seen before, and nothing is to be waited for.
  const claims = reader.seen(token)
  const bound = claims === undefined ? undefined : binder.facts.binding(claims.jti)
  return claims !== undefined && bound?.address === address ? done({ claims, address }) : identifyAnew(binder, reader, token, address)
}

async function identifyAnew({ facts, home }: Binder, reader: TokenReader, token: string, address: string): Promise<Result<Bearer>> {
  const read = await reader.read(token)
  if (!read.ok) return read
  const claims = read.value
  const known = facts.binding(claims.jti)
  const bound = known === undefined ? await home.bind(claims, address, token) : done(known)
  if (!bound.ok) return bound
  if (bound.value.address === address) return done({ claims, address })
  await home.usedElsewhere(claims, { bound: bound.value.address, address })
  return refuse('credential.elsewhere')
}

/** A caller of the API: a verified token for control whose chain is alive and whose proof stands. */
export async function identifyCaller(desk: Desk, reader: TokenReader, token: string, address: string): Promise<Result<Caller>> {
  const bearer = await identify(atDesk(desk), reader, token, address)
  if (!bearer.ok) return bearer
  const { claims } = bearer.value
  const chain = claimsStand(desk, claims)
  if (!chain.ok) return chain
  const [actor] = chain.value
  return actor === undefined ? refuse('credential.invalid') : done({ actor, chain: chain.value, claims, address })
}

const binders = new WeakMap<Desk, Binder>()

/** Tokens that are shown at the desk itself. */
export function atDesk(desk: Desk): Binder {
  const known = binders.get(desk)
  if (known !== undefined) return known
  const signals = new ElsewhereSignals(desk)
  const home: Binder['home'] = {
    bind: (claims, address) => bindToken(desk, claims, address),
    usedElsewhere: (claims, seen) => signals.tell(claims, seen),
  }
  const binder = { facts: desk.facts, home }
  binders.set(desk, binder)
  return binder
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
