/** The HTTP gateway: a reverse proxy for named services, one port each, that decides every request when it comes. */
import type { Clock, GatewayControl } from '../../control/ports.ts'
import { every } from '../../kernel/every.ts'
import type { Milliseconds } from '../../kernel/instants.ts'
import { isServedOverHttp, type Service } from '../../model/services.ts'
import type { Log } from '../shared/log.ts'
import { Roster } from '../shared/roster.ts'
import { SessionCuts } from '../shared/session-cuts.ts'
import type { Tls } from '../shared/tls.ts'
import type { CircuitInput, UpstreamHealth } from '../shared/circuit.ts'
import type { Forwarding } from './forwarding.ts'
import { defaultLimits, type HttpLimits } from './limits.ts'
import { Listener } from './listener.ts'

export interface HttpGatewayInput {
  readonly control: GatewayControl
  readonly clock: Clock
  /** Spreads what several gateways would do at one moment; without it nothing is spread. */
  readonly chance?: CircuitInput['chance']
  readonly log: Log
  readonly listen: {
    /** Address to listen on; `127.0.0.1` is the sensible one without TLS. */
    readonly host: string
    /** Ports by service, before those that the services name themselves. */
    readonly ports?: Readonly<Record<string, number>>
    /** Key and certificate: every port then speaks TLS, and nothing in the clear. */
    readonly tls?: Tls
  }
  readonly limits?: Partial<HttpLimits>
}

export interface HttpGateway {
  /** Where each service is reached: its name → `http://host:port`, or https. */
  urls(): Readonly<Record<string, string>>
  /** What is known of a service's upstream by connecting to it; nothing of a service that is not served. */
  health(service: string): UpstreamHealth | undefined
  /** Lets what is under way end within the time (default 2 s), then cuts it. */
  close(graceMilliseconds?: Milliseconds): Promise<void>
}

interface OpenPort {
  readonly listener: Listener
  readonly wanted: number
  readonly url: string
}

const graceMs = 2_000

/** Opens a port for every service and follows what is added and removed. Rejects if one of the first ports cannot be opened. */
export async function startHttpGateway(input: HttpGatewayInput): Promise<HttpGateway> {
  const { control, clock, log } = input
  const limits = { ...defaultLimits, ...input.limits }
  const forwardings = new Roster<Forwarding>()
  const cuts = new SessionCuts(control, clock)
  const ports = new Map<string, OpenPort>()
  let isClosing = false

  const openPort = async (service: Service): Promise<void> => {
    const wanted = portOf(input, service)
    const { tls, host } = input.listen
    const shared = { control, clock, chance: input.chance, limits, log, cuts, forwardings }
    const listener = new Listener({ name: service.id, ...shared, ...(tls && { tls }) })
    const port = await listener.open(host, wanted)
    const url = urlOf(host, port, tls !== undefined)
    ports.set(service.id, { listener, wanted, url })
    log.info({ service: service.id, url }, 'a service is served')
  }
  const closePort = (name: string, { listener }: OpenPort) => {
    ports.delete(name)
    log.info({ service: name }, 'a service is no longer served here')
    listener.abort()
    return listener.close()
  }
  const follow = async (): Promise<void> => {
    const services = new Map(control.services().flatMap((service) => (isServedOverHttp(service) ? [[service.id, service]] : [])))
    for (const [name, open] of ports) {
      const service = services.get(name)
      if (service === undefined || portOf(input, service) !== open.wanted) await closePort(name, open)
    }
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
  control.onServices(() => void (following = followAfter(following)))
  const stopSweeping = every(clock, sweepMs(limits), () => {
    const now = clock.now()
    for (const forwarding of forwardings) forwarding.sweep(now)
    for (const { listener } of ports.values()) listener.sweep(now)
  })

  return {
    urls: () => Object.fromEntries([...ports].map(([name, { url }]) => [name, url])),
    health: (service) => ports.get(service)?.listener.health,
    close: async (grace = graceMs) => {
      isClosing = true
      await following
      const closed = Promise.all([...ports.values()].map(({ listener }) => listener.close()))
      const callOff = clock.after(grace, () => {
        cuts.close('the gateway is stopping')
        for (const { listener } of ports.values()) listener.abort()
      })
      await closed
      callOff()
      cuts.close('the gateway is stopping')
      stopSweeping()
    },
  }
}

function urlOf(host: string, port: number, isSecure: boolean): string {
  return `${isSecure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function portOf(input: HttpGatewayInput, service: Service): number {
  return input.listen.ports?.[service.id] ?? service.port
}

/** Often enough that no bound is overrun by more than a quarter. */
function sweepMs({ connectMs, answerMs, idleMs, headersMs, bodyMs, keepAliveMs, drainMs }: HttpLimits): Milliseconds {
  const shortest = Math.min(connectMs, answerMs, idleMs, headersMs, bodyMs, keepAliveMs, drainMs)
  return Math.min(1_000, Math.max(10, Math.floor(shortest / 4)))
}
