/** What the simulation believes: who was lent what, worked out from the answers that were given and without control's own logic. */
import {
  beingsOf,
  type Being,
  enough,
  fits,
  type Line,
  type Lent,
  mayBeGiven,
  type Price,
  type Scene,
  inOneText,
  strictest,
} from '../cases/second-opinion.ts'
import type { GuardRule, OperationName, RuleBook, Wanted } from '../cases/rule-book.ts'

export const minute = 60_000
const week = 7 * 24 * 60 * minute
/** Of the first administrator's exception. */
const firstEnds = Date.UTC(2030, 0, 31)

/** As the store says it. */
export type State = 'pending' | 'approved' | 'active' | 'ended' | 'denied' | 'withdrawn' | 'unclaimed'

/** Who signed a yes, and with which of their passkeys, counted from the first. */
export type Yes = Map<string, number>

export type DeskOperation = 'operate' | 'administer'

export interface Grant {
  readonly id: string
  /** What it is for at the desk; then it has no lines. */
  readonly desk?: DeskOperation
  /** The active grant that it asks more time for. */
  readonly continues?: string
  readonly chain: readonly string[]
  lines: readonly Line[]
  readonly task: string
  readonly wanted: readonly Wanted[]
  readonly persons: number
  readonly tier: number
  state: State
  duration: number
  most: number
  readonly pendingUntil: number
  claimBy: number
  activatedAt: number
  endsAt: number
  spent: number[]
  yes: Yes
  readonly answered: Set<string>
  readonly idle: number
  readonly heartbeat: number | undefined
  lastUse: number | undefined
  lastCall: number | undefined
  underWay: number
}

export interface Hold {
  readonly id: string
  readonly key: string
  readonly grant: string
  readonly session: string
  readonly wanted: readonly Wanted[]
  readonly guards: readonly string[]
  readonly book: RuleBook
  readonly tier: number
  state: 'waiting' | 'approved' | 'spent' | 'denied' | 'expired' | 'withdrawn'
  readonly answerBy: number
  useBy: number
  /** With its token ends the session, and what was held on it. */
  readonly tokenEndsAt: number
  readonly yes: Yes
  readonly answered: Set<string>
}

export interface Token {
  readonly text: string
  readonly id: string
  readonly chain: readonly string[]
  readonly grant: string | undefined
  readonly proofs: readonly string[]
  readonly endsAt: number
  address: string | undefined
}

/** Somebody's yes about a grant or a hold. */
interface Subject {
  readonly chain: readonly string[]
  readonly wanted: readonly Wanted[]
  readonly persons: number
  readonly tier: number
}

export class Model {
  beings: Map<string, Being>
  book: RuleBook
  readonly grants = new Map<string, Grant>()
  readonly holds = new Map<string, Hold>()
  readonly issued: { readonly to: string; readonly by: string; readonly at: number }[] = []
  readonly revokedProofs = new Set<string>()
  /** How often somebody's passkeys were replaced, and who did it last. */
  readonly replaced = new Map<string, { readonly times: number; readonly by: string; readonly at: number }>()
  /** Whether the first administrator's exception is still there. */
  isFirstThere = true
  startedAt: number
  /** Whether people or policies changed since everything was asked about again. */
  hasChanged = false

  constructor(beings: readonly Being[], book: RuleBook, startedAt: number) {
    this.beings = new Map(beings.map((being) => [being.name, being]))
    this.book = book
    this.startedAt = startedAt
  }

  get scene(): Scene {
    const lent = [...this.grants.values()].map((grant): Lent => ({ ...grant, active: grant.state === 'active' }))
    return { beings: this.beings, book: this.book, lent }
  }

  stands(chain: readonly string[]): boolean {
    return beingsOf(this, chain) !== undefined
  }

  isLive(grant: Grant, now: number): boolean {
    return grant.state === 'active' && now < grant.endsAt
  }

  subjectOfGrant(grant: Grant): Subject {
    return grant
  }

  subjectOfHold(hold: Hold): Subject {
    return { chain: this.grants.get(hold.grant)?.chain ?? [], wanted: hold.wanted, persons: 1, tier: hold.tier }
  }

  mayAnswer(name: string, subject: Subject, now: number): boolean {
    const being = this.beings.get(name)
    if (being?.kind !== 'human' || !being.live || being.contained || this.excluded(subject, now).has(name)) return false
    const { by, at = 0 } = this.replaced.get(name) ?? {}
    if (by !== undefined && now - at <= week && this.isParty(by, subject.chain)) return false
    const seats = subject.wanted.reduce((sum, each) => sum + each.count, 0)
    return subject.wanted.some((each) => fits(being, each.from)) || subject.persons > seats
  }

