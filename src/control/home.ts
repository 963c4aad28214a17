/** The home of what there is only one of: sessions, counts, approvals, bindings, each changed in one transaction at control. */
import type { GrantId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { carries, refuseShort } from '../decision/covers.ts'
import { isLive } from '../decision/decide.ts'
import { amountOf, countOne, decimalText, isCounted, nothingCounted, recentOf, shortage, takesNoMore, usedOf } from '../model/counting.ts'
import { type Grant, type Session, type TokenBinding, usesId } from '../model/grants.ts'
import type { Activity } from './activity.ts'
import { type Desk, machinery, note } from './desk.ts'
import { endGrant } from './end-grant.ts'
import { leaseMs } from './endings.ts'
import type { Facts } from './facts.ts'
import { holdAction, spendHold, withdrawOutdated } from './holds.ts'
import type { Home, Settlement } from './home-port.ts'
import { openAfter } from './orders.ts'
import { movePin, pinDefinition } from './pins.ts'
import type { Bearer, Change, TokenClaims } from './ports.ts'
import { remember } from './remembered.ts'
import { markUntrusted, readBefore } from './untrusted.ts'

/** Live sessions of one grant: each token that uses it is one. */
const sessionsMax = 200
const signalEvery = 60_000
const signalledMax = 50_000

/** The home of a gateway whose control is in the same process. */
export function homeAtDesk(desk: Desk, gateway: string, at: { readonly isDisputed: () => boolean; readonly activity: Activity }): Home {
  const signals = new ElsewhereSignals(desk)
  const held = new LastHeld(desk)
  return {
    isHeld: () => held.isHeld(),
    goesOn: () => held.goesOn(),
    lets: () => {
      if (!desk.store.isHeld()) return refuse('store.unavailable', { detail: 'the database is lost' })
      return at.isDisputed() ? refuse('ledger.disputed') : done(undefined)
    },
    // What was decided here was decided at control.
    mustSettle: () => false,
    bind: (claims, address) => bindToken(desk, claims, address, gateway),
    usedElsewhere: (claims, seen) => signals.tell(claims, seen),
    openSession: (bearer, grant) => openSession(desk, gateway, bearer, grant),
    settle: (settlement) => settle(desk, settlement),
    hold: (holding) => holdAction(desk, holding),
    pin: (pinning) => pinDefinition(desk, pinning),
    markUntrusted: (call) => markUntrusted(desk, call),
    readBefore: async (bearer) => done(await readBefore(desk, gateway, bearer)),
    answered: (_bearer, what) => openAfter(desk, what),
    exhausted: (grant) => endExhausted({ desk, facts: desk.facts, activity: at.activity }, grant),
  }
}

/**
 * When the database was held last, as far as anybody asked. A node that slept has not asked: what was under way there does not go on for
 * one more lease when it wakes, since other nodes have called it stopped meanwhile.
 */
class LastHeld {
  readonly #desk: Pick<Desk, 'store' | 'clock'>
  #at: Instant

  constructor(desk: Pick<Desk, 'store' | 'clock'>) {
    this.#desk = desk
    this.#at = desk.clock.now()
  }

  isHeld(): boolean {
    const isHeld = this.#desk.store.isHeld()
    if (isHeld) this.#at = this.#desk.clock.now()
    return isHeld
  }

  goesOn(): boolean {
    return this.isHeld() || this.#desk.clock.now() - this.#at < leaseMs
  }
}

/**
 * Binds a token to the address that uses it first, or answers with the binding it has. With `gateway` the chain is made known there: only
 * for claims that were read from the token itself.
 */
export function bindToken(desk: Desk, claims: TokenClaims, address: string, gateway?: string): Promise<Result<TokenBinding>> {
  return desk.store.change(async (tx) => {
    const known = await tx.get('binding', claims.jti)
    if (known !== undefined) return done(known)
    const [identity] = claims.chain
    if (identity === undefined) return refuse('credential.invalid')
    const there = gateway === undefined ? {} : { gateway, chain: claims.chain }
    const binding: TokenBinding = {
      id: claims.jti,
      space: desk.space,
      identity,
      address,
      at: tx.now,
      expiresAt: claims.expiresAt,
      ...there,
    }
    await tx.put('binding', binding)
    return done(binding)
  })
}

/** Tells whoever watches of a token that was used elsewhere: at most once a minute for one token, so that a flood of them stays one signal. */
export class ElsewhereSignals {
  readonly #desk: Desk
  readonly #last = new Map<string, { readonly id: string; readonly at: number }>()

  constructor(desk: Desk) {
    this.#desk = desk
  }

  async tell(claims: TokenClaims, seen: { readonly bound: string; readonly address: string }): Promise<void> {
    const desk = this.#desk
    const now = desk.clock.now()
    if (now - (this.#last.get(claims.jti)?.at ?? 0) < signalEvery) return
    this.#last.delete(claims.jti)
    remember(this.#last, { id: claims.jti, at: now }, signalledMax)
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
}

/** The session of this token on this grant: the one there is, or a new one. */
export function openSession(desk: Desk, gateway: string, { claims, address }: Bearer, id: GrantId): Promise<Result<Session>> {
  const { facts, store, chance, space } = desk
  const token = claims.jti
  return store.change(async (tx) => {
    const [earlier] = await tx.find('session', { token, grant: id })
    if (earlier !== undefined) return earlier.state === 'live' ? done(earlier) : refuse('session.ended')
    const grant = await tx.get('grant', id)
    if (grant === undefined || !isLive(grant, tx.now)) return refuse('grant.ended')
    const others = await tx.find('session', { grant: id, state: 'live' }, { max: sessionsMax })
    if (others.length >= sessionsMax) return refuse('rate.exceeded', { detail: `at most ${sessionsMax} sessions on one grant` })
    const [identity] = grant.chain
    if (identity === undefined) return refuse('grant.missing')
    const session: Session = {
      id: chance.id('ses', tx.now),
      space,
      grant: id,
      identity,
      gateway,
      token,
      address,
      state: 'live',
      openedAt: tx.now,
      endsAt: claims.expiresAt,
    }
    await tx.put('session', session)
    await note(tx, {
      kind: 'session.opened',
      actor: facts.identity(identity)?.name ?? identity,
      subject: session.id,
      facts: { grant: id, gateway, address, token },
    })
    return done(session)
  })
}

/** An approval, and what the line counts with it, in one transaction: all of it at most once, or nothing of it. */
export async function settle(desk: Desk, settlement: Settlement): Promise<Result<undefined>> {
  const { hold, line, grant, action } = settlement
  const settled = await desk.store.change<Result<undefined>>(async (tx) => {
    const approved = hold === undefined ? undefined : await tx.get('hold', hold)
    const current = approved === undefined ? undefined : await tx.get('grant', grant)
    const why = approved === undefined || current === undefined ? undefined : await withdrawOutdated(tx, approved, current)
    if (why !== undefined) return done(refuse('action.changed', { detail: why }))
    if (hold !== undefined) {
      const spent = await spendHold(tx, hold)
      if (!spent.ok) return spent
      if (spent.value.grant !== grant) return refuse('action.changed', { detail: 'the hold is of another grant' })
      if (spent.value.action.definition?.hash !== action.definition?.hash)
        return refuse('action.changed', { detail: 'the hold is about another definition of its tool' })
      if (approved !== undefined) await movePin(tx, { action, grant }, approved)
    }
    const counted = line === undefined ? done(undefined) : await spendCounted(desk, tx, { grant, line, action })
    return counted.ok ? done(counted) : counted
  })
  return settled.ok ? settled.value : settled
}

/** One action on a counted line: its use, its amount and its place in the rate, by compare-and-set in the store, their one home. */
async function spendCounted(
  desk: Desk,
  tx: Change,
  { grant, line, action }: Pick<Settlement, 'grant' | 'action'> & { readonly line: number },
): Promise<Result<undefined>> {
  const current = await tx.get('grant', grant)
  if (current === undefined || !isLive(current, tx.now)) return refuse('grant.ended')
  const entry = current.scope[line]
  // A line that does not count, or not this action, is not the one that was decided on.
  if (entry === undefined || !isCounted(entry) || !carries(entry, action)) return refuse('action.changed')
  const amount = amountOf(entry, action.arguments)
  if (amount === undefined) return refuse('grant.arguments', { detail: entry.sum?.argument ?? '' })
  const id = usesId(grant, line)
  const before = await tx.get('uses', id)
  const short = shortage(entry, before ?? nothingCounted, amount, tx.now)
  if (short !== undefined) return refuseShort(short)
  const after = countOne(entry, before ?? nothingCounted, amount, tx.now)
  await tx.put('uses', { id, space: desk.space, grant, line, ...after })
  const [actor] = current.chain
  await note(tx, {
    kind: 'use.spent',
    actor: (actor === undefined ? undefined : desk.facts.identity(actor)?.name) ?? machinery,
    subject: grant,
    facts: {
      line,
      spent: usedOf(after),
      ...(entry.uses === undefined ? {} : { of: entry.uses }),
      ...(entry.sum === undefined ? {} : { sum: decimalText(after.sum ?? 0), sumMax: entry.sum.atMost }),
      ...(entry.rate === undefined ? {} : { recent: recentOf(entry.rate, after, tx.now), recentMax: entry.rate.atMost }),
    },
  })
  return done(undefined)
}

interface Counting {
  readonly facts: Pick<Facts, 'counted'>
  readonly activity: Activity
}

/**
 * Whether no line of it will ever take an action again, and nothing of it is under way. A line that only has a rate always will; uses
 * that a gateway has reserved may still be used there.
 */
export function isExhausted({ facts, activity }: Counting, grant: Grant): boolean {
  if (grant.state !== 'active' || activity.isInUse(grant.id)) return false
  return grant.scope.every((entry, line) => {
    const counted = facts.counted(grant.id, line)
    return takesNoMore(entry, counted) && (counted.reserved ?? 0) === 0
  })
}

/** Ends it, if it is. */
export async function endExhausted(at: Counting & { readonly desk: Desk }, id: GrantId): Promise<void> {
  await at.desk.store.change(async (tx) => {
    const grant = await tx.get('grant', id)
    if (grant === undefined || !isExhausted(at, grant)) return done(undefined)
    await endGrant(tx, grant, { how: 'exhausted', by: machinery, reason: 'all that it allowed is spent' })
    return done(undefined)
  })
}
