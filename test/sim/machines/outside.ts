/** What the world outside sees of a run, with the true time: bytes at the upstream, answers, ledger entries, messages on the wire. And the laws over it. */
import type { Decision } from '../../../src/control/ports.ts'
import { driftMs, leaseMs } from '../../../src/feed/messages.ts'
import type { Counts } from './counts.ts'
import type { Disk } from './disk.ts'
import type { Sent } from './door.ts'
import { epoch, type Machine } from './machine.ts'
import type { Schedule } from './schedule.ts'

/** A law of the design did not hold. */
export class LawBroken extends Error {
  override name = 'LawBroken'
}

export interface Entry {
  readonly at: number
  readonly kind: string
  readonly actor: string
  readonly subject: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** How an end came to be known. */
interface End {
  /** The true time at which it was stored, and the version it was stored under. */
  readonly at: number
  readonly version: number
}

interface SeenGateway {
  readonly isElsewhere: boolean
  readonly machine: Machine
  readonly disk: Disk
  /** The true time of sending of the newest renewal whose answer has come. */
  leaseFrom: number
  /** Since when it has had a connection without a break. */
  linkedSince: number | undefined
  /** The highest version that it said it had applied, as far as control heard. */
  acknowledged: number
}

/** What a run lets happen, and so what can be demanded. */
export interface Allowed {
  /** Whether clocks jump or machines stand still: then an end by time may come a lease and drift later. */
  readonly clocksJump: boolean
  /** Milliseconds that a message may take. */
  readonly latencyMax: number
}

const tierOfOperation: Readonly<Record<string, 0 | 1 | 2 | 3>> = {
  'plant/look': 0,
  'plant/tune': 1,
  'plant/restart': 1,
  'plant/refill': 2,
  'plant/wipe': 3,
  'plant/recipes': 3,
  'shop/look': 0,
  'shop/order': 1,
}

export class Outside {
  readonly #schedule: Schedule
  readonly #counts: Counts
  readonly #allowed: Allowed
  readonly #gateways = new Map<string, SeenGateway>()
  readonly #ends = new Map<string, End>()
  /** Grants that control said were stopped everywhere, and how it came to say so. */
  readonly #stopped = new Map<string, string>()
  /** Whose secret was revoked. */
  readonly #unproved = new Set<string>()
  readonly #disabled = new Map<string, string>()
  readonly #enabled = new Map<string, number>()
  readonly #stoppedActors = new Map<string, string>()
  readonly #endsAt = new Map<string, number>()
  readonly #limits = new Map<string, number>()
  readonly #uses = new Map<string, Set<number>>()
  readonly #approved = new Map<string, number>()
  readonly #forwarded = new Map<string, Set<number>>()
  readonly #began = new Set<number>()
  readonly #sessionsEnded = new Set<string>()
  readonly #grantOfSession = new Map<string, string>()
  readonly entries: Entry[]
  /** Control nodes whose clock says when a grant is over. */
  readonly #controls = new Map<string, { readonly machine: Machine; now(): number }>()
  broken: string | undefined

  constructor(parts: {
    readonly schedule: Schedule
    readonly counts: Counts
    readonly allowed: Allowed
    readonly entries: readonly Entry[]
  }) {
    this.entries = [...parts.entries]
    this.#schedule = parts.schedule
    this.#counts = parts.counts
    this.#allowed = parts.allowed
  }

