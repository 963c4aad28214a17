/** Machines that are network namespaces of this one, on a switch of their own: each can be cut off, silently and in the middle of traffic. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'

/** Addresses for tests (RFC 2544), so that nothing of this machine's own is hidden. */
const prefix = '198.18.77'

export interface Machine {
  readonly name: string
  readonly address: string
  /** The command that runs what follows it on this machine. */
  readonly through: readonly string[]
  /** Nothing leaves and nothing arrives from now on; nobody is told. */
  cut(): void
  /** Back on the network. */
  join(): void
}

/** A switch and what hangs on it. Needs to be root. `close` takes all of it away. */
export class Network {
  readonly #label = randomBytes(3).toString('hex')
  readonly #machines: Machine[] = []

  constructor() {
    ip('netns', 'add', this.#switch)
    this.#onSwitch('link', 'add', 'bridge', 'type', 'bridge')
    this.#onSwitch('link', 'set', 'bridge', 'up')
    process.once('exit', this.#abandon)
  }

  /** One more machine, with an address of its own and its loopback up. */
  add(name: string): Machine {
    const space = `remit-${this.#label}-${name}`
    const port = `p${this.#machines.length}`
    const address = `${prefix}.${this.#machines.length + 1}`
    ip('netns', 'add', space)
    ip('link', 'add', port, 'netns', this.#switch, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space)
    this.#onSwitch('link', 'set', port, 'master', 'bridge', 'up')
    for (const words of [
      ['link', 'set', 'lo', 'up'],
      ['address', 'add', `${address}/24`, 'dev', 'eth0'],
      ['link', 'set', 'eth0', 'up'],
    ])
      ip('-n', space, ...words)
    const machine: Machine = {
      name,
      address,
      through: ['ip', 'netns', 'exec', space],
      // Both ends of the cable stay up: as with a switch that fails, nobody is told.
      cut: () => this.#onSwitch('link', 'set', port, 'nomaster'),
      join: () => this.#onSwitch('link', 'set', port, 'master', 'bridge'),
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
