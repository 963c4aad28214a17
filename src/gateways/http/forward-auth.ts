/** A port at which an existing proxy asks, before it forwards a request, whether it may: nginx by `auth_request`, Envoy by `ext_authz` over HTTP. */
import { BlockList, isIP, type Socket } from 'node:net'
import type { Clock, GatewayControl } from '../../control/ports.ts'
import { clientAddress } from '../../kernel/client-address.ts'
import type { Milliseconds } from '../../kernel/instants.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { compileRoutes, type RouteTable } from '../../model/routes.ts'
import type { Service } from '../../model/services.ts'
import { ClientPort, type ServedConnection } from '../shared/client-port.ts'
import type { Log } from '../shared/log.ts'
import { RefusalBook } from '../shared/refusal-book.ts'
import type { Tls } from '../shared/tls.ts'
import type { ProblemText, RefusedHead, StreamHost } from '../shared/client-stream.ts'
import { Connection } from '../shared/connection.ts'
import { noText } from './forward-auth-answers.ts'
import { type AuthDoor, ForwardAuthExchange } from './forward-auth-exchange.ts'
import { Http1Stream } from '../shared/http1-stream.ts'
import { defaultLimits, type HttpLimits } from './limits.ts'

export interface ForwardAuthInput {
  readonly control: GatewayControl
  readonly clock: Clock
  readonly log: Log
  readonly listen: {
    readonly host: string
    /** 0 for any free one. */
    readonly port: number
    readonly tls?: Tls
  }
  /** Who may ask, and is believed about its clients' addresses. */
  readonly proxies: BlockList
  readonly limits?: Partial<HttpLimits>
}

export interface ForwardAuth {
  readonly url: string
  /** Lets what is under way end within the time (default 2 s), then cuts it. */
  close(graceMilliseconds?: Milliseconds): Promise<void>
}

/** A proxy keeps its connections for longer than anybody: were they closed under it, it would answer its client with an error. */
const usual: HttpLimits = { ...defaultLimits, keepAliveMs: 600_000, connectionsPerServiceMax: 4_096 }
const graceMs = 2_000
const sweepMs = 1_000

export const loopback: readonly string[] = ['127.0.0.0/8', '::1/128']

/** Addresses and networks (`10.1.0.0/16`). Refuses `configuration.invalid`, naming the one that is neither. */
export function readProxies(texts: readonly string[]): Result<BlockList> {
  const list = new BlockList()
  for (const text of texts) {
    const [address = '', digits, ...more] = text.split('/')
    const version = isIP(address)
    const bits = digits === undefined ? (version === 4 ? 32 : 128) : Number(digits)
    if (version === 0 || more.length > 0 || !/^\d{1,3}$/.test(digits ?? '0') || bits > (version === 4 ? 32 : 128))
      return refuse('configuration.invalid', { detail: `"${text.slice(0, 60)}" is no address and no network, such as 10.1.0.0/16` })
    list.addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6')
  }
  return done(list)
}

/** Opens the port. Rejects where the system refuses. */
export async function startForwardAuth(input: ForwardAuthInput): Promise<ForwardAuth> {
  const { listen, clock } = input
  const door = new AuthListener(input, { ...usual, ...input.limits })
  const port = await door.open(listen.host, listen.port)
  let callOff = () => {}
  const sweep = () => {
    callOff = clock.after(sweepMs, () => {
      door.sweep(clock.now())
      sweep()
    })
  }
  sweep()
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host
  return {
    url: `${listen.tls === undefined ? 'http' : 'https'}://${host}:${port}`,
    close: async (grace = graceMs) => {
      const closed = door.close()
      const stopWaiting = clock.after(grace, () => door.abort())
      await closed
      stopWaiting()
      callOff()
    },
  }
}

class AuthListener {
  readonly #input: ForwardAuthInput
  readonly #limits: HttpLimits
  readonly #port: ClientPort
  readonly #door: AuthDoor
  readonly #refusals: RefusalBook
  readonly #tables = new WeakMap<Service, Result<RouteTable>>()
  #exchanges = 0

  constructor(input: ForwardAuthInput, limits: HttpLimits) {
    this.#input = input
    this.#limits = limits
    const { control, clock, log, listen } = input
    const { anonymousRefusalsMax: atOnceMax, anonymousRefusalsPerMinuteMax: perMinuteMax } = limits
    this.#refusals = new RefusalBook({ control, clock, atOnceMax, perMinuteMax })
    this.#door = {
      control,
      clock,
      limits,
      log,
      refusals: this.#refusals,
      tableOf: (service) => this.#tableOf(service),
      left: () => {
        this.#exchanges -= 1
      },
    }
    const connect = (socket: Socket, onGone: () => void) => this.#connect(socket, onGone)
    this.#port = new ClientPort({ tls: listen.tls, limits, protocols: ['http/1.1'], connect })
  }

  open(host: string, port: number): Promise<number> {
    return this.#port.open(host, port, (err) => this.#input.log.error({ err }, 'the port for proxies failed'))
  }

  close(): Promise<void> {
    const closed = this.#port.close()
    this.#refusals.close()
    return closed
  }

  abort(): void {
    this.#port.abort()
  }

  sweep(now: number): void {
    this.#port.sweep(now)
    this.#refusals.sweep(now)
  }

  #connect(socket: Socket, onGone: () => void): ServedConnection {
    const { clock, proxies } = this.#input
    const address = clientAddress(socket.remoteAddress)
    const isNamed = isIP(address) !== 0 && proxies.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
    const host: StreamHost = {
      begin: (stream) => {
        if (stream instanceof Http1Stream) this.#begin(stream, isNamed)
        else stream.abort()
      },
      refuse: (refused) => this.#refuseHead(refused),
    }
    return new Connection({ socket, address, host, limits: this.#limits, clock, onGone })
  }

  #begin(stream: Http1Stream, isNamed: boolean): void {
    const { exchangesPerServiceMax } = this.#limits
    const isFull = this.#exchanges >= exchangesPerServiceMax
    this.#exchanges += 1
    const exchange = new ForwardAuthExchange(this.#door, stream, isNamed)
    if (isFull) exchange.refuse({ code: 'rate.exceeded', detail: `at most ${exchangesPerServiceMax} questions at a time` })
    else void exchange.run()
  }

  #refuseHead({ address, target, refusal }: RefusedHead): ProblemText {
    const told = this.#refusals.refused({ service: '', address, target, refusal })
    return noText({ form: 'auth-request', ...told })
  }

  /** Nothing is said here of a service that Remit forwards itself: its grants are not to be spent, or felt for, at another door. */
  #tableOf(name: string): Result<RouteTable> {
    const service = this.#input.control.service(name)
    if (service === undefined || service.enforcedBy !== 'proxy') return refuse('not-found')
    const known = this.#tables.get(service)
    if (known !== undefined) return known
    const table = compileRoutes(service.routes)
    if (!table.ok)
      this.#input.log.error(
        { service: name, detail: table.refusal.detail },
        'the routes of a service cannot be used: every request to it is refused',
      )
    this.#tables.set(service, table)
    return table
  }
}
