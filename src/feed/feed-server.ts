/** Control's half of the feed: every gateway elsewhere, what it is told, what it may believe until when, and when it has stopped. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { ElsewhereSignals } from '../control/home.ts'
import type { Drilled } from '../control/drills.ts'
import type { Committed } from '../control/ports.ts'
import type { Confirmation, Mark } from '../control/stopping.ts'
import { gatewayOf } from '../model/gateways.ts'
import { FeedDrills } from './feed-drills.ts'
import { FeedIndex } from './feed-index.ts'
import { FeedSeats, type Seat } from './feed-seats.ts'
import { Interest } from './interest.ts'
import { Lane, written } from './lane.ts'
import type { FeedLink, FeedPeer } from './link.ts'
import { type LinkEvents, ServedGateway, type Serving, sourceOf } from './served-gateway.ts'
import type { Connected } from './shared-standing.ts'

const drillEvery: Milliseconds = 10_000

export type FeedServerParts = Omit<Serving, 'caughtUp' | 'signals'>

/** How one gateway process stands, for people and figures. */
export interface GatewayStanding {
  readonly id: string
  /** Of the process. */
  readonly name: string
  readonly gateway: string
  readonly state: 'connected' | 'loading' | 'away'
  /** Of the present connection. */
  readonly since?: Instant
  readonly address?: string
  readonly software?: string
  /** The version up to which everything binds there, and how many behind that is. */
  readonly applied?: number
  readonly lag?: number
  /** From then on it lets nothing through unless it renewed. */
  readonly leaseEndsBy?: Instant
}

export class FeedServer {
  readonly #parts: FeedServerParts
  readonly #serving: Serving
  readonly #index: FeedIndex
  readonly #lanes = new Map<string, Lane>()
  readonly #links = new Map<string, { readonly served: ServedGateway; readonly seat: Seat }>()
  /** Links that have not said hello. */
  readonly #silent = new Set<ServedGateway>()
  readonly #seats: FeedSeats
  readonly #drills: FeedDrills
  readonly #leave: () => void
  #look: { readonly running: Promise<void>; next: Promise<void> | undefined } | undefined
  #callOffDrill: (() => void) | undefined
  #isClosed = false

