/** One service's port: its connections, in the clear or over TLS, and the exchanges that are under way on them. */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Clock, GatewayControl } from '../../control/ports.ts'
import { clientAddress } from '../../kernel/client-address.ts'
import type { Instant } from '../../kernel/instants.ts'
import { compileRoutes } from '../../model/routes.ts'
import { isServedOverHttp, type Service } from '../../model/services.ts'
import { ClientPort, type ServedConnection } from '../shared/client-port.ts'
import type { Log } from '../shared/log.ts'
import { RefusalBook } from '../shared/refusal-book.ts'
import type { Roster } from '../shared/roster.ts'
import type { SessionCuts } from '../shared/session-cuts.ts'
import type { Tls } from '../shared/tls.ts'
import { problemText } from '../shared/problem-text.ts'
import type { ClientStream, ProblemText, RefusedHead, StreamHost } from '../shared/client-stream.ts'
import type { CircuitInput, UpstreamHealth } from '../shared/circuit.ts'
import { Connection } from '../shared/connection.ts'
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

/** The port of one service. */
export class Listener implements StreamHost {
  readonly #input: ListenerInput
  readonly #port: ClientPort
  readonly #door: Door
  readonly #refusals: RefusalBook
  #served: ServedService | undefined
  #exchanges = 0

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
    const connect = (socket: Socket, onGone: () => void) => this.#connect(socket, onGone)
    this.#port = new ClientPort({ tls, limits, protocols: ['h2', 'http/1.1'], connect })
  }

  /** Starts to listen; answers the port. Rejects where the system refuses. */
  open(host: string, port: number): Promise<number> {
    return this.#port.open(host, port, (err) => this.#input.log.error({ service: this.#input.name, err }, 'a listener failed'))
  }

  /** Takes no more connections, closes the idle ones, and resolves when the last is gone. */
  close(): Promise<void> {
    const closed = this.#port.close()
    this.#served?.upstream.retire()
    this.#refusals.close()
    return closed
  }

  /** Ends every connection now. */
  abort(): void {
    this.#port.abort()
  }

  /** Gives up what has taken too long, here and towards the upstream. */
  sweep(now: Instant): void {
    this.#port.sweep(now)
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

  #connect(socket: Socket, onGone: () => void): ServedConnection {
    const { limits, clock } = this.#input
    const input = { address: clientAddress(socket.remoteAddress), host: this, limits, clock, onGone }
    const isHttp2 = socket instanceof TLSSocket && socket.alpnProtocol === 'h2'
    return isHttp2 ? new Http2Connection({ socket, ...input }) : new Connection({ socket, ...input })
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
