/** The home of a gateway elsewhere: over the link to control, and by the lease that control gives. */
import type { GrantId, Id } from '../kernel/ids.ts'
import { formatInstant, type Instant, type Milliseconds } from '../kernel/instants.ts'
import { type Refusal, refuse } from '../kernel/refusals.ts'
import { done, type Refused, type Result } from '../kernel/result.ts'
import type { Facts } from '../control/facts.ts'
import type { Holding, Home, Pinning, Settlement, UntrustedCall } from '../control/home-port.ts'
import type { Done } from '../control/orders.ts'
import type { Bearer, TokenClaims } from '../control/ports.ts'
import { remember } from '../control/remembered.ts'
import type { Action } from '../model/actions.ts'
import { isChange } from '../model/effects.ts'
import type { Hold, Session, TokenBinding } from '../model/grants.ts'
import type { Granted } from './asks.ts'
import type { Lease } from './lease.ts'
import { type Ask, renewEveryMs } from './messages.ts'

/** One link that is of use: everything that it takes to decide has come over it. */
export interface OpenLink {
  ask(ask: Ask): Promise<Result<Granted>>
  /** The one that both sides speak: see `protocols`. */
  readonly protocol: number
  /** Spends one use that is held here; false where it is to be asked for. Absent where the link's protocol knows no reservations. */
  readonly spendHeld: ((settlement: Settlement & { readonly line: number }) => Promise<Result<boolean>>) | undefined
}

export interface RemoteHomeParts {
  readonly facts: Facts
  readonly lease: Lease
  readonly monotonic: () => Milliseconds
  readonly standing: Standing
}

/** How it stands between a gateway and control. */
export interface Standing {
  /** Absent while there is none, or what it tells is not complete. */
  open: OpenLink | undefined
  /** Facts are being told, or were told and no lease was given on them yet. */
  isCatchingUp: boolean
  /** A snapshot is being read: what is known here is of before. */
  isLoading: boolean
  isDisputed: boolean
  lastHeard: Instant | undefined
}

const elsewhereEvery: Milliseconds = 60_000
const elsewhereMax = 50_000

export class RemoteHome implements Home {
  readonly #parts: RemoteHomeParts
  readonly #elsewhere = new Map<string, { readonly id: string; readonly at: Milliseconds }>()

  constructor(parts: RemoteHomeParts) {
    this.#parts = parts
  }

  isHeld(): boolean {
    return !this.#parts.standing.isLoading && this.#parts.lease.isHeld()
  }

  goesOn(): boolean {
    return this.#parts.lease.isHeld()
  }

  lets(action: Pick<Action, 'tier' | 'effect'>): Result<undefined> {
    const { lease, standing } = this.#parts
    if (standing.isLoading) return refuse('gateway.catching-up')
    const age = lease.age()
    if (age === undefined || !lease.isHeld()) return standing.isCatchingUp ? refuse('gateway.catching-up') : this.#unreachable()
    if (standing.isDisputed) return refuse('ledger.disputed')
    // What does the most harm does not wait for the end of the lease.
    if (this.mustSettle(action) && (standing.open === undefined || age > 2 * renewEveryMs)) return this.#unreachable()
    return yes
  }

  mustSettle({ tier, effect }: Pick<Action, 'tier' | 'effect'>): boolean {
    return tier === 3 && isChange(effect)
  }

  async bind(claims: TokenClaims, address: string, token: string): Promise<Result<TokenBinding>> {
    // From protocol 2 on control takes the token itself with the question to bind it.
    const shown = (this.#parts.standing.open?.protocol ?? 1) >= 2 ? { token } : {}
    const answer = await this.#ask({ what: 'bind', claims, address, ...shown })
    return taken(answer, ({ binding }) => (binding?.id === claims.jti ? binding : undefined))
  }

  async usedElsewhere(claims: TokenClaims, { bound, address }: { readonly bound: string; readonly address: string }): Promise<void> {
    const now = this.#parts.monotonic()
    const last = this.#elsewhere.get(claims.jti)
    if (last !== undefined && now - last.at < elsewhereEvery) return
    this.#elsewhere.delete(claims.jti)
    remember(this.#elsewhere, { id: claims.jti, at: now }, elsewhereMax)
    // Whoever is refused does not wait until somebody was told of it.
    void this.#ask({ what: 'used-elsewhere', claims, bound, address })
  }

  async openSession({ claims, address }: Bearer, grant: Id<'grn'>): Promise<Result<Session>> {
    return taken(await this.#ask({ what: 'open-session', claims, address, grant }), ({ session }) =>
      session?.grant === grant && session.token === claims.jti && session.state === 'live' ? session : undefined,
    )
  }

  async settle(settlement: Settlement): Promise<Result<undefined>> {
    const { line, hold, action } = settlement
    const spendHeld = this.#parts.standing.open?.spendHeld
    if (line !== undefined && hold === undefined && spendHeld !== undefined && !this.mustSettle(action)) {
      const spent = await spendHeld({ ...settlement, line })
      if (!spent.ok) return spent
      if (spent.value) return yes
    }
    const { bearer, material, grant, session } = settlement
    const answer = await this.#ask({
      what: 'settle',
      claims: bearer.claims,
      address: bearer.address,
      action,
      ...(material === undefined ? {} : { material }),
      grant,
      session,
      ...(line === undefined ? {} : { line }),
      ...(hold === undefined ? {} : { hold }),
    })
    return answer.ok ? yes : answer
  }

