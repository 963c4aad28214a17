/** One control node of the simulation, from start to death: desk, ledger, its own gateway, and the feed that it serves. */
import { Anchoring, latestAnchor } from '../../../src/control/anchor.ts'
import type { Desk } from '../../../src/control/desk.ts'
import { gatewayControl } from '../../../src/control/gateway-control.ts'
import { gateInProcess } from '../../../src/control/in-process.ts'
import { Journal } from '../../../src/control/journal.ts'
import type { Ledger } from '../../../src/control/ledger.ts'
import type { PolicyChecker } from '../../../src/control/policy-checking.ts'
import type { Nodes } from '../../../src/control/ports.ts'
import { sweep } from '../../../src/control/sweep.ts'
import type { HostClock } from '../../../src/host/clock.ts'
import { OtherNodes } from '../../../src/feed/other-nodes.ts'
import { SharedLife } from '../../../src/feed/shared-life.ts'
import { isId } from '../../../src/kernel/ids.ts'
import { FeedServer } from '../../../src/feed/feed-server.ts'
import { refuse } from '../../../src/kernel/refusals.ts'
import { done, mustBe } from '../../../src/kernel/result.ts'
import { ownGateway } from '../../../src/model/gateways.ts'
import { OpenDatabase } from '../../../src/store/shared/database.ts'
import { type Dice, seededChance } from '../../world/chance.ts'
import { difference, replay, stored } from '../replay.ts'
import { gatewayKeys } from './gateway-keys.ts'
import type { DatabaseServer } from './database-server.ts'
import type { Disk } from './disk.ts'
import { Door } from './door.ts'
import type { Machine } from './machine.ts'
import type { Network } from './network.ts'
import { openDesk, room } from './open-desk.ts'
import type { Outside } from './outside.ts'
import type { PlantName } from './plants.ts'

const sweepEveryMs = 500

export interface ControlParts {
  readonly machine: Machine
  readonly server: DatabaseServer
  readonly disk: Disk
  readonly dice: Dice
  readonly checker: PolicyChecker
  readonly outside: Outside
  readonly network: Network
  readonly plant: PlantName | undefined
}

export class ControlNode {
  readonly desk: Desk
  readonly door: Door
  readonly clock: HostClock
  readonly journal: Journal
  readonly feed: FeedServer
  readonly #machine: Machine
  readonly #close: () => void
  readonly ledger: Ledger

  static async start(parts: ControlParts): Promise<ControlNode> {
    const { machine, server, disk, dice, checker, outside } = parts
    const clock = machine.clock()
    const chance = seededChance(Number(dice.next() % 1_000_000_007n))
    const latest = await server.latest()
    const engine = server.engine(machine)
    const database = new OpenDatabase({ engine, now: () => clock.now(), chance: (count) => chance.bytes(count), latest })
    const alarm = (says: string) => machine.schedule.say(`alarm ${machine.name}: ${says}`)
    const { desk, ledger } = await openDesk({ database, clock, chance, checker, alarm })
    const signer = machine.name === 'control-1' ? room.gateway : gatewayKeys(machine.name).signer
    const anchored = await latestAnchor(database, signer.name)
    const journal = mustBe(
      await Journal.open({
        signer,
        disk: disk.open(),
        clock,
        ...(anchored === undefined ? {} : { anchored }),
        storeVersion: (await desk.store.last()).version,
        onFailure: () => alarm('the journal stopped'),
      }),
    )
    const anchoring = new Anchoring({ store: desk.store, clock }, journal)
    void anchoring
    const gate = gateInProcess(desk, ownGateway, { journal, alarm, isDisputed: () => ledger.isDisputed })
    const control = gatewayControl(gate)
    const feed = new FeedServer({
      desk,
      epoch: 1,
      node: machine.name,
      isDisputed: () => ledger.isDisputed,
      secretText: () => done(undefined),
      renewCertificate: async () => refuse('input.invalid'),
      alarm,
    })
    if (database.nodes.node !== '') joinNodes(desk, database.nodes, clock)
    const door = new Door(machine.name, { control, clock, outside })
    const node = new ControlNode({ machine, desk, ledger, journal, clock, door, feed, close: () => void engine.close() })
    node.#sweepOn()
    return node
  }

  private constructor(made: {
    readonly machine: Machine
    readonly desk: Desk
    readonly ledger: Ledger
    readonly journal: Journal
    readonly clock: HostClock
    readonly door: Door
    readonly feed: FeedServer
    readonly close: () => void
  }) {
    this.#machine = made.machine
    this.desk = made.desk
    this.ledger = made.ledger
    this.journal = made.journal
    this.clock = made.clock
    this.door = made.door
    this.feed = made.feed
    this.#close = made.close
  }

  /** Its program is gone; what it had under way comes to nothing. */
  die(): void {
    this.#close()
  }

  /** The ledger, replayed from its first entry, gives what the store has. */
  async audit(outside: Outside): Promise<void> {
    await this.desk.store.change(async () => done(undefined))
    const differs = difference(replay(outside.entries), await stored(this))
    outside.law(differs === undefined, `a change without its ledger entry: ${differs ?? ''}`)
  }

  #sweepOn(): void {
    this.clock.after(sweepEveryMs, () => {
      void sweep(this.desk, this.desk.activity)
        .catch((cause: unknown) => this.#machine.schedule.say(`sweep of ${this.#machine.name} failed: ${String(cause)}`))
        .then(() => this.#sweepOn())
    })
  }
}

/** As `main/house.ts` does where several nodes have one database. */
function joinNodes(desk: Desk, nodes: Nodes, clock: HostClock): void {
  const { space, store, stopping, activity, facts } = desk
  const isOpen = (id: string) => {
    const grant = isId('grn', id) ? facts.grant(id) : undefined
    return grant !== undefined && grant.endedAt === undefined
  }
  new SharedLife({ nodes, space, activity, clock, isOpen }).begin()
  new OtherNodes({ nodes, store, stopping, clock }).join()
}
