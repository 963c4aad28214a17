/** The port of one MCP service: connections, the endpoint `/mcp` on them, and the exchanges that are under way. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type ServerOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import type { Bearer } from '../../control/ports.ts'
import { clientAddress } from '../../kernel/client-address.ts'
import type { Instant } from '../../kernel/instants.ts'
import { describeProblem, problemMediaType } from '../../kernel/problems.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import type { Service } from '../../model/services.ts'
import { listening } from '../shared/listening.ts'
import { RefusalBook } from '../shared/refusal-book.ts'
import { Roster } from '../shared/roster.ts'
import type { Tls } from '../shared/tls.ts'
import type { Door, Member, Served } from './door.ts'
import { Exchange } from './exchange.ts'
import { HeldCalls } from './held-calls.ts'
import { HeldTasks } from './held-tasks.ts'
import { compileOffer } from './offer.ts'
import { checkNames } from './served-names.ts'
import type { McpServers } from './servers.ts'
import { ServerTasks } from './server-tasks.ts'
import { McpSessions, ownerOf } from './sessions.ts'
import { UrlElicitations } from './url-elicitation.ts'

export interface ListenerInput
  extends Omit<Door, 'refusals' | 'sessions' | 'served' | 'secretOf' | 'enter' | 'held' | 'pages' | 'tasks' | 'serverTasks'> {
  readonly servers: McpServers
  /** Names that it is reached by, beside addresses and those of this machine. */
  readonly names: ReadonlySet<string>
  /** Listens with TLS. */
  readonly tls?: Tls
}

export const endpointPath = '/mcp'
const metadataPath = '/.well-known/oauth-protected-resource'

export class McpListener {
  readonly #input: ListenerInput
  readonly #server: Server
  readonly #door: Door
  readonly #refusals: RefusalBook
  readonly #exchanges = new Roster<Exchange>()
  readonly #underWay = new Map<string, number>()
  #served: Served | undefined
  #isStale = true
  #isClosing = false

