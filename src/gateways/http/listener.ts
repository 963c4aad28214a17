/** One service's port: its connections, in the clear or over TLS, and the exchanges that are under way on them. */
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createSecureServer, TLSSocket } from 'node:tls'
import type { Clock, GatewayControl } from '../../control/ports.ts'
import { clientAddress } from '../../kernel/client-address.ts'
import type { Instant } from '../../kernel/instants.ts'
import { compileRoutes } from '../../model/routes.ts'
import { isServedOverHttp, type Service } from '../../model/services.ts'
import { listening } from '../shared/listening.ts'
import type { Log } from '../shared/log.ts'
import { RefusalBook } from '../shared/refusal-book.ts'
import { Roster } from '../shared/roster.ts'
import type { SessionCuts } from '../shared/session-cuts.ts'
import type { Tls } from '../shared/tls.ts'
import { problemText } from './answers.ts'
import type { ClientStream, ProblemText, RefusedHead, StreamHost } from './client-stream.ts'
import type { CircuitInput, UpstreamHealth } from '../shared/circuit.ts'
import { Connection } from './connection.ts'
import { type Door, Exchange, type ServedService } from './exchange.ts'
import type { Forwarding } from './forwarding.ts'
import { Http2Connection } from './http2-connection.ts'
import type { HttpLimits } from './limits.ts'
import { openUpstream, type Upstream } from '../shared/upstream.ts'

export interface ListenerInput {
  readonly name: string
  readonly control: GatewayControl
  readonly clock: Clock
  readonly chance?: CircuitInput['chance']
  readonly limits: HttpLimits
  readonly log: Log
  readonly cuts: SessionCuts
  readonly forwardings: Roster<Forwarding>
  /** Listens with TLS. */
  readonly tls?: Tls
}

/** A client's connection as its port sees it, whatever it speaks. */
export interface ServedConnection {
  readonly isIdle: boolean
  readonly idleSince: Instant
  /** Closes it when what is under way on it is answered; at once if nothing is. */
  retire(): void
  abort(): void
  sweep(now: Instant): void
}

/** The port of one service. */
export class Listener implements StreamHost {
  readonly #input: ListenerInput
  readonly #server: Server
  readonly #door: Door
  readonly #refusals: RefusalBook
  readonly #connections = new Roster<ServedConnection>()
  #served: ServedService | undefined
  #exchanges = 0
  #isClosing = false