  excluded(subject: Subject, now: number): ReadonlySet<string> {
    const out = new Set(subject.chain)
    if (subject.tier < 2) return out
    for (const link of subject.chain) {
      const owner = this.beings.get(link)?.owner
      if (owner !== undefined) out.add(owner)
      for (const { to, by, at } of this.issued) if (to === link && now - at <= week) out.add(by)
    }
    return out
  }

  isParty(name: string, chain: readonly string[]): boolean {
    return chain.some((link) => link === name || this.beings.get(link)?.owner === name)
  }

  passkeyOf(name: string): number {
    return this.replaced.get(name)?.times ?? 0
  }

  /** Whether the first administrator may do everything at the desk, now. */
  isFirst(name: string, now: number): boolean {
    return name === 'ana' && this.isFirstThere && now < firstEnds
  }

  isEnough(subject: Subject, yes: Yes, now: number): boolean {
    const counting = [...yes].flatMap(([name, passkey]) => {
      const being = this.beings.get(name)
      return being !== undefined && passkey === this.passkeyOf(name) && this.mayAnswer(name, subject, now) ? [being] : []
    })
    return enough(subject.wanted, subject.persons, counting)
  }

  /** What it would cost now, or nothing where it could not be asked for. */
  priceOf(grant: Grant): Price | undefined {
    const before = grant.continues === undefined ? undefined : this.grants.get(grant.continues)
    const duration = grant.duration + (before?.duration ?? 0)
    return grant.desk === undefined ? mayBeGiven(this, { ...grant, duration }) : this.deskPrice(grant.chain, grant.desk, duration)
  }

  /** People in the role ask for the desk; another of them must agree, and whoever a guardrail on such deeds names. */
  deskPrice(chain: readonly string[], desk: DeskOperation, duration = 30 * minute): Price | undefined {
    const wanted: Wanted[] = [{ count: 1, from: ['role:administrators', 'role:auditors'] }]
    const effect = desk === 'administer' ? 'administer' : 'configure'
    for (const name of chain) {
      const being = this.beings.get(name)
      if (being?.kind !== 'human' || !being.roles.includes('administrators') || duration > 60 * minute) return undefined
      const guards = this.book.guards
        .filter((guard) => guard.on === undefined && (guard.effect === 'any' || guard.effect === effect))
        .filter((guard) => (guard.kind ?? 'human') === 'human' && (guard.role === undefined || being.roles.includes(guard.role)))
      if (guards.some((guard) => guard.hold === undefined)) return undefined
      wanted.push(...guards.flatMap((guard) => inOneText(guard.hold ?? [])))
    }
    const isHigh = desk === 'administer'
    return { wanted: strictest(wanted), persons: isHigh ? 1 : 0, duration, most: 60 * minute, tier: isHigh ? 2 : 1 }
  }

  /** The grant by which somebody may do this at the desk now. */
  deskGrantOf(name: string, desk: DeskOperation, now: number): Grant | undefined {
    return [...this.grants.values()].find(
      (grant) => grant.desk === desk && grant.chain.join() === name && this.isLive(grant, now) && this.priceOf(grant) !== undefined,
    )
  }

  /** Whether it would be given again: eligible, at the price it was paid for. */
  stillGiven(grant: Grant, now: number): boolean {
    const price = this.priceOf(grant)
    return price !== undefined && this.stands(grant.chain) && this.isEnough({ chain: grant.chain, ...price }, grant.yes, now)
  }

  /** Whether people are still asked for as much as it would cost now. */
  stillAsked(grant: Grant): boolean {
    const price = this.priceOf(grant)
    if (price === undefined || price.tier > grant.tier || seats(price) > seats(grant)) return false
    return price.wanted.every((each) => grant.wanted.some((one) => one.count >= each.count && sameMembers(one, each)))
  }

  /** Whether somebody in the chain, or who answers for it, is not there any more. */
  isGone(chain: readonly string[]): boolean {
    return chain.some((name) => {
      const being = this.beings.get(name)
      if (being === undefined || !being.live) return true
      const owner = being.owner === undefined ? undefined : this.beings.get(being.owner)
      return being.kind !== 'human' && (owner === undefined || !owner.live)
    })
  }

  /** Closes a grant as its state allows, and what lived by it. */
  close(grant: Grant, how: 'denied' | 'other' = 'other'): void {
    const closed: Partial<Record<State, State>> = {
      pending: how === 'denied' ? 'denied' : 'withdrawn',
      approved: 'unclaimed',
      active: 'ended',
    }
    const wasActive = grant.state === 'active'
    grant.state = closed[grant.state] ?? grant.state
    if (wasActive) for (const more of this.grants.values()) if (more.continues === grant.id && more.state === 'pending') this.close(more)
    for (const hold of this.holds.values())
      if (hold.grant === grant.id && (hold.state === 'waiting' || hold.state === 'approved')) hold.state = 'withdrawn'
  }