  async pin({ bearer, action, grant, says }: Pinning): Promise<Result<undefined>> {
    const { open } = this.#parts.standing
    if (open !== undefined && open.protocol < 3)
      return refuse('action.definition-unknown', { detail: 'control is of a version that keeps no definitions: bring it up to date' })
    const { claims, address } = bearer
    const answer = await this.#ask({ what: 'pin', claims, address, action, ...(says === undefined ? {} : { says }), grant })
    return answer.ok ? yes : answer
  }

  async markUntrusted({ bearer: { claims, address }, session, action: { service, operation } }: UntrustedCall): Promise<Result<undefined>> {
    const answer = await this.#askOfMarks({
      what: 'mark-untrusted',
      claims,
      address,
      session: session.id,
      grant: session.grant,
      service,
      operation,
    })
    return answer.ok ? yes : answer
  }

  async readBefore({ claims, address }: Bearer): Promise<Result<string | undefined>> {
    const answer = await this.#askOfMarks({ what: 'read-before', claims, address })
    return answer.ok ? done(answer.value.read) : answer
  }

  async hold({ bearer, session, grant, digest, action, material, body, says }: Holding): Promise<Result<Hold>> {
    const answer = await this.#ask({
      what: 'hold',
      claims: bearer.claims,
      address: bearer.address,
      action,
      material,
      ...(body === undefined ? {} : { body: Buffer.from(body).toString('base64') }),
      ...(says === undefined ? {} : { says }),
      grant: grant.id,
      session: session.id,
      digest,
    })
    return taken(answer, ({ hold }) => (hold?.digest === digest && hold.session === session.id ? hold : undefined))
  }

  async answered({ claims, address }: Bearer, { decision }: Done): Promise<Result<undefined>> {
    const { id, grant, session, action } = decision
    const answer = await this.#ask({ what: 'answered', claims, address, action, grant, session, decision: id })
    return answer.ok ? yes : answer
  }

  async exhausted(grant: GrantId): Promise<void> {
    await this.#ask({ what: 'exhausted', grant })
  }

  /** Where nobody keeps who has read what, nobody reads. */
  async #askOfMarks(ask: Ask): Promise<Result<Granted>> {
    const { open } = this.#parts.standing
    if (open !== undefined && open.protocol < 3)
      return refuse('control.unreachable', { detail: 'control is of a version that does not keep who has read what: bring it up to date' })
    return this.#ask(ask)
  }

  async #ask(ask: Ask): Promise<Result<Granted>> {
    const { open, isCatchingUp } = this.#parts.standing
    if (open !== undefined) return open.ask(ask)
    return isCatchingUp ? refuse('gateway.catching-up') : this.#unreachable()
  }

  #unreachable(): Refused {
    const { lastHeard } = this.#parts.standing
    const detail =
      lastHeard === undefined ? 'control was not heard since this gateway started' : `control was last heard at ${formatInstant(lastHeard)}`
    return refuse('control.unreachable', { detail })
  }
}

const yes = done(undefined)

/** What was asked for, out of an answer: one that lacks it is none. */
function taken<T>(answer: Result<Granted>, pick: (granted: Granted) => T | undefined): Result<T> {
  if (!answer.ok) return answer
  const picked = pick(answer.value)
  return picked === undefined ? notAnswered : done(picked)
}

const notAnswered = refuse('control.unreachable', { detail: 'control answered something else' } satisfies Omit<Refusal, 'code'>)
