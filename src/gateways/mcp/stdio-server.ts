/** An MCP server that the gateway starts itself: a child for each era that its clients share, and one for each client that it may ask something. */
import type { Chance } from '../../control/ports.ts'
import { refuse } from '../../kernel/refusals.ts'
import type { ClientOffer } from '../../model/services.ts'
import type { McpServer, Outgoing, ServerCall, ServerListener } from './ports.ts'
import { Circuit, type UpstreamHealth } from '../shared/circuit.ts'
import { type AskedClient, StdioClients } from './stdio-clients.ts'
import { Exchange, type WaitingRoom } from './stdio-exchange.ts'
import { type StdioLimits, stdioLimits } from './stdio-limits.ts'
import { answerInitialize, methodNotFound, modernVersion, type Opening, passInitialize, unsupportedVersion } from './stdio-messages.ts'
import type { StdioParts } from './stdio-ports.ts'
import { paths, scan } from './stdio-scan.ts'
import { type Era, Supervisor, type SupervisorInput } from './stdio-supervisor.ts'

export interface StdioInput extends StdioParts {
  /** For `Mcp-Session-Id`: by it a client's cancellation finds the client's request. */
  readonly chance: Pick<Chance, 'bytes'>
  /** What it may ask clients that offer it. */
  readonly asks?: readonly ClientOffer[] | undefined
}

/**
 * Nothing runs until the first request. Clients before 2026-07-28 and from then on are served by children of their own, since a server may
 * keep to the era in which it was spoken to first. Whatever a child that is shared says and that names no exchange of a client reaches no
 * client. A client that the server may ask, and that offers to answer, has a child for itself, and hears all of it.
 */
export function stdioServer(input: StdioInput): McpServer {
  return new StdioServer(input)
}

class StdioServer implements McpServer {
  readonly service: string
  readonly #input: StdioInput
  readonly #limits: StdioLimits
  readonly #room: WaitingRoom = { bytes: 0 }
  readonly #supervisors: Readonly<Record<Era, Supervisor>>
  readonly #clients: StdioClients
  readonly #circuits: Readonly<Record<Era, Circuit>>
  /** By whom they were sent: the session that a client showed. */
  readonly #ofSessions = new Map<string, Map<Exchange, Supervisor>>()
  readonly #streams = new Set<Exchange>()
  readonly #onListChanged: (() => void)[] = []
  #isClosed = false

