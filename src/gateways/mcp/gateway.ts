/** The MCP gateway: a port for each service, on which every message is decided when it comes. */
import type { Chance, Clock, GatewayControl } from '../../control/ports.ts'
import { every } from '../../kernel/every.ts'
import type { AgentDesk } from '../../control/own-tools.ts'
import type { Milliseconds } from '../../kernel/instants.ts'
import type { Service } from '../../model/services.ts'
import type { UpstreamHealth } from '../shared/circuit.ts'
import type { Log } from '../shared/log.ts'
import { SessionCuts } from '../shared/session-cuts.ts'
import type { Tls } from '../shared/tls.ts'
import type { ResourceHook } from './door.ts'
import { defaultFrontLimits, type FrontLimits } from './front-limits.ts'
import { Attendants } from './licence.ts'
import { Memories } from './memories.ts'
import { endpointPath, McpListener } from './listener.ts'
import { OwnTools } from './own-tools.ts'
import { McpServers, type ServersInput } from './servers.ts'
import { ToolDefinitions } from './tool-definitions.ts'

export interface McpGatewayInput {
  readonly control: GatewayControl
  readonly clock: Clock
  /** Names sessions where servers are joined. */
  readonly chance: Pick<Chance, 'bytes'>
  readonly log: Log
  readonly listen: {
    readonly host: string
    /** Names that clients reach it by, beside addresses and those of this machine. */
    readonly names?: readonly string[]
    /** Ports by service, before those that the services name themselves. */
    readonly ports?: Readonly<Record<string, number>>
    /** Key and certificate: every port then speaks TLS, and nothing in the clear. */
    readonly tls?: Tls
  }
  /** Opens servers that are child processes. */
  readonly openCommand?: ServersInput['openCommand']
  /** What OAuth clients are told. */
  readonly resource?: ResourceHook
  /** Where the desk is in this process: agents ask by tools of our own. */
  readonly agentDesk?: AgentDesk
  readonly limits?: Partial<FrontLimits>
}

export interface McpGateway {
  /** Where each service is reached: its name → `http://host:port/mcp`, or https. */
  urls(): Readonly<Record<string, string>>
  /** What is known of a service's server by connecting to it, or by starting it. */
  health(service: string): UpstreamHealth | undefined
  /** Lets what is under way end within the time (default 2 s), then cuts it. */
  close(graceMilliseconds?: Milliseconds): Promise<void>
}

interface OpenPort {
  readonly listener: McpListener
  readonly wanted: number
  readonly url: string
}

const graceMs = 2_000
const sweepMs = 1_000
const stopping = 'the gateway is stopping'

/** Opens a port for every service and follows what is added and removed. Rejects if one of the first ports cannot be opened. */
export async function startMcpGateway(input: McpGatewayInput): Promise<McpGateway> {
  const { control, clock, log } = input
  const ports = new Ports(input)
  let isClosing = false
  const followAfter = async (before: Promise<void>): Promise<void> => {
    await before
    if (isClosing) return
    try {
      await ports.follow()
    } catch (err) {
      log.error({ err }, 'a port could not be opened')
    }
  }
  await ports.follow()
  let following = Promise.resolve()
  control.onServices(() => {
    ports.changed()
    following = followAfter(following)
  })
  const stopSweeping = every(clock, sweepMs, () => ports.sweep())
  return {
    urls: () => ports.urls(),
    health: (service) => ports.health(service),
    close: async (grace = graceMs) => {
      isClosing = true
      await following
      await ports.close(grace)
      stopSweeping()
    },
  }
}

class Ports {
  readonly #input: McpGatewayInput
  readonly #limits: FrontLimits
  readonly #cuts: SessionCuts
  readonly #attendants: Attendants
  readonly #memories: Memories
  readonly #tools: ToolDefinitions
  readonly #own: OwnTools | undefined
  readonly #servers: McpServers
  readonly #names: ReadonlySet<string>
  readonly #open = new Map<string, OpenPort>()

  constructor(input: McpGatewayInput) {
    const { control, clock, chance, log, openCommand, listen, agentDesk: desk } = input
    this.#input = input
    this.#limits = { ...defaultFrontLimits, ...input.limits }
    this.#cuts = new SessionCuts(control, clock)
    this.#attendants = new Attendants(control, clock)
    this.#memories = new Memories()
    this.#tools = new ToolDefinitions(clock)
    this.#own = desk === undefined ? undefined : new OwnTools({ desk, clock })
    this.#servers = new McpServers({
      control,
      clock,
      chance,
      log,
      limits: this.#limits,
      onListChanged: (service) => this.#tools.forget(service),
      ...(openCommand === undefined ? {} : { openCommand }),
    })
    this.#names = new Set([...(listen.names ?? []), listen.host].map((name) => name.toLowerCase()))
  }

  urls(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#open].map(([name, { url }]) => [name, url]))
  }

  health(service: string): UpstreamHealth | undefined {
    return this.#servers.health(service)
  }

  async follow(): Promise<void> {
    const { control } = this.#input
    const services = new Map(control.services().flatMap((service) => (service.protocol === 'mcp' ? [[service.id, service]] : [])))
    for (const [name, open] of this.#open) {
      const service = services.get(name)
      if (service === undefined || this.#portOf(service) !== open.wanted) await this.#closePort(name, open)
    }
    this.#servers.keepOnly(new Set(services.keys()))
    for (const service of services.values()) if (!this.#open.has(service.id)) await this.#openPort(service)
  }

  changed(): void {
    this.#tools.changed()
    for (const { listener } of this.#open.values()) listener.changed()
  }

  sweep(): void {
    this.#attendants.look()
    this.#tools.sweep()
    const now = this.#input.clock.now()
    this.#servers.sweep(now)
    for (const { listener } of this.#open.values()) listener.sweep(now)
  }

  async close(grace: Milliseconds): Promise<void> {
    const closed = Promise.all([...this.#open.values()].map(({ listener }) => listener.close()))
    // Streams of those who only listen would go on for as long as their grants.
    this.#attendants.close(stopping)
    const callOff = this.#input.clock.after(grace, () => {
      this.#cuts.close(stopping)
      for (const { listener } of this.#open.values()) listener.abort(stopping)
    })
    await closed
    callOff()
    this.#cuts.close(stopping)
    await this.#servers.close()
  }

  async #openPort(service: Service): Promise<void> {
    const { control, clock, chance, log, resource, listen } = this.#input
    const { host, tls } = listen
    const wanted = this.#portOf(service)
    const listener = new McpListener({
      name: service.id,
      control,
      clock,
      chance,
      log,
      resource,
      limits: this.#limits,
      cuts: this.#cuts,
      attendants: this.#attendants,
      memories: this.#memories,
      tools: this.#tools,
      own: this.#own,
      servers: this.#servers,
      names: this.#names,
      ...(tls && { tls }),
    })
    const port = await listener.open(host, wanted)
    const url = `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}${endpointPath}`
    this.#open.set(service.id, { listener, wanted, url })
    log.info({ service: service.id, url }, 'a service is served')
  }

  #closePort(name: string, { listener }: OpenPort): Promise<void> {
    this.#open.delete(name)
    this.#input.log.info({ service: name }, 'a service is no longer served here')
    listener.abort('the service is no longer served here')
    return listener.close()
  }

  #portOf(service: Service): number {
    return this.#input.listen.ports?.[service.id] ?? service.port
  }
}
