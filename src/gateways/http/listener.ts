/** One service's port: its connections, and the requests on each of them one after another. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Clock, GatewayControl } from '../../control/ports.ts'
import type { Instant } from '../../kernel/instants.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import { compileRoutes } from '../../model/routes.ts'
import { clientAddress } from '../../kernel/client-address.ts'
import type { Log } from '../shared/log.ts'
import type { Roster } from '../shared/roster.ts'
import type { SessionCuts } from '../shared/session-cuts.ts'
import { abort, answerRaw } from './answers.ts'
import { type Door, Exchange, type ServedService } from './exchange.ts'
import type { Forwarding } from './forwarding.ts'
import type { HttpLimits } from './limits.ts'
import { openUpstream } from './upstream.ts'

export interface ListenerInput {
  readonly name: string
  readonly control: GatewayControl
  readonly clock: Clock
  readonly limits: HttpLimits
  readonly log: Log
  readonly cuts: SessionCuts
  readonly forwardings: Roster<Forwarding>
}

interface Connection {
  readonly address: string
  isBusy: boolean
  /** Requests that came while another one was under way (pipelining). */
  readonly queue: (readonly [IncomingMessage, ServerResponse])[]
}

/** The port of one service. */
export class Listener {
  readonly #input: ListenerInput
  readonly #server: Server
  readonly #door: Door
  readonly #connections = new Map<Socket, Connection>()
  #served: ServedService | undefined
  #exchanges = 0
  #isClosing = false

  constructor(input: ListenerInput) {
    this.#input = input
    const { limits } = input
    this.#door = { ...input, served: () => this.#serve() }
    this.#server = createServer({
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersMs,
      // Bodies have bounds of their own: a long upload is no fault.
      requestTimeout: 0,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: Math.min(1_000, limits.headersMs),
      insecureHTTPParser: false,
      // The codec answers that, with the reason.
      requireHostHeader: false,
    })
    this.#server.maxConnections = limits.connectionsPerServiceMax
    this.#listen()
  }

  /** Starts to listen; answers the port. Rejects where the system refuses. */
  open(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject)
        this.#server.on('error', (err) => this.#input.log.error({ service: this.#input.name, err }, 'a listener failed'))
        const address = this.#server.address()
        if (typeof address === 'object' && address !== null) resolve(address.port)
      })
    })
  }

  /** Takes no more connections, closes the idle ones, and resolves when the last is gone. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#isClosing = true
      this.#server.close(() => resolve())
      this.#server.closeIdleConnections()
      this.#served?.upstream.retire()
    })
  }

  /** Ends every connection now. */
  abort(): void {
    for (const socket of [...this.#connections.keys()]) abort(socket)
  }

  /** Gives up idle connections to the upstream that have been so for too long. */
  sweep(now: Instant): void {
    this.#served?.upstream.sweep(now)
  }

  #listen(): void {
    const take = (incoming: IncomingMessage, response: ServerResponse) => this.#take(incoming, response)
    this.#server.on('request', take).on('checkContinue', take).on('checkExpectation', take)
    this.#server.on('connection', (socket: Socket) => {
      this.#connections.set(socket, { address: clientAddress(socket.remoteAddress), isBusy: false, queue: [] })
      socket.on('close', () => this.#connections.delete(socket))
    })
    this.#server.on('connect', (incoming, socket) => {
      if (socket instanceof Socket)
        this.#refuseRaw(socket, { code: 'input.invalid', detail: 'CONNECT is not taken here' }, `CONNECT ${incoming.url}`)
    })
    this.#server.on('clientError', (error: Error & { readonly code?: string }, socket) => {
      if (!(socket instanceof Socket)) socket.destroy()
      else if (error.code === 'HPE_HEADER_OVERFLOW')
        this.#refuseRaw(socket, { code: 'input.too-large', detail: 'the head of the request' }, '')
      else if (error.code?.startsWith('HPE_') === true)
        this.#refuseRaw(socket, { code: 'input.malformed', detail: 'this is not HTTP/1.1' }, '')
      else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT')
        this.#refuseRaw(socket, { code: 'input.malformed', detail: 'the request took too long' }, '')
      else socket.destroy()
    })
  }

  /** The service as control knows it now; its table and its connections are made once for each version of it. */
  #serve(): ServedService | undefined {
    const { control, name, limits, log, clock } = this.#input
    const service = control.service(name)
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
    const upstream = before?.upstream.origin === service.upstream ? before.upstream : openUpstream(service.upstream, limits, clock)
    this.#served = { service, table, upstream }
    return this.#served
  }

  #take(incoming: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(incoming.socket)
    if (connection === undefined) {
      incoming.socket.destroy()
      return
    }
    if (!connection.isBusy) this.#begin(connection, incoming, response)
    else if (connection.queue.length < this.#input.limits.pipelinedMax) connection.queue.push([incoming, response])
    else abort(incoming.socket)
  }

  #begin(connection: Connection, incoming: IncomingMessage, response: ServerResponse): void {
    const { limits, clock } = this.#input
    const isFull = this.#exchanges >= limits.exchangesPerServiceMax
    connection.isBusy = true
    this.#exchanges += 1
    const exchange = new Exchange({ door: this.#door, address: connection.address, incoming, response })
    response.on('close', () => {
      this.#exchanges -= 1
      connection.isBusy = false
      exchange.closed()
      if (!incoming.complete) {
        const callOff = clock.after(limits.drainMs, () => {
          if (!incoming.complete) abort(incoming.socket)
        })
        incoming.on('close', callOff)
      }
      if (this.#isClosing) this.#server.closeIdleConnections()
      const next = connection.queue.shift()
      if (next !== undefined && !incoming.socket.destroyed) this.#begin(connection, next[0], next[1])
    })
    if (isFull) exchange.refuse({ code: 'rate.exceeded', detail: `at most ${limits.exchangesPerServiceMax} requests at a time` })
    else void exchange.run()
  }

  #refuseRaw(socket: Socket, refusal: Refusal, target: string): void {
    const { control, name } = this.#input
    const connection = this.#connections.get(socket)
    // In the middle of an answer, or behind one that is still to come, a refusal would be read as part of that.
    if (connection === undefined || connection.isBusy) {
      abort(socket)
      return
    }
    const decision = control.refused({ service: name, address: connection.address, target, refusal })
    answerRaw(socket, { refusal, more: { decision } })
  }
}