  constructor(parts: FeedServerParts) {
    this.#parts = parts
    const { desk } = parts
    this.#serving = { ...parts, signals: new ElsewhereSignals(desk), caughtUp: () => this.#caughtUp() }
    this.#index = new FeedIndex(desk.facts)
    this.#seats = new FeedSeats(desk.clock, ({ gateway, run }) => desk.activity.lost(sourceOf(gateway, run)))
    this.#drills = new FeedDrills(desk.clock)
    // What an earlier run of control leased nobody remembers: until it can have ended, these may still act.
    for (const gateway of desk.facts.enrolled.all()) this.#seats.presume(gateway)
    // They come back at once: what is theirs is found before the first of them waits for it.
    for (const { gateway } of desk.facts.enrolled.all()) this.#laneOf(gateway)
    desk.store.onCommit((committed) => this.#follow(committed))
    this.#leave = desk.stopping.join({
      isElsewhere: true,
      confirm: (mark, upTo) => this.#confirm(mark, upTo),
      drill: () => this.#drill(),
    })
  }

  /** Whether a peer of this key may speak here. */
  knows(key: string): boolean {
    return this.#parts.desk.facts.enrolled.byKey(key) !== undefined
  }

  /** Serves a link whose peer proved this key. One that is not enrolled hears so, and an operator too. */
  accept(link: FeedLink, peer: FeedPeer): void {
    const gateway = this.#parts.desk.facts.enrolled.byKey(peer.key)
    if (gateway === undefined || this.#isClosed) {
      const code = gateway === undefined ? 'gateway.unknown' : 'feed.closed'
      if (gateway === undefined)
        this.#parts.alarm(
          `a gateway that is not enrolled, or was removed, tried to connect from ${peer.address}: key ${peer.key.slice(0, 16)}…`,
        )
      link.send(written({ type: 'refused', code }))
      link.close(code)
      return
    }
    const lane = this.#laneOf(gateway.gateway)
    const served = new ServedGateway({ link, gateway, address: peer.address, lane }, this.#serving, this.#events)
    if (served.isOver) return
    this.#silent.add(served)
  }

  /** Ends every link. Who is asked to confirm from now on is not heard any more. */
  close(): void {
    this.#isClosed = true
    this.#callOffDrill?.()
    this.#leave()
    for (const { served } of this.#links.values()) served.refuse('feed.closed', 'control stops')
    for (const served of this.#silent) served.refuse('feed.closed', 'control stops')
  }

  /** Every gateway that is enrolled, connected or not. */
  standing(): readonly GatewayStanding[] {
    const { facts } = this.#parts.desk
    return facts.enrolled.all().map((gateway) => {
      const { id, name } = gateway
      const link = this.#links.get(id)
      const ends = this.#seats.all().flatMap((seat) => (seat.gateway.id === id && seat.endsBy > 0 ? [seat.endsBy] : []))
      const leaseEndsBy = ends.length === 0 ? {} : { leaseEndsBy: Math.max(...ends) }
      if (link === undefined) return { id, name, gateway: gateway.gateway, state: 'away', ...leaseEndsBy }
      const { served } = link
      const { applied, connectedAt, address, hello } = served
      return {
        id,
        name,
        gateway: gateway.gateway,
        state: applied > 0 ? 'connected' : 'loading',
        since: connectedAt,
        address,
        ...(hello === undefined ? {} : { software: hello.software }),
        applied,
        lag: Math.max(0, (this.#lanes.get(gateway.gateway)?.lastConcern(applied, facts.version) ?? applied) - applied),
        ...leaseEndsBy,
      }
    })
  }

  /** Where a service listens at the gateways that are connected here; only its own gateway's processes are believed. */
  urlsOf(name: string): readonly string[] {
    const { facts } = this.#parts.desk
    const service = facts.service(name)
    if (service === undefined) return []
    const own = gatewayOf(service)
    // By name, so that the first is the same one each time.
    const all = facts.enrolled.all().toSorted((one, other) => (one.name < other.name ? -1 : 1))
    return all.flatMap(({ id, gateway }) => {
      const url = gateway === own ? this.#links.get(id)?.served.urlOf(name) : undefined
      return url === undefined ? [] : [url]
    })
  }

  /** Who is served here now, for other control nodes to know. */
  connected(): readonly Connected[] {
    return [...this.#links.values()].flatMap(({ served }) => (served.isServed ? [{ id: served.gateway.id, services: served.serves }] : []))
  }

  #drill(): Promise<readonly Drilled[]> {
    return Promise.all([...this.#links.values()].filter(({ served }) => served.isServed).map(({ served }) => this.#drills.drill(served)))
  }

  readonly #events: LinkEvents = {
    greeted: (served) => {
      this.#silent.delete(served)
      const { gateway, hello } = served
      // The later one is the one that lives: the earlier may be a connection that broke without anybody hearing of it.
      this.#links.get(gateway.id)?.served.refuse('feed.replaced')
      const seat = this.#seats.linked(gateway, hello?.run ?? '', hello?.has !== undefined)
      this.#links.set(gateway.id, { served, seat })
      this.#drillLater()
    },
    applied: (served, version) => {
      const seat = this.#seatOf(served)
      if (seat !== undefined) this.#seats.applied(seat, version)
    },
    leased: (served, received) => {
      const seat = this.#seatOf(served)
      if (seat !== undefined) this.#seats.leased(seat, received)
    },
    drilled: (served, n) => this.#drills.drilled(served, n),
    ended: (served) => {
      this.#silent.delete(served)
      this.#drills.ended(served)
      const { id } = served.gateway
      const link = this.#links.get(id)
      if (link?.served !== served) return
      this.#links.delete(id)
      this.#seats.unlinked(link.seat)
    },
  }

  #seatOf(served: ServedGateway): Seat | undefined {
    const link = this.#links.get(served.gateway.id)
    return link?.served === served ? link.seat : undefined
  }

  #laneOf(gateway: string): Lane {
    const known = this.#lanes.get(gateway)
    if (known !== undefined) return known
    const { facts, clock } = this.#parts.desk
    const lane = new Lane(new Interest(facts, this.#index, gateway), clock, facts.version)
    this.#lanes.set(gateway, lane)
    return lane
  }

  #follow(committed: Committed): void {
    this.#index.follow(committed)
    for (const [gateway, lane] of this.#lanes) {
      // Where nobody may act any more, nor was there lately, nobody has to be told: whoever comes back is given everything.
      if (lane.isWanted(committed.at) || this.#isSeated(gateway)) lane.follow(committed)
      else this.#lanes.delete(gateway)
    }
    if (committed.changes.some(({ kind }) => kind === 'gateway')) this.#dropRemoved()
  }

  #isSeated(gateway: string): boolean {
    return (
      this.#seats.all().some((seat) => seat.gateway.gateway === gateway) ||
      [...this.#silent].some((served) => served.gateway.gateway === gateway)
    )
  }

  /** Whose enrolment is over is cut off at once. */
  #dropRemoved(): void {
    const { enrolled } = this.#parts.desk.facts
    const all = [...this.#silent, ...[...this.#links.values()].map(({ served }) => served)]
    for (const served of all) {
      const { key } = served.gateway
      if (key === undefined || enrolled.byKey(key)?.id !== served.gateway.id) served.refuse('gateway.unknown')
    }
  }

  #confirm(mark: Mark, upTo: number): readonly (Confirmation | Promise<Confirmation>)[] {
    return this.#seats.all().flatMap((seat) => {
      const lane = this.#lanes.get(seat.gateway.gateway)
      const isRemoved = this.#parts.desk.facts.enrolled.get(seat.gateway.id) === undefined
      const version = lane === undefined || isRemoved ? upTo : lane.lastConcern(mark.version, upTo)
      if (version === undefined) return []
      // Its lease was over before the change: there is nothing that it has to stop.
      if (seat.applied < version && this.#seats.isOver(seat)) return []
      return [this.#seats.stopped(seat, version, mark.at)]
    })
  }

  /** One look at a time, and one more for all who asked meanwhile: theirs begins after they asked. */
  #caughtUp(): Promise<void> {
    const look = this.#look
    if (look === undefined) return this.#lookNow()
    look.next ??= look.running.then(
      () => this.#lookNow(),
      () => this.#lookNow(),
    )
    return look.next
  }

  #lookNow(): Promise<void> {
    const running = this.#parts.desk.store.catchUp()
    const look = { running, next: undefined }
    this.#look = look
    const over = () => {
      if (this.#look === look && look.next === undefined) this.#look = undefined
    }
    running.then(over, over)
    return running
  }

  #drillLater(): void {
    this.#callOffDrill ??= this.#parts.desk.clock.after(drillEvery, () => {
      this.#callOffDrill = undefined
      if (this.#isClosed || this.#links.size === 0) return
      void this.#parts.desk.stopping.drill()
      this.#drillLater()
    })
  }
}