  constructor(input: StdioInput) {
    this.service = input.service
    this.#input = input
    this.#limits = { ...stdioLimits, ...input.limits }
    this.#circuits = { modern: this.#makeCircuit(), legacy: this.#makeCircuit() }
    // Those of 2026-07-28 subscribe, and are told by their subscriptions.
    const [modern, legacy] = [this.#supervise('modern', () => new Set()), this.#supervise('legacy', () => this.#streams)]
    this.#supervisors = { modern, legacy }
    this.#clients = new StdioClients({
      bounds: this.#limits,
      asks: input.asks ?? [],
      now: () => input.clock.now(),
      supervise: ({ own, client }) => this.#supervise('legacy', () => client().streams, own),
    })
  }

  /** Of the era in which it was spoken to last: it may speak one of them only. */
  get health(): UpstreamHealth {
    const [modern, legacy] = [this.#circuits.modern.health, this.#circuits.legacy.health]
    if (modern.state === 'untried' || legacy.state === 'untried') return modern.state === 'untried' ? legacy : modern
    return modern.since > legacy.since ? modern : legacy
  }

  onListChanged(listener: () => void): void {
    this.#onListChanged.push(listener)
  }

  #makeCircuit(): Circuit {
    const { service, clock, chance, log } = this.#input
    const { failuresMax: connectFailuresMax, restMs, restMsMax } = this.#limits
    return new Circuit({
      clock,
      chance,
      limits: { connectFailuresMax, restMs, restMsMax },
      onTurn: ({ state, error }) => {
        if (state === 'reachable') log.info({ service }, 'an MCP server runs again')
        else log.warn({ service, error }, 'an MCP server does not run: calls are refused at once, and it is started again now and then')
      },
    })
  }

  #supervise(era: Era, streams: () => ReadonlySet<Exchange>, own?: SupervisorInput['own']): Supervisor {
    return new Supervisor({
      ...this.#input,
      bounds: this.#limits,
      era,
      room: this.#room,
      circuit: this.#circuits[era],
      onOpening: (exchange, opening, isUsable) => this.#onOpening(exchange, { era, opening, isUsable, isShared: own === undefined }),
      onListChanged: (bytes) => {
        for (const listener of this.#onListChanged) listener()
        for (const stream of streams()) stream.notify(bytes)
      },
      ...(own === undefined ? {} : { own }),
    })
  }

  send(outgoing: Outgoing, listener: ServerListener): ServerCall {
    const { message, method } = outgoing
    const scanned = scan(message.bytes)
    if (method !== 'POST' || !scanned.ok) return this.#withoutMessage(outgoing, listener)
    const exchange = new Exchange({ outgoing, scanned: scanned.value }, listener, this.#room, this.#input.clock.now())
    if (message.kind !== 'request') {
      this.#accept(exchange, listener)
      return { abort: () => exchange.drop(), pause: () => undefined, resume: () => undefined }
    }
    const supervisor = this.#supervisorOf(exchange)
    const forget = this.#remember(exchange, supervisor)
    this.#begin(supervisor, exchange)
    return {
      abort: () => {
        forget()
        supervisor.cancel(exchange)
      },
      pause: () => exchange.pause(),
      resume: () => exchange.resume(),
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const stream of this.#streams) stream.end()
    this.#streams.clear()
    await Promise.all([this.#supervisors.modern.close(), this.#supervisors.legacy.close(), this.#clients.close()])
  }

  /** Whose child it is for. An opening gets its session here. */
  #supervisorOf(exchange: Exchange): Supervisor {
    if (versionOf(exchange) >= modernVersion) return this.#supervisors.modern
    const { outgoing } = exchange
    const client = exchange.method === 'initialize' ? this.#open(exchange) : this.#clients.find(sessionOf(outgoing))
    return client !== undefined && this.#clients.mayRun(client, outgoing) ? client.supervisor : this.#supervisors.legacy
  }

  #open(exchange: Exchange): AskedClient | undefined {
    const session = Buffer.from(this.#input.chance.bytes(16)).toString('hex')
    exchange.headers = [['mcp-session-id', session]]
    return this.#clients.add(session, exchange.outgoing.message.params)
  }

  #begin(supervisor: Supervisor, exchange: Exchange): void {
    const isShared = supervisor === this.#supervisors.legacy
    if (isShared && exchange.method === 'logging/setLevel') return this.#answer(exchange, methodNotFound(exchange.clientId))
    const { opening } = supervisor
    // Both were said once and do not change: no child is started for them.
    if (opening?.result !== undefined && exchange.method === 'initialize') return this.#answerInitialize(exchange, opening, isShared)
    supervisor.begin(exchange)
  }

  #onOpening(exchange: Exchange, { era, opening, isUsable, isShared }: Opened): 'send' | 'answered' {
    if (era === 'legacy' && exchange.method === 'initialize') this.#answerInitialize(exchange, opening, isShared)
    else if (isUsable) return 'send'
    else if (era === 'modern') this.#answer(exchange, unsupportedVersion(exchange.clientId, versionOf(exchange)))
    else this.#answerInitialize(exchange, opening, isShared)
    return 'answered'
  }

  #answerInitialize(exchange: Exchange, opening: Opening, isShared: boolean): void {
    const asked = exchange.scanned.spans.get(paths.askedVersion)?.text.slice(1, -1)
    // Where it was not opened there is no session.
    if (opening.result === undefined) {
      for (const [, session] of exchange.headers) this.#clients.remove(session)
      exchange.headers = []
    }
    const { clientId } = exchange
    this.#answer(exchange, isShared ? answerInitialize(clientId, opening, asked) : passInitialize(clientId, opening))
  }

  #answer(exchange: Exchange, bytes: Buffer): void {
    const may = exchange.outgoing.mayGo()
    if (may.ok) exchange.answer(bytes)
    else exchange.breakOff(may.refusal)
  }

  /** A notification or a response. The gateway said itself what opens a child, and one that is shared asks nothing, and is told nothing of one. */
  #accept(exchange: Exchange, listener: ServerListener): void {
    const may = exchange.outgoing.mayGo()
    if (!may.ok) return listener.onBroken(may.refusal)
    const { message } = exchange.outgoing
    const client = this.#clients.find(sessionOf(exchange.outgoing))
    if (message.kind === 'response') client?.supervisor.reply(message.bytes, exchange.scanned)
    else if (exchange.method === 'notifications/cancelled') this.#cancel(exchange)
    else if (exchange.method !== 'notifications/initialized') client?.supervisor.tell(message.bytes)
    listener.onHead({ status: 202, headers: [], form: 'other' })
    listener.onEnd()
  }

  #cancel({ scanned, outgoing }: Exchange): void {
    const id = scanned.spans.get(paths.requestId)?.text
    for (const [exchange, supervisor] of this.#ofSessions.get(sessionOf(outgoing)) ?? []) {
      if (exchange.clientId !== id) continue
      // The protocol owes it no answer any more; its HTTP exchange ends like a stream does.
      supervisor.giveUp(exchange)
      exchange.end()
    }
  }

  /** By the session that its client shows, until it is over. */
  #remember(exchange: Exchange, supervisor: Supervisor): () => void {
    const session = sessionOf(exchange.outgoing)
    if (session === '') return () => undefined
    const same = this.#ofSessions.get(session) ?? new Map<Exchange, Supervisor>()
    for (const each of same.keys()) if (each.isOver) same.delete(each)
    same.set(exchange, supervisor)
    this.#ofSessions.set(session, same)
    const forget = () => {
      same.delete(exchange)
      if (same.size === 0) this.#ofSessions.delete(session)
    }
    exchange.onOver = forget
    return forget
  }

  /** Of the revisions before 2026-07-28: a stream for what belongs to no request, and the end of a session, which leaves nothing behind here. */
  #withoutMessage(outgoing: Outgoing, listener: ServerListener): ServerCall {
    const nothing: ServerCall = { abort: () => undefined, pause: () => undefined, resume: () => undefined }
    const may = outgoing.mayGo()
    if (!may.ok || this.#isClosed || outgoing.method === 'POST') {
      listener.onBroken(may.ok ? refuse('upstream.unreachable', { detail: 'the server was stopped' }).refusal : may.refusal)
      return nothing
    }
    if (outgoing.method === 'DELETE') {
      this.#clients.remove(sessionOf(outgoing))
      listener.onHead({ status: 200, headers: [], form: 'other' })
      listener.onEnd()
      return nothing
    }
    const stream = new Exchange({ outgoing, scanned: { spans: new Map(), bytes: 0 } }, listener, this.#room, this.#input.clock.now())
    const client = this.#clients.find(sessionOf(outgoing))
    const streams = client?.streams ?? this.#streams
    streams.add(stream)
    stream.openStream()
    client?.supervisor.streamOpened()
    const leave = () => {
      streams.delete(stream)
      stream.drop()
    }
    return { abort: leave, pause: () => stream.pause(), resume: () => stream.resume() }
  }
}

interface Opened {
  readonly era: Era
  readonly opening: Opening
  readonly isUsable: boolean
  readonly isShared: boolean
}

/** What a request of 2026-07-28 says of itself; empty before. Revisions are dates, so that later ones are greater. */
function versionOf({ scanned }: Exchange): string {
  return scanned.spans.get(paths.version)?.text.slice(1, -1) ?? ''
}

function sessionOf({ headers }: Outgoing): string {
  return headers.find(([name]) => name === 'mcp-session-id')?.[1] ?? ''
}