  constructor(input: ListenerInput) {
    this.#input = input
    const { limits, control, clock, tls } = input
    const { anonymousRefusalsMax: atOnceMax, anonymousRefusalsPerMinuteMax: perMinuteMax } = limits
    this.#refusals = new RefusalBook({ control, clock, atOnceMax, perMinuteMax })
    this.#door = {
      ...input,
      refusals: this.#refusals,
      served: () => this.#serve(),
      left: () => {
        this.#exchanges -= 1
      },
    }
    this.#server = makeServer(tls, limits, (socket) => this.#take(socket))
    // Should nobody be idle, the last resort: one more than makes room for itself.
    this.#server.maxConnections = limits.connectionsPerServiceMax + 1
  }

  /** Starts to listen; answers the port. Rejects where the system refuses. */
  open(host: string, port: number): Promise<number> {
    return listening(this.#server, { host, port }, (err) => this.#input.log.error({ service: this.#input.name, err }, 'a listener failed'))
  }

  /** Takes no more connections, closes the idle ones, and resolves when the last is gone. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#isClosing = true
      this.#server.close(() => resolve())
      for (const connection of this.#connections) connection.retire()
      this.#served?.upstream.retire()
      this.#refusals.close()
    })
  }

  /** Ends every connection now. */
  abort(): void {
    for (const connection of this.#connections) connection.abort()
  }

  /** Gives up what has taken too long, here and towards the upstream. */
  sweep(now: Instant): void {
    for (const connection of this.#connections) connection.sweep(now)
    this.#refusals.sweep(now)
    this.#served?.upstream.sweep(now)
  }

  begin(stream: ClientStream): void {
    const { exchangesPerServiceMax } = this.#input.limits
    const isFull = this.#exchanges >= exchangesPerServiceMax
    this.#exchanges += 1
    const exchange = new Exchange(this.#door, stream)
    if (isFull) exchange.refuse({ code: 'rate.exceeded', detail: `at most ${exchangesPerServiceMax} requests at a time` })
    else void exchange.run()
  }

  refuse({ address, target, refusal }: RefusedHead): ProblemText {
    return problemText(this.#refusals.refused({ service: this.#input.name, address, target, refusal }))
  }

  #take(socket: Socket): void {
    const { limits, clock } = this.#input
    if (this.#connections.size >= limits.connectionsPerServiceMax) this.#makeRoom()
    const address = clientAddress(socket.remoteAddress)
    const input = { address, host: this, limits, clock, onGone: () => leave() }
    const isHttp2 = socket instanceof TLSSocket && socket.alpnProtocol === 'h2'
    const connection = isHttp2 ? new Http2Connection({ socket, ...input }) : new Connection({ socket, ...input })
    const leave = this.#connections.add(connection)
    if (this.#isClosing) connection.retire()
  }

  /** Whoever has been idle for the longest goes: connections that do nothing must not keep others out. */
  #makeRoom(): void {
    let oldest: ServedConnection | undefined
    for (const connection of this.#connections)
      if (connection.isIdle && (oldest === undefined || connection.idleSince < oldest.idleSince)) oldest = connection
    oldest?.abort()
  }

  /** The service as control knows it now; its table and its connections are made once for each version of it. */
  #serve(): ServedService | undefined {
    const { control, name, log } = this.#input
    const known = control.service(name)
    // Its port may be open for a moment longer: what a proxy forwards is not forwarded here.
    const service = known !== undefined && isServedOverHttp(known) ? known : undefined
    const before = this.#served
    if (service === before?.service) return before
    if (before !== undefined && before.service.upstream !== service?.upstream) before.upstream.retire()
    if (service === undefined) {
      this.#served = undefined
      return undefined
    }
    const table = compileRoutes(service.routes)
    if (!table.ok)
      log.error({ service: name, detail: table.refusal.detail }, 'the routes of a service cannot be used: every request to it is refused')
    const upstream = before?.upstream.origin === service.upstream ? before.upstream : this.#openUpstream(service)
    this.#served = { service, table, upstream, withheld: service.credential?.header.toLowerCase() }
    return this.#served
  }

  /** What is known of the upstream, once somebody was let through to it. */
  get health(): UpstreamHealth | undefined {
    return this.#served?.upstream.health
  }

  #openUpstream({ upstream }: Service): Upstream {
    const { name, limits, log, clock, chance } = this.#input
    return openUpstream(upstream, {
      limits,
      clock,
      chance,
      onTurn: ({ state, error }) => {
        if (state === 'reachable') log.info({ service: name, upstream }, 'an upstream is reached again')
        else
          log.warn(
            { service: name, upstream, error },
            'an upstream cannot be reached: requests are refused at once, and it is tried again now and then',
          )
      },
    })
  }
}

/** In the clear or over TLS; a certificate that was renewed is shown from the next connection on. */
export function makeServer(
  tls: Tls | undefined,
  limits: HttpLimits,
  take: (socket: Socket) => void,
  protocols: readonly string[] = ['h2', 'http/1.1'],
): Server {
  if (tls === undefined) return createServer({ allowHalfOpen: true }, take)
  const bounds = { minVersion: 'TLSv1.2' as const, handshakeTimeout: limits.headersMs, ALPNProtocols: [...protocols] }
  const server = createSecureServer({ ...tls.context(), ...bounds }, take)
  const stop = tls.onRenewed((context) => server.setSecureContext(context))
  server.on('close', stop)
  return server
}
