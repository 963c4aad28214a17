/** Uses handed to a gateway in advance: spent for everybody else at once, given back at most once, and lost with the link they were asked over. */
import type { GrantId } from '../kernel/ids.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { isLive } from '../decision/decide.ts'
import { usedOf } from '../model/counting.ts'
import { type EnrolledGateway, gatewayOf } from '../model/gateways.ts'
import { type Grant, type ScopeEntry, type Uses, usesId } from '../model/grants.ts'
import { type Desk, machinery, note } from './desk.ts'
import type { Change } from './ports.ts'

/** More than this is not held in advance on one line: so much is lost at most when a gateway is. */
const usesAtOnceMax = 64
/** One part of this many of what is left: others come to their share while one holds some. */
const shareOf = 4
/** Lines of which one link holds uses; beyond it, each use is asked for. */
const linesMax = 1_000

export interface ReservedUses {
  readonly grant: GrantId
  readonly line: number
  readonly uses: number
}

interface Held extends ReservedUses {
  readonly key: string
}

/**
 * What one gateway process holds over one link: the fence is this object. Whoever comes back over another link, or as another run, gets
 * another one, which knows nothing of what the earlier one held: that stays spent, because nobody can tell what became of it. It
 * is kept in memory for that reason: after a restart of control nothing can be given back either.
 */
export class Reservations {
  readonly #desk: Desk
  readonly #gateway: EnrolledGateway
  readonly #run: string
  readonly #held = new Map<string, Held>()
  #over = false

  constructor(desk: Desk, gateway: EnrolledGateway, run: string) {
    this.#desk = desk
    this.#gateway = gateway
    this.#run = run
  }

  /** How many uses of a line this link holds and has not given back. */
  held(grant: GrantId, line: number): number {
    return this.#held.get(usesId(grant, line))?.uses ?? 0
  }

  /**
   * Counts some uses as spent and hands them out: at most as many as asked, 64, and a quarter of what is left; 0 where that is none.
   * Refuses `grant.uses-spent` where nothing is left, `grant.missing` for what another gateway serves, and `action.changed` for lines
   * that count anything but uses, or that reach tier 3: those are asked for one by one.
   */
  async reserve({ grant, line, uses }: ReservedUses): Promise<Result<number>> {
    const key = usesId(grant, line)
    this.#forgetEnded()
    if (this.#over || !Number.isSafeInteger(uses) || uses < 1) return refuse('action.changed', { detail: 'nothing can be reserved here' })
    if (!this.#held.has(key) && this.#held.size >= linesMax) return done(0)
    const handed = await this.#desk.store.change((tx) => this.#take(tx, { grant, line, uses }))
    if (!handed.ok || handed.value === 0) return handed
    this.#held.set(key, { key, grant, line, uses: this.held(grant, line) + handed.value })
    // The link ended meanwhile: nobody is there to use them, and nobody can give them back.
    if (this.#over) await this.end()
    return handed
  }

  /**
   * Closes what this link holds of a line: as many as it says were not used come back, never more than it holds, and the others stay
   * spent. Answers how many came back: 0 where it holds none, which is what a second release, or one after a restart of control, finds.
   */
  async release({ grant, line, uses }: ReservedUses): Promise<Result<number>> {
    const key = usesId(grant, line)
    const held = this.#held.get(key)
    if (held === undefined) return done(0)
    // Before anything is awaited: whatever becomes of the change, it is not given back again.
    this.#held.delete(key)
    const back = Number.isSafeInteger(uses) && uses > 0 ? Math.min(uses, held.uses) : 0
    return this.#desk.store.change((tx) => this.#close(tx, held, { kind: 'uses.released', back }))
  }

  /** The link is gone, or another run took its place: what it held stays spent. Answers how many uses that were. */
  async end(): Promise<Result<number>> {
    this.#over = true
    const lost = [...this.#held.values()]
    this.#held.clear()
    if (lost.length === 0) return done(0)
    return this.#desk.store.change(async (tx) => {
      for (const held of lost) await this.#close(tx, held, { kind: 'uses.lost', back: 0 })
      return done(lost.reduce((sum, { uses }) => sum + uses, 0))
    })
  }

  async #take(tx: Change, { grant: id, line, uses }: ReservedUses): Promise<Result<number>> {
    const grant = await tx.get('grant', id)
    if (grant === undefined) return refuse('grant.missing')
    const limit = this.#limitOf(grant, line)
    if (!limit.ok) return limit
    if (!isLive(grant, tx.now)) return refuse('grant.ended')
    const before = (await tx.get('uses', usesId(id, line))) ?? this.#unused(id, line)
    const left = limit.value - usedOf(before)
    if (left <= 0) return refuse('grant.uses-spent')
    const some = Math.min(uses, usesAtOnceMax, Math.floor(left / shareOf))
    if (some === 0) return done(0)
    await tx.put('uses', { ...before, spent: before.spent + some, reserved: (before.reserved ?? 0) + some })
    await this.#note(tx, 'uses.reserved', id, { line, uses: some, spent: usedOf(before) + some, of: limit.value })
    return done(some)
  }

  /** How many uses the line has, if they may be handed out to this gateway at all. */
  #limitOf(grant: Grant, line: number): Result<number> {
    const entry: ScopeEntry | undefined = grant.scope[line]
    const [name = ''] = entry?.resource.split('/') ?? []
    const service = this.#desk.facts.service(name)
    // What another gateway serves answers as what is not there.
    if (service === undefined || gatewayOf(service) !== this.#gateway.gateway) return refuse('grant.missing')
    if (entry?.uses === undefined || entry.sum !== undefined || entry.rate !== undefined)
      return refuse('action.changed', { detail: 'only a line that counts its uses alone is reserved from' })
    if (grant.tier === 3) return refuse('action.changed', { detail: 'at tier 3 control says yes to each action' })
    return done(entry.uses)
  }

  async #close(
    tx: Change,
    { key, grant: id, line, uses }: Held,
    how: { readonly kind: string; readonly back: number },
  ): Promise<Result<number>> {
    const before = await tx.get('uses', key)
    if (before === undefined) throw new Error('reserved uses have no record')
    const grant = await tx.get('grant', id)
    // Of a grant that has ended nothing comes back: nobody may use it.
    const returned = grant !== undefined && isLive(grant, tx.now) ? how.back : 0
    await tx.put('uses', {
      ...before,
      reserved: Math.max(0, (before.reserved ?? 0) - uses),
      ...(returned === 0 ? {} : { returned: (before.returned ?? 0) + returned }),
    })
    await this.#note(tx, how.kind, id, { line, uses, returned, spent: usedOf(before) - returned })
    return done(returned)
  }

  #note(tx: Change, kind: string, subject: GrantId, facts: Readonly<Record<string, number>>): Promise<void> {
    const { id, name } = this.#gateway
    return note(tx, { kind, actor: machinery, subject, facts: { ...facts, gateway: name, process: id, run: this.#run } })
  }

  #unused(grant: GrantId, line: number): Uses {
    return { id: usesId(grant, line), space: this.#desk.space, grant, line, spent: 0 }
  }

  /** What ended took its uses with it. */
  #forgetEnded(): void {
    if (this.#held.size < linesMax) return
    for (const { key, grant } of this.#held.values()) if (this.#desk.facts.grant(grant)?.state !== 'active') this.#held.delete(key)
  }
}
