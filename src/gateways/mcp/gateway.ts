/** The MCP gateway: a port for each service, on which every message is decided when it comes. */
import type { Chance, Clock, GatewayControl } from '../../control/ports.ts'
import { every } from '../../kernel/every.ts'
import type { Milliseconds } from '../../kernel/instants.ts'
import type { Service } from '../../model/services.ts'
import type { Log } from '../shared/log.ts'
import { SessionCuts } from '../shared/session-cuts.ts'
import type { Tls } from '../shared/tls.ts'
import type { ResourceHook } from './door.ts'
import { defaultFrontLimits, type FrontLimits } from './front-limits.ts'
import { Attendants } from './licence.ts'
import { endpointPath, McpListener } from './listener.ts'
import { McpServers, type ServersInput } from './servers.ts'

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
  readonly limits?: Partial<FrontLimits>
}

export interface McpGateway {
  /** Where each service is reached: its name → `http://host:port/mcp`, or https. */
  urls(): Readonly<Record<string, string>>
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
  const { control, clock, chance, log, resource } = input
  const { host, names = [], tls } = input.listen
  const limits = { ...defaultFrontLimits, ...input.limits }
  const cuts = new SessionCuts(control, clock)
  const attendants = new Attendants(control, clock)
  const servers = new McpServers({ control, clock, limits, ...(input.openCommand === undefined ? {} : { openCommand: input.openCommand }) })
  const served = new Set([...names, ...(host === '' ? [] : [host])].map((name) => name.toLowerCase()))
  const ports = new Map<string, OpenPort>()
  let isClosing = false

  const openPort = async (service: Service): Promise<void> => {
    const wanted = portOf(input, service)
    const shared = { control, clock, chance, limits, log, cuts, attendants, servers, resource, names: served }
    const listener = new McpListener({ name: service.id, ...shared, ...(tls && { tls }) })
    const port = await listener.open(host, wanted)
    const url = `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}${endpointPath}`
    ports.set(service.id, { listener, wanted, url })
    log.info({ service: service.id, url }, 'a service is served')
  }
  const closePort = (name: string, { listener }: OpenPort) => {
    ports.delete(name)
    log.info({ service: name }, 'a service is no longer served here')
    listener.abort('the service is no longer served here')
    return listener.close()
  }
  const follow = async (): Promise<void> => {
    const services = new Map(control.services().flatMap((service) => (service.protocol === 'mcp' ? [[service.id, service]] : [])))
    for (const [name, open] of ports) {
      const service = services.get(name)
      if (service === undefined || portOf(input, service) !== open.wanted) await closePort(name, open)
    }
    servers.keepOnly(new Set(services.keys()))
    for (const service of services.values()) if (!ports.has(service.id)) await openPort(service)
  }

  const followAfter = async (before: Promise<void>): Promise<void> => {
    await before
    if (isClosing) return
    try {
      await follow()
    } catch (err) {
      log.error({ err }, 'a port could not be opened')
    }
  }

  await follow()
  let following = Promise.resolve()
  control.onServices(() => {
    for (const { listener } of ports.values()) listener.changed()
    following = followAfter(following)
  })
  const stopSweeping = every(clock, sweepMs, () => {
    const now = clock.now()
    attendants.look()
    for (const { listener } of ports.values()) listener.sweep(now)
  })

  return {
    urls: () => Object.fromEntries([...ports].map(([name, { url }]) => [name, url])),
    close: async (grace = graceMs) => {
      isClosing = true
      await following
      const closed = Promise.all([...ports.values()].map(({ listener }) => listener.close()))
      // Streams of those who only listen would go on for as long as their grants.
      attendants.close(stopping)
      const callOff = clock.after(grace, () => {
        cuts.close(stopping)
        for (const { listener } of ports.values()) listener.abort(stopping)
      })
      await closed
      callOff()
      cuts.close(stopping)
      stopSweeping()
      await servers.close()
    },
  }
}

function portOf(input: McpGatewayInput, service: Service): number {
  return input.listen.ports?.[service.id] ?? service.port
}