  constructor(input: ListenerInput) {
    const { limits, control, clock, servers } = input
    const { anonymousRefusalsMax: atOnceMax, anonymousRefusalsPerMinuteMax: perMinuteMax } = limits
    this.#input = input
    this.#refusals = new RefusalBook({ control, clock, atOnceMax, perMinuteMax })
    this.#door = {
      ...input,
      refusals: this.#refusals,
      held: new HeldCalls(input),
      pages: new UrlElicitations(input),
      tasks: new HeldTasks(input),
      serverTasks: new ServerTasks(input),
      sessions: new McpSessions(),
      served: () => this.#serve(),
      secretOf: (service) => servers.secretOf(service),
      enter: (bearer) => this.#enter(bearer),
    }
    this.#server = this.#makeServer()
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
      this.#server.closeIdleConnections()
      this.#refusals.close()
      this.#door.pages.close()
    })
  }

  /** Ends everything now. */
  abort(reason: string): void {
    for (const exchange of this.#exchanges) exchange.cut(reason)
    this.#server.closeAllConnections()
  }

  sweep(now: Instant): void {
    this.#refusals.sweep(now)
    this.#door.pages.sweep(now)
    this.#door.tasks.sweep(now)
    if (this.#isClosing) this.#server.closeIdleConnections()
  }

  /** Some service is another one now, perhaps one that is joined here. */
  changed(): void {
    this.#isStale = true
  }

  #makeServer(): Server {
    const { limits, tls } = this.#input
    const bounds = {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.bodyMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: 5_000,
      noDelay: true,
    }
    const take = (request: IncomingMessage, response: ServerResponse) => this.#take(request, response)
    const server = tls === undefined ? createServer(bounds, take) : makeSecure(tls, { ...bounds, handshakeTimeout: limits.headersMs }, take)
    server.maxConnections = limits.connectionsPerServiceMax
    // Nobody was asked to change the protocol.
    server.on('upgrade', (_request: IncomingMessage, socket: Duplex) => socket.destroy())
    return server
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const names = checkNames({ host: request.headers.host, origin: request.headers.origin }, this.#input.names)
    if (!names.ok) {
      this.#turnAway(request, response, names.refusal)
      return
    }
    const [path = ''] = (request.url ?? '').split('?')
    if (path === metadataPath || path.startsWith(`${metadataPath}/`)) this.#sayMetadata(request, response, path)
    else if (request.url !== endpointPath) this.#turnAway(request, response, { code: 'method.unknown' })
    else if (request.method === 'POST' || request.method === 'GET' || request.method === 'DELETE') this.#begin(request, response)
    else {
      response.writeHead(405, ['Allow', 'POST, GET, DELETE', 'Content-Length', '0'])
      response.end()
    }
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    const { exchangesPerServiceMax } = this.#input.limits
    const isFull = this.#exchanges.size >= exchangesPerServiceMax
    const onOver = () => {
      leave()
      // What was under way when the port was closed was promised a connection that is kept.
      if (this.#isClosing) this.#server.closeIdleConnections()
    }
    const exchange = new Exchange(this.#door, request, response, { origin: this.#originOf(request), onOver })
    const leave = this.#exchanges.add(exchange)
    if (isFull) exchange.refuse({ code: 'rate.exceeded', detail: `at most ${exchangesPerServiceMax} messages at a time` })
    else void exchange.run()
  }

  #originOf(request: IncomingMessage): string {
    return `${this.#input.tls === undefined ? 'http' : 'https'}://${request.headers.host ?? ''}`
  }

  /** A request that nobody's message could be. */
  #turnAway(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
    const { name } = this.#input
    const target = `${request.method ?? ''} ${request.url ?? ''}`.slice(0, 200)
    const told = this.#refusals.refused({ service: name, address: clientAddress(request.socket.remoteAddress), target, refusal })
    const problem = describeProblem(told.refusal, told.more)
    const body = JSON.stringify(problem)
    response.writeHead(problem.status, [
      'Content-Type',
      problemMediaType,
      'Cache-Control',
      'no-store',
      'Content-Length',
      `${Buffer.byteLength(body)}`,
    ])
    response.end(body)
  }

  #sayMetadata(request: IncomingMessage, response: ServerResponse, path: string): void {
    const service = this.#serve()?.service
    const body =
      service === undefined ? undefined : this.#input.resource?.metadata(service, this.#originOf(request), path.slice(metadataPath.length))
    if (body === undefined || request.method !== 'GET') {
      this.#turnAway(request, response, { code: 'method.unknown' })
      return
    }
    const headers = ['Content-Type', 'application/json', 'Access-Control-Allow-Origin', '*', 'Content-Length', `${Buffer.byteLength(body)}`]
    response.writeHead(200, headers)
    response.end(body)
  }

  #enter(bearer: Bearer): (() => void) | undefined {
    const owner = ownerOf(bearer)
    const now = this.#underWay.get(owner) ?? 0
    if (now >= this.#input.limits.exchangesPerOwnerMax) return undefined
    this.#underWay.set(owner, now + 1)
    return () => {
      const left = (this.#underWay.get(owner) ?? 1) - 1
      if (left > 0) this.#underWay.set(owner, left)
      else this.#underWay.delete(owner)
    }
  }

  /** The service as control knows it now; its table is made once for each version of it and of those that it joins. */
  #serve(): Served | undefined {
    if (!this.#isStale) return this.#served
    const { control, name, log, servers } = this.#input
    const service = control.service(name)
    this.#isStale = false
    this.#served = undefined
    if (service?.protocol !== 'mcp') return undefined
    const services = this.#behind(service)
    const offer = compileOffer(services, service.joins !== undefined)
    if (!offer.ok)
      log.error({ service: name, detail: offer.refusal.detail }, 'what a service offers cannot be used: every message to it is refused')
    const members = services.flatMap((each): Member[] => {
      const server = servers.of(each)
      return server === undefined ? [] : [{ service: each, server }]
    })
    this.#served = { service, offer, members }
    return this.#served
  }

  #behind(service: Service): readonly Service[] {
    if (service.joins === undefined) return [service]
    return service.joins.flatMap((joined) => {
      const known = this.#input.control.service(joined)
      if (known === undefined)
        this.#input.log.warn({ service: service.id, joined }, 'a service that is joined is not served by this gateway, and is left out')
      return known === undefined ? [] : [known]
    })
  }
}

/** A certificate that was renewed is shown from the next connection on. */
function makeSecure(tls: Tls, bounds: ServerOptions, take: RequestListener): Server {
  const server = createSecureServer({ ...bounds, ...tls.context(), minVersion: 'TLSv1.2' }, take)
  const stop = tls.onRenewed((context) => server.setSecureContext(context))
  server.on('close', stop)
  return server
}