  /** A gateway that is not elsewhere has its home in its own process, and needs no lease. */
  gateway(machine: Machine, disk: Disk, { isElsewhere }: { readonly isElsewhere: boolean }): void {
    this.#gateways.set(machine.name, {
      isElsewhere,
      machine,
      disk,
      leaseFrom: Number.NEGATIVE_INFINITY,
      linkedSince: undefined,
      acknowledged: 0,
    })
  }

  control(name: string, node: { readonly machine: Machine; now(): number }): void {
    this.#controls.set(name, node)
  }

  /** Of whatever it was, nothing is heard any more. What time it is there goes by its clock all the same. */
  died(name: string): void {
    this.restarted(name)
  }

  law(holds: boolean, says: string): void {
    if (holds || this.broken !== undefined) return
    this.broken = says
    this.#schedule.say(`LAW BROKEN: ${says}`)
    this.#schedule.stop()
  }

  // --- What is heard ---------------------------------------------------------------------------------------------------

  /** A ledger entry became durable, in the change of this version. */
  entry(text: string, version: number): void {
    const entry: Entry = JSON.parse(text)
    const { kind, subject, facts } = entry
    this.entries.push(entry)
    this.#schedule.say(`ledger ${kind} ${subject}`)
    if (kind === 'grant.ended' || kind === 'grant.denied' || kind === 'grant.withdrawn' || kind === 'grant.unclaimed') {
      this.law(!this.#ends.has(subject), `${subject} ended twice`)
      this.#ends.set(subject, { at: this.#schedule.now, version })
      this.#counts.add(`end: ${String(facts['how'])}`)
    }
    if (kind === 'grant.activated' || kind === 'grant.extended') this.#endsAt.set(subject, Number(facts['expiresAt']))
    if (kind === 'credential.revoked') this.#unproved.add(String(facts['identity']))
    // Whoever was disabled may be enabled again.
    if (kind === 'identity.changed' && (facts['state'] ?? 'live') === 'live') {
      const name = String(facts['name'])
      this.#disabled.delete(name)
      this.#enabled.set(name, this.enabledTimes(name) + 1)
    }
    if (kind === 'session.opened') this.#grantOfSession.set(subject, String(facts['grant']))
    if (kind === 'session.ended') this.#sessionsEnded.add(this.#grantOfSession.get(subject) ?? '')
  }

  /** So many actions of this kind may be done under a grant. */
  limit(grant: string, operation: string, uses: number): void {
    this.#limits.set(`${grant} ${operation}`, uses)
  }

  /** A person said yes to exactly this. */
  approved(grant: string, body: string): void {
    const key = `${grant} ${body}`
    this.#approved.set(key, (this.#approved.get(key) ?? 0) + 1)
  }

  /** Control answered that these have stopped everywhere. */
  stopped(grants: readonly string[], how: string): void {
    for (const grant of grants) if (!this.#stopped.has(grant)) this.#stopped.set(grant, how)
    this.#schedule.say(`stopped: ${grants.join(' ')} by ${how}`)
  }

  /** Control answered that nothing of this actor goes on. */
  stoppedActor(actor: string, how: string, by: 'its secret' | 'disabling it'): void {
    const stopped = by === 'its secret' ? this.#stoppedActors : this.#disabled
    stopped.set(actor, how)
    this.#schedule.say(`stopped: everything of ${actor} by ${how}`)
  }

  /** How often an identity was made live again. */
  enabledTimes(actor: string): number {
    return this.#enabled.get(actor) ?? 0
  }

  hasEnded(grant: string): boolean {
    return this.#ends.has(grant)
  }

  linked(gateway: string): void {
    const seen = this.#gateways.get(gateway)
    if (seen !== undefined) seen.linkedSince ??= this.#schedule.now
  }

  unlinked(gateway: string): void {
    const seen = this.#gateways.get(gateway)
    if (seen !== undefined) seen.linkedSince = undefined
  }

  /** The answer to a renewal came that was sent then. */
  leased(gateway: string, sentAt: number): void {
    const seen = this.#gateways.get(gateway)
    if (seen !== undefined) seen.leaseFrom = Math.max(seen.leaseFrom, sentAt)
  }

  /** A new run of the process has no lease of the old one. */
  restarted(gateway: string): void {
    const seen = this.#gateways.get(gateway)
    if (seen === undefined) return
    seen.leaseFrom = Number.NEGATIVE_INFINITY
    seen.linkedSince = undefined
    seen.acknowledged = 0
  }

  acknowledged(gateway: string, version: number): void {
    const seen = this.#gateways.get(gateway)
    if (seen !== undefined) seen.acknowledged = Math.max(seen.acknowledged, version)
  }

  leaseFrom(gateway: string): number {
    return this.#gateways.get(gateway)?.leaseFrom ?? Number.NEGATIVE_INFINITY
  }

  // --- What is demanded ------------------------------------------------------------------------------------------------

  /** A byte of an action arrived at the upstream. */
  byte(gateway: string, sent: Sent, decision: Decision): void {
    const seen = this.#gateways.get(gateway)
    if (seen === undefined) return
    const { now } = this.#schedule
    const isFirst = !this.#began.has(sent.n)
    this.#counts.add('byte')
    this.#schedule.say(`byte ${gateway} ${sent.n}`)
    const gone = this.#stoppedActors.get(sent.actor) ?? this.#disabled.get(sent.actor)
    this.law(gone === undefined, `${gateway} forwards for ${sent.actor}, of whom control said that nothing goes on (${gone ?? ''})`)
    this.#checkEnd(gateway, seen, sent.grant, now)
    this.#checkTime(gateway, sent.grant, now)
    this.law(
      !seen.isElsewhere || now <= seen.leaseFrom + leaseMs + driftMs,
      `${gateway} forwards ${now - seen.leaseFrom} ms after it sent the last renewal that was answered`,
    )
    if (isFirst) this.#checkFirst(gateway, seen, sent, decision)
  }

  #checkEnd(gateway: string, seen: SeenGateway, grant: string, now: number): void {
    const how = this.#stopped.get(grant)
    this.law(how === undefined, `${gateway} forwards under ${grant}, of which control said that it has stopped (${how ?? ''})`)
    const end = this.#ends.get(grant)
    if (end === undefined) return
    this.law(now <= end.at + leaseMs + driftMs, `${gateway} forwards under ${grant} ${now - end.at} ms after its end was stored`)
    this.law(
      seen.acknowledged < end.version,
      `${gateway} forwards under ${grant} though it said that it applied ${seen.acknowledged}, and the end is ${end.version}`,
    )
    this.law(
      seen.leaseFrom <= end.at,
      `${gateway} forwards under ${grant} by a lease that began ${seen.leaseFrom - end.at} ms after its end was stored`,
    )
  }

  #checkTime(gateway: string, grant: string, now: number): void {
    const endsAt = this.#endsAt.get(grant)
    if (endsAt === undefined) return
    const { clocksJump, latencyMax } = this.#allowed
    // The control node that is furthest behind says last that it is over.
    const latest = Math.min(...[...this.#controls.values()].map((control) => control.now() - epoch - now), 0)
    const margin = clocksJump ? leaseMs + driftMs : latencyMax + 5
    this.law(now + latest < endsAt - epoch + margin, `${gateway} forwards under ${grant} after its time was up`)
  }

  #checkFirst(gateway: string, seen: SeenGateway, sent: Sent, decision: Decision): void {
    this.#began.add(sent.n)
    this.#counts.add('action')
    const operation = `${sent.service}/${sent.operation}`
    this.law(decision.grant === sent.grant, `${gateway} forwards ${sent.n} under another grant`)
    const tier = tierOfOperation[operation] ?? 3
    if (tier >= 1)
      this.law(
        seen.disk.has(decision.id, tier >= 2),
        `${gateway} forwards ${operation} and its journal does not have ${decision.id}${tier >= 2 ? ' durably' : ''}`,
      )
    const limit = this.#limits.get(`${sent.grant} ${operation}`)
    if (limit !== undefined) {
      const uses = add(this.#uses, `${sent.grant} ${operation}`, sent.n)
      this.law(uses <= limit, `${uses} uses of ${operation} under ${sent.grant}, which allows ${limit}`)
      this.#counts.add('counted use')
    }
    if (operation !== 'plant/restart') return
    const key = `${sent.grant} ${sent.body}`
    const forwards = add(this.#forwarded, key, sent.n)
    const approvals = this.#approved.get(key) ?? 0
    this.law(forwards <= approvals, `${operation} with ${sent.body} went through ${forwards} times on ${approvals} approvals`)
    this.#counts.add('spent approval')
  }

  /** Something that was under way was ended by its gateway. */
  cut(gateway: string, sent: Sent, reason: string): void {
    this.#counts.add('cut')
    this.#schedule.say(`cut ${gateway} ${sent.n} ${reason}`)
    const seen = this.#gateways.get(gateway)
    const { now } = this.#schedule
    if (seen === undefined || this.#allowed.clocksJump || seen.linkedSince === undefined) return
    const isSteady = now - seen.linkedSince > leaseMs && now - seen.leaseFrom < leaseMs / 2
    const endsAt = this.#endsAt.get(sent.grant) ?? 0
    const isOver =
      [...this.#controls.values()].some((control) => control.now() >= endsAt - this.#allowed.latencyMax) || seen.machine.wall() >= endsAt
    const hasEnded = this.#ends.has(sent.grant) || this.#sessionsEnded.has(sent.grant) || this.#unproved.has(sent.actor)
    this.law(!isSteady || isOver || hasEnded, `${gateway} cuts ${sent.n} of ${sent.actor}, whose ${sent.grant} lives: ${reason}`)
  }
}

function add(to: Map<string, Set<number>>, key: string, n: number): number {
  const known = to.get(key) ?? new Set()
  to.set(key, known)
  known.add(n)
  return known.size
}
