/** One gateway process of the simulation, from start to death: the real gateway, its journal, and the traffic through it. */
import { Journal } from '../../../src/control/journal.ts'
import { FedGateway } from '../../../src/feed/fed-gateway.ts'
import type { FeedLink } from '../../../src/feed/link.ts'
import type { EnrolledGateway } from '../../../src/model/gateways.ts'
import { type Dice, seededChance } from '../../world/chance.ts'
import type { ControlNode } from './control-node.ts'
import type { Disk } from './disk.ts'
import { Door } from './door.ts'
import { gatewayKeys } from './gateway-keys.ts'
import type { Machine } from './machine.ts'
import type { Network } from './network.ts'
import { space } from './open-desk.ts'
import type { Outside } from './outside.ts'
import { clocksOf, type PlantName, wrapLink } from './plants.ts'
import { quickReader } from './quick-ports.ts'

export interface Reachable {
  readonly machine: Machine
  readonly node: () => ControlNode | undefined
}

export interface GatewayParts {
  readonly enrolled: EnrolledGateway
  readonly machine: Machine
  readonly disk: Disk
  readonly dice: Dice
  readonly outside: Outside
  readonly network: Network
  readonly plant: PlantName | undefined
  readonly controls: () => readonly Reachable[]
}

export class GatewayProcess {
  readonly #parts: GatewayParts
  #fed: FedGateway | undefined
  #door: Door | undefined
  #hasFailed = false
  #version = 0
  #next = 0

  constructor(parts: GatewayParts) {
    this.#parts = parts
  }

  /** Where its clients come in; absent until it has read its journal. */
  get door(): Door | undefined {
    return this.#door
  }

  /** Its journal could not be written or read: it refuses everything until it is started again. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  async begin(): Promise<void> {
    const { enrolled, machine, disk, dice, outside, plant } = this.#parts
    const clocks = clocksOf(machine, plant)
    const alarm = (says: string, cause?: unknown) =>
      machine.schedule.say(`alarm ${machine.name}: ${says} ${cause instanceof Error ? cause.message : ''}`)
    const opened = await Journal.open({
      signer: gatewayKeys(enrolled.name).signer,
      disk: disk.open(),
      clock: clocks.clock,
      onFailure: (cause) => {
        this.#hasFailed = true
        alarm('the journal stopped', cause)
      },
    })
    if (!opened.ok) {
      alarm(`the journal cannot be opened: ${opened.refusal.code} ${opened.refusal.detail ?? ''}`)
      this.#hasFailed = true
      return
    }
    const { id, name, gateway } = enrolled
    this.#fed = new FedGateway({
      self: { id, space, name, gateway },
      dial: () => this.#dial(),
      clock: clocks.clock,
      monotonic: clocks.monotonic,
      chance: seededChance(Number(dice.next() % 1_000_000_007n)),
      journal: opened.value,
      makeTokenReader: quickReader,
      software: 'simulated',
      alarm,
    })
    this.#door = new Door(machine.name, { control: this.#fed.control(), clock: this.#fed.clock, outside })
    this.#fed.start()
  }

  /** Versions never go back within one run of it. */
  check(): void {
    const version = this.#fed?.state().version ?? 0
    this.#parts.outside.law(version >= this.#version, `${this.#parts.machine.name} was at version ${this.#version} and is at ${version}`)
    this.#version = version
  }

  isServing(): boolean {
    return this.#fed?.state().link === 'following' && this.#fed.state().leaseLeft > 0
  }

  describe(): string {
    return JSON.stringify(this.#fed?.state() ?? 'not open')
  }

  /** Whichever control node is next. */
  async #dial(): Promise<FeedLink> {
    const { enrolled, machine, network, controls, plant } = this.#parts
    const all = controls()
    const control = all[this.#next % all.length]
    this.#next += 1
    if (control === undefined) throw new Error('no control node is known')
    const peer = { key: gatewayKeys(enrolled.name).key, address: '127.0.0.1' }
    const link = await network.dial(machine, control.machine, (far) => {
      const node = control.node()
      if (node === undefined) far.close('nothing listens here')
      else node.feed.accept(far, peer)
    })
    return wrapLink(link, machine, plant)
  }
}
