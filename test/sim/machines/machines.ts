/** All machines of one run, the network between them, and what goes wrong with them. */
import type { Dice } from '../../world/chance.ts'
import { ControlNode } from './control-node.ts'
import type { Counts } from './counts.ts'
import { DatabaseServer } from './database-server.ts'
import { Disk } from './disk.ts'
import type { Door } from './door.ts'
import { GatewayProcess } from './gateway-process.ts'
import { Machine } from './machine.ts'
import { Network } from './network.ts'
import { Outside } from './outside.ts'
import type { PlantName } from './plants.ts'
import type { Fault, Scenario } from './scenario.ts'
import { Schedule } from './schedule.ts'
import type { Template } from './template.ts'
import { WireTap } from './wire-tap.ts'

const restartMs = 300

export interface MachinesParts {
  readonly template: Template
  readonly counts: Counts
  readonly dice: Dice
  readonly plant: PlantName | undefined
}

export class Machines {
  readonly schedule = new Schedule()
  readonly counts: Counts
  readonly dice: Dice
  readonly outside: Outside
  readonly network: Network
  readonly server: DatabaseServer
  readonly template: Template
  readonly #scenario: Scenario
  readonly #plant: PlantName | undefined
  readonly #machines = new Map<string, Machine>()
  readonly #disks = new Map<string, Disk>()
  readonly #controls = new Map<string, ControlNode>()
  readonly #gateways = new Map<string, GatewayProcess>()
  /** Machines whose programs died and have not been started again. */
  readonly #down = new Set<string>()
  #isMended = false

  constructor(scenario: Scenario, { template, counts, dice, plant }: MachinesParts) {
    this.#scenario = scenario
    this.#plant = plant
    this.template = template
    this.counts = counts
    this.dice = dice
    const { schedule } = this
    const { network: terms, skews, faultNames } = scenario
    const latencyMax = terms.latency[0] + terms.latency[1] + (terms.late > 0 ? 2_000 : 0)
    const clocksJump = faultNames.some((name) => name === 'jump' || name === 'suspend')
    this.outside = new Outside({ schedule, counts, allowed: { clocksJump, latencyMax }, entries: template.entries })
    this.network = new Network({ schedule, terms, dice, counts, tap: new WireTap(schedule, this.outside) })
    this.server = new DatabaseServer(template.image, counts)
    this.server.isShared = scenario.controls > 1
    // A notice is a hint that may be late or lost.
    this.server.onNotice = (tell) => {
      if (dice.below(100) > 1) schedule.after(this.network.latency(), tell)
    }
    this.server.onEntry = (body, version) => this.outside.entry(body, version)
    for (const [name, skew] of Object.entries(skews)) {
      if (skew !== 0) counts.add('skew')
      this.#machines.set(name, new Machine(name, { schedule, dice, skew }))
      this.#disks.set(name, new Disk(dice, counts))
    }
  }

