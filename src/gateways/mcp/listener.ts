/** The port of one MCP service: connections, the endpoint `/mcp` on them, and the exchanges that are under way. */
import type { Socket } from 'node:net'
import type { Bearer } from '../../control/ports.ts'
import { clientAddress } from '../../kernel/client-address.ts'
import type { Instant } from '../../kernel/instants.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import type { Service } from '../../model/services.ts'
import { ClientPort } from '../shared/client-port.ts'
import type { ClientStream, ProblemText, RefusedHead, StreamHost } from '../shared/client-stream.ts'
import { Connection } from '../shared/connection.ts'
import { problemText } from '../shared/problem-text.ts'
import { RefusalBook } from '../shared/refusal-book.ts'
import { Roster } from '../shared/roster.ts'
import type { Tls } from '../shared/tls.ts'
import { requestHeaders } from './client-request.ts'
import type { Door, Member, Served } from './door.ts'
import { Exchange } from './exchange.ts'
import { HeldCalls } from './held-calls.ts'
import { HeldTasks } from './held-tasks.ts'
import { compileOffer } from './offer.ts'
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
/** Of what was asked for, in the record of a refusal. */
const targetMax = 200
const nothing = Buffer.alloc(0)
const metadataPath = '/.well-known/oauth-protected-resource'

export class McpListener implements StreamHost {
  readonly #input: ListenerInput
  readonly #port: ClientPort
  readonly #door: Door
  readonly #refusals: RefusalBook
  readonly #exchanges = new Roster<Exchange>()
  readonly #underWay = new Map<string, number>()
  #served: Served | undefined
  #isStale = true

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
    this.#port = new ClientPort({
      tls: input.tls,
      limits,
      protocols: ['http/1.1'],
      connect: (socket, onGone) => this.#connect(socket, onGone),
    })
  }

  /** Starts to listen; answers the port. Rejects where the system refuses. */
  open(host: string, port: number): Promise<number> {
    return this.#port.open(host, port, (err) => this.#input.log.error({ service: this.#input.name, err }, 'a listener failed'))
  }

  /** Takes no more connections, closes the idle ones, and resolves when the last is gone. */
  close(): Promise<void> {
    const closed = this.#port.close()
    this.#refusals.close()
    this.#door.pages.close()
    return closed
  }

  /** Ends everything now. */
  abort(reason: string): void {
    for (const exchange of this.#exchanges) exchange.cut(reason)
    this.#port.abort()
  }

  sweep(now: Instant): void {
    this.#port.sweep(now)
    this.#refusals.sweep(now)
    this.#door.pages.sweep(now)
    this.#door.tasks.sweep(now)
  }

  /** Some service is another one now, perhaps one that is joined here. */
  changed(): void {
    this.#isStale = true
  }

  begin(stream: ClientStream): void {
    const { head } = stream
    const headers = requestHeaders(head)
    const { twice } = headers
    const host = headers.get('host')
    const names = headers.namedAs(this.#input.names)
    const origin = `${this.#input.tls === undefined ? 'http' : 'https'}://${host ?? ''}`
    const [path = ''] = head.target.split('?')
    if (twice !== undefined) this.#turnAway(stream, { code: 'action.ambiguous', detail: `${twice} stands twice` })
    else if (!names.ok) this.#turnAway(stream, names.refusal)
    else if (path === metadataPath || path.startsWith(`${metadataPath}/`)) this.#sayMetadata(stream, origin, path)
    else if (head.target !== endpointPath) this.#turnAway(stream, { code: 'method.unknown' })
    else if (head.method === 'POST' || head.method === 'GET' || head.method === 'DELETE') this.#exchange(stream, origin)
    else say(stream, { status: 405, headers: ['Allow', 'POST, GET, DELETE', 'Content-Length', '0'], body: nothing })
  }

  refuse({ address, target, refusal }: RefusedHead): ProblemText {
    return problemText(this.#refusals.refused({ service: this.#input.name, address, target: target.slice(0, targetMax), refusal }))
  }

  #connect(socket: Socket, onGone: () => void): Connection {
    const { limits, clock } = this.#input
    return new Connection({ socket, address: clientAddress(socket.remoteAddress), host: this, limits, clock, onGone })
  }

  #exchange(stream: ClientStream, origin: string): void {
    const { exchangesPerServiceMax } = this.#input.limits
    const isFull = this.#exchanges.size >= exchangesPerServiceMax
    const exchange = new Exchange(this.#door, stream, { origin, onOver: () => leave() })
    const leave = this.#exchanges.add(exchange)
    if (isFull) exchange.refuse({ code: 'rate.exceeded', detail: `at most ${exchangesPerServiceMax} messages at a time` })
    else void exchange.run()
  }

  /** A request that nobody's message could be. */
  #turnAway(stream: ClientStream, refusal: Refusal): void {
    const { head, address } = stream
    say(stream, this.refuse({ address, target: `${head.method} ${head.target}`, refusal }))
  }

  #sayMetadata(stream: ClientStream, origin: string, path: string): void {
    const service = this.#serve()?.service
    const text = service === undefined ? undefined : this.#input.resource?.metadata(service, origin, path.slice(metadataPath.length))
    if (text === undefined || stream.head.method !== 'GET') {
      this.#turnAway(stream, { code: 'method.unknown' })
      return
    }
    const body = Buffer.from(text)
    const headers = ['Content-Type', 'application/json', 'Access-Control-Allow-Origin', '*', 'Content-Length', `${body.byteLength}`]
    say(stream, { status: 200, headers, body })
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

/** A whole answer to what never became an exchange. */
function say(stream: ClientStream, { status, headers, body }: ProblemText): void {
  stream.attach({ onDrain: () => {}, onClosed: () => {} })
  const isHead = stream.head.method === 'HEAD'
  stream.writeHead({ status, headers, length: isHead ? 0 : body.byteLength })
  stream.end(isHead ? undefined : body)
}