  closeAllOf(gone: ReadonlySet<string>): void {
    for (const grant of this.grants.values()) if (isOpen(grant) && grant.chain.some((link) => gone.has(link))) this.close(grant)
  }

  /** After a change of people or policies: what would not be given any more ends. */
  reevaluate(now: number): void {
    if (!this.hasChanged) return
    this.hasChanged = false
    for (const grant of this.grants.values()) {
      if (!isOpen(grant)) continue
      const stands = this.stands(grant.chain)
      if (!stands && !this.isGone(grant.chain)) continue
      const isFine = stands && (grant.state === 'pending' ? this.stillAsked(grant) : this.stillGiven(grant, now))
      if (!isFine) this.close(grant)
    }
    for (const hold of this.holds.values()) {
      if (hold.state !== 'waiting' && hold.state !== 'approved') continue
      const guards = this.book.guards.filter((guard) => guard.hold !== undefined && hold.guards.includes(guard.id))
      const isSame = guards.length === hold.guards.length && sameWanted(wantedOf(guards), hold.wanted)
      const isPaid = hold.state === 'waiting' || this.isEnough(this.subjectOfHold(hold), hold.yes, now)
      if (!isSame || !isPaid) hold.state = 'withdrawn'
    }
  }

  sweep(now: number): void {
    this.reevaluate(now)
    const first = this.beings.get('ana')
    if (first?.live !== true || first.contained || now >= firstEnds) this.isFirstThere = false
    for (const grant of this.grants.values()) if (this.isOver(grant, now)) this.close(grant)
    for (const hold of this.holds.values()) {
      if (hold.state === 'waiting' && now >= hold.answerBy) hold.state = 'expired'
      if (hold.state === 'approved' && now >= hold.useBy) hold.state = 'expired'
      if ((hold.state === 'waiting' || hold.state === 'approved') && now >= hold.tokenEndsAt) hold.state = 'withdrawn'
    }
  }

  isOver(grant: Grant, now: number): boolean {
    switch (grant.state) {
      case 'pending':
        return now >= grant.pendingUntil
      case 'approved':
        return now >= grant.claimBy
      case 'active': {
        if (now >= grant.endsAt) return true
        const since = Math.max(grant.activatedAt, this.startedAt)
        if (grant.heartbeat !== undefined && now - (grant.lastCall ?? since) > 3 * grant.heartbeat) return true
        return grant.underWay === 0 && now - (grant.lastUse ?? since) >= grant.idle
      }
      default:
        return false
    }
  }

  /** What was under way is over: nobody who ran it is there any more. */
  restarted(now: number): void {
    this.startedAt = now
    this.hasChanged = true
    for (const grant of this.grants.values()) {
      grant.underWay = 0
      grant.lastUse = undefined
      grant.lastCall = undefined
    }
  }

  began(grant: Grant, line: number, now: number): void {
    if (grant.lines[line]?.uses !== undefined) grant.spent[line] = (grant.spent[line] ?? 0) + 1
    grant.lastUse = now
    grant.underWay += 1
  }

  finished(grant: Grant, now: number): void {
    grant.underWay = Math.max(0, grant.underWay - 1)
    grant.lastUse = now
    const isSpent = grant.lines.every((line, place) => line.uses !== undefined && (grant.spent[place] ?? 0) >= line.uses)
    if (grant.state === 'active' && grant.underWay === 0 && isSpent) this.close(grant)
  }

  /** The hold that an action with this key meets. The newest one counts, unless an older is still open. */
  holdOf(key: string): Hold | undefined {
    return [...this.holds.values()].findLast((hold) => hold.key === key)
  }
}

export function isOpen(grant: Grant): boolean {
  return grant.state === 'pending' || grant.state === 'approved' || grant.state === 'active'
}

export function wantedOf(guards: readonly GuardRule[]): readonly Wanted[] {
  return strictest(guards.flatMap((guard) => inOneText(guard.hold ?? [])))
}

/** What makes two held actions the same: every byte, on one session. */
export function holdKey(
  token: Token,
  grant: string,
  action: { readonly operation: OperationName; readonly argument: string | number | undefined; readonly body: string },
): string {
  return JSON.stringify([token.id, grant, action.operation, action.argument ?? null, action.body])
}

function seats({ persons, wanted }: Pick<Price, 'persons' | 'wanted'>): number {
  return Math.max(
    persons,
    wanted.reduce((sum, each) => sum + each.count, 0),
  )
}

function sameMembers(one: Wanted, other: Wanted): boolean {
  return [...one.from].sort().join() === [...other.from].sort().join()
}

function sameWanted(one: readonly Wanted[], other: readonly Wanted[]): boolean {
  const text = (wanted: readonly Wanted[]) =>
    wanted
      .map((each) => JSON.stringify(each))
      .sort()
      .join()
  return text(one) === text(other)
}