  get controlNames(): readonly string[] {
    return Array.from({ length: this.#scenario.controls }, (_, place) => `control-${place + 1}`)
  }

  machine(name: string): Machine {
    const machine = this.#machines.get(name)
    if (machine === undefined) throw new Error(`no machine ${name}`)
    return machine
  }

  disk(name: string): Disk {
    const disk = this.#disks.get(name)
    if (disk === undefined) throw new Error(`no disk ${name}`)
    return disk
  }

  /** A control node that runs. */
  control(place: number): ControlNode | undefined {
    return this.#controls.get(this.controlNames[place] ?? '')
  }

  controls(): Iterable<ControlNode> {
    return this.#controls.values()
  }

  /** Where the traffic of a gateway goes in, if it runs: one of the processes, or the gateway in the first control node's own. */
  door(place: number): { readonly door: Door; readonly machine: Machine; readonly gateway: string } | undefined {
    const [name = 'control-1', gateway = 'http'] = this.#scenario.gateways[place] ?? []
    const door =
      this.#gateways.get(name)?.door ??
      (gateway === 'http' && place >= this.#scenario.gateways.length ? this.#controls.get(name)?.door : undefined)
    return door === undefined ? undefined : { door, machine: this.machine(name), gateway }
  }

  *doors(): Iterable<{ readonly door: Door; readonly machine: Machine }> {
    for (const [name, { door }] of this.#gateways) if (door !== undefined) yield { door, machine: this.machine(name) }
    for (const [name, { door }] of this.#controls) yield { door, machine: this.machine(name) }
  }

  async begin(): Promise<void> {
    for (const name of this.controlNames) await this.#startControl(name)
    for (const [name] of this.#scenario.gateways) {
      this.outside.gateway(this.machine(name), this.disk(name), { isElsewhere: true })
      this.#startGateway(name)
    }
    for (const fault of this.#scenario.faults) this.schedule.at(fault.at, () => this.#strike(fault))
  }

  /** Everything that is broken is mended, and whatever stopped is started again. */
  mend(): void {
    this.schedule.say('mend')
    this.#isMended = true
    this.network.mend()
    this.server.isFull = false
    this.server.failsToSync = false
    for (const disk of this.#disks.values()) {
      disk.isFull = false
      disk.failsToSync = false
    }
    for (const machine of this.#machines.values()) machine.goOn()
    for (const name of [...this.#down]) this.#restart(name)
    this.schedule.after(2_000, () => this.#replaceStopped())
  }

  /** After every event. */
  check(): void {
    for (const gateway of this.#gateways.values()) gateway.check()
  }

  /** When everything is at rest: every gateway serves, and the ledger tells what the store has. */
  async audit(): Promise<void> {
    for (const [name, gateway] of this.#gateways)
      this.outside.law(gateway.isServing(), `${name} does not serve again, though nothing is broken any more: ${gateway.describe()}`)
    const control = this.control(0)
    this.outside.law(control !== undefined, 'control does not run, though nothing is broken any more')
    if (control !== undefined) await control.audit(this.outside)
  }

  end(): void {
    for (const machine of this.#machines.values()) machine.die()
    this.server.close()
  }

  async #startControl(name: string): Promise<void> {
    const machine = this.machine(name)
    const { dice, outside, server, template } = this
    const node = await ControlNode.start({
      machine,
      server,
      disk: this.disk(name),
      dice,
      checker: template.checker,
      outside,
      network: this.network,
      plant: this.#plant,
    })
    this.#controls.set(name, node)
    outside.control(name, { machine, now: () => node.clock.now() })
    outside.gateway(machine, this.disk(name), { isElsewhere: false })
  }

  #startGateway(name: string): void {
    const { dice, outside, network } = this
    const enrolled = this.template.gateways.get(name)
    if (enrolled === undefined) throw new Error(`nobody enrolled ${name}`)
    outside.restarted(name)
    const started = new GatewayProcess({
      enrolled,
      machine: this.machine(name),
      disk: this.disk(name),
      dice,
      outside,
      network,
      plant: this.#plant,
      controls: () => this.controlNames.map((each) => ({ machine: this.machine(each), node: () => this.#controls.get(each) })),
    })
    this.#gateways.set(name, started)
    void started.begin()
  }

  #strike(fault: Fault): void {
    if (this.#isMended) return
    const { schedule, counts, network } = this
    schedule.say(`fault ${JSON.stringify(fault)}`)
    switch (fault.what) {
      case 'partition': {
        counts.add('partition')
        const [name = ''] = this.#scenario.gateways[fault.gateway] ?? []
        const cut = this.controlNames.filter((_, place) => fault.control < 0 || fault.control === place)
        for (const control of cut) network.cut(this.machine(name), this.machine(control))
        schedule.after(fault.lasts, () => {
          schedule.say(`healed ${name}`)
          for (const control of cut) network.heal(this.machine(name), this.machine(control))
        })
        return
      }
      case 'crash':
        this.#kill(fault.machine, fault.losesPower)
        schedule.after(fault.lasts, () => this.#restart(fault.machine))
        return
      case 'jump':
        counts.add('clock jump')
        this.machine(fault.machine).setBack(fault.back)
        return
      case 'suspend': {
        const machine = this.machine(fault.machine)
        counts.add(`suspend: ${fault.kind}`)
        machine.standStill(fault.kind)
        schedule.after(fault.lasts, () => {
          schedule.say(`goes on ${machine.name}`)
          machine.goOn()
        })
        return
      }
      case 'full':
      case 'fsync': {
        const broken = fault.disk === 'database' ? this.server : this.disk(fault.disk)
        const set = (is: boolean) => {
          if (fault.what === 'full') broken.isFull = is
          else broken.failsToSync = is
        }
        set(true)
        schedule.after(fault.lasts, () => {
          set(false)
          if (fault.disk !== 'database') this.#replaceStopped()
        })
        return
      }
    }
  }

  #kill(name: string, losesPower: boolean): void {
    if (this.#down.has(name)) return
    this.counts.add(losesPower ? 'power lost' : 'crash')
    this.schedule.say(`dies ${name}`)
    const machine = this.machine(name)
    this.#controls.get(name)?.die()
    machine.die()
    this.network.died(machine, losesPower)
    if (losesPower) this.disk(name).losePower()
    this.#down.add(name)
    this.#controls.delete(name)
    this.#gateways.delete(name)
    this.outside.died(name)
  }

  #restart(name: string): void {
    if (!this.#down.delete(name)) return
    this.counts.add('restart')
    this.schedule.say(`starts ${name}`)
    this.machine(name).start()
    if (!this.controlNames.includes(name)) {
      this.#startGateway(name)
      return
    }
    void this.#startControl(name).catch((cause: unknown) => {
      // The database may be full just now: whoever runs it tries again.
      this.schedule.say(`cannot start ${name}: ${String(cause)}`)
      this.#kill(name, false)
      this.schedule.after(restartMs, () => this.#restart(name))
    })
  }

  /** An operator starts again what refuses everything since its disk failed. */
  #replaceStopped(): void {
    for (const [name, gateway] of [...this.#gateways]) {
      if (!gateway.hasFailed) continue
      this.#kill(name, false)
      this.schedule.after(restartMs, () => this.#restart(name))
    }
  }
}
