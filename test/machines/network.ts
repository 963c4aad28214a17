/** Machines that are network namespaces of this one, each on two networks: control's, which can fail silently, and the one that traffic takes. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'

/** Addresses for tests (RFC 2544), so that nothing of this machine's own is hidden. */
const networks = { control: '198.18.77', traffic: '198.19.77' } as const
type NetworkName = keyof typeof networks
const names: readonly NetworkName[] = ['control', 'traffic']
const own = 254

export interface Machine {
  readonly name: string
  /** Its address on either network. */
  readonly address: Readonly<Record<NetworkName, string>>
  /** The command that runs what follows it on this machine. */
  readonly through: readonly string[]
  /** Nothing of control's network leaves it or arrives any more, and nobody is told. */
  cut(): void
  /** Back on control's network. */
  join(): void
}

/** Two switches, and what hangs on them: this process too. Needs to be root. `close` takes all of it away. */
export class Network {
  readonly #label = randomBytes(3).toString('hex')
  readonly #machines: Machine[] = []
  /** Where this process is reached. */
  readonly here = { control: `${networks.control}.${own}`, traffic: `${networks.traffic}.${own}` } as const

  constructor() {
    ip('netns', 'add', this.#switch)
    process.once('exit', this.#abandon)
    for (const name of names) {
      this.#onSwitch('link', 'add', name, 'type', 'bridge')
      this.#onSwitch('link', 'set', name, 'up')
      const end = `${name.slice(0, 1)}${this.#label}`
      ip('link', 'add', end, 'type', 'veth', 'peer', 'name', `here-${name}`, 'netns', this.#switch)
      this.#onSwitch('link', 'set', `here-${name}`, 'master', name, 'up')
      ip('address', 'add', `${this.here[name]}/24`, 'dev', end)
      ip('link', 'set', end, 'up')
    }
  }

  /** One more machine, with its loopback up and an address on each network. */
  add(name: string): Machine {
    const space = `${this.#switch}-${name}`
    const place = this.#machines.length + 1
    const port = (network: NetworkName) => `${network}-${place}`
    ip('netns', 'add', space)
    ip('-n', space, 'link', 'set', 'lo', 'up')
    for (const network of names) {
      ip('link', 'add', port(network), 'netns', this.#switch, 'type', 'veth', 'peer', 'name', network, 'netns', space)
      this.#onSwitch('link', 'set', port(network), 'master', network, 'up')
      ip('-n', space, 'address', 'add', `${networks[network]}.${place}/24`, 'dev', network)
      ip('-n', space, 'link', 'set', network, 'up')
    }
    const machine: Machine = {
      name,
      address: { control: `${networks.control}.${place}`, traffic: `${networks.traffic}.${place}` },
      through: ['ip', 'netns', 'exec', space],
      // Both ends of the cable stay up: as with a switch that fails, nobody is told.
      cut: () => this.#onSwitch('link', 'set', port('control'), 'nomaster'),
      join: () => this.#onSwitch('link', 'set', port('control'), 'master', 'control'),
    }
    this.#machines.push(machine)
    return machine
  }

  close(): void {
    process.off('exit', this.#abandon)
    this.#abandon()
  }

  get #switch(): string {
    return `remit-${this.#label}`
  }

  #onSwitch(...words: string[]): void {
    ip('-n', this.#switch, ...words)
  }

  readonly #abandon = () => {
    for (const { name } of this.#machines) attempt('netns', 'delete', `${this.#switch}-${name}`)
    // What is plugged into it goes with it, the ends that are here too.
    attempt('netns', 'delete', this.#switch)
  }
}

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] })
}

function attempt(...words: string[]): void {
  try {
    ip(...words)
  } catch {
    // It is gone already.
  }
}
