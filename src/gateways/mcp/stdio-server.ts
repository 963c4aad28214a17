/** An MCP server that the gateway starts itself and several clients share: one child for each era that they speak. */
import type { Chance } from '../../control/ports.ts'
import { refuse } from '../../kernel/refusals.ts'
import type { McpServer, Outgoing, ServerCall, ServerListener } from './ports.ts'
import { Exchange, type WaitingRoom } from './stdio-exchange.ts'
import { type StdioLimits, stdioLimits } from './stdio-limits.ts'
import { answerInitialize, methodNotFound, modernVersion, type Opening, unsupportedVersion } from './stdio-messages.ts'
import type { StdioParts } from './stdio-ports.ts'
import { paths, scan } from './stdio-scan.ts'
import { type Era, Supervisor } from './stdio-supervisor.ts'

export interface StdioInput extends StdioParts {
  /** For `Mcp-Session-Id`: by it a client's cancellation finds the client's request. */
  readonly chance: Pick<Chance, 'bytes'>
}

/**
 * Nothing runs until the first request. Clients before 2026-07-28 and from then on are served by children of their own, since a server may
 * keep to the era in which it was spoken to first. Whatever a child says that names no exchange of a client reaches no client.
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
  /** By whom they were sent: the session that a client showed. */
  readonly #ofSessions = new Map<string, Set<Exchange>>()
  readonly #streams = new Set<Exchange>()
  #isClosed = false

  constructor(input: StdioInput) {
    this.service = input.service
    this.#input = input
    this.#limits = { ...stdioLimits, ...input.limits }
    const make = (era: Era) =>
      new Supervisor({
        ...input,
        bounds: this.#limits,
        era,
        room: this.#room,
        onOpening: (exchange, opening, isUsable) => this.#onOpening(era, exchange, { opening, isUsable }),
        // Those of 2026-07-28 subscribe, and are told by their subscriptions.
        onListChanged: (bytes) => {
          if (era === 'legacy') for (const stream of this.#streams) stream.notify(bytes)
        },
      })
    this.#supervisors = { modern: make('modern'), legacy: make('legacy') }
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
    const era: Era = versionOf(exchange) >= modernVersion ? 'modern' : 'legacy'
    const forget = this.#remember(exchange)
    this.#begin(era, exchange)
    return {
      abort: () => {
        forget()
        this.#supervisors[era].cancel(exchange)
      },
      pause: () => exchange.pause(),
      resume: () => exchange.resume(),
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const stream of this.#streams) stream.end()
    this.#streams.clear()
    await Promise.all([this.#supervisors.modern.close(), this.#supervisors.legacy.close()])
  }

  #begin(era: Era, exchange: Exchange): void {
    if (era === 'legacy' && exchange.method === 'logging/setLevel') return this.#answer(exchange, methodNotFound(exchange.clientId))
    const supervisor = this.#supervisors[era]
    const { opening } = supervisor
    // Both were said once and do not change: no child is started for them.
    if (opening?.result !== undefined && exchange.method === 'initialize') return this.#answerInitialize(exchange, opening)
    supervisor.begin(exchange)
  }

  #onOpening(era: Era, exchange: Exchange, { opening, isUsable }: { opening: Opening; isUsable: boolean }): 'send' | 'answered' {
    if (era === 'legacy' && exchange.method === 'initialize') this.#answerInitialize(exchange, opening)
    else if (isUsable) return 'send'
    else if (era === 'modern') this.#answer(exchange, unsupportedVersion(exchange.clientId, versionOf(exchange)))
    else this.#answerInitialize(exchange, opening)
    return 'answered'
  }

  #answerInitialize(exchange: Exchange, opening: Opening): void {
    const asked = exchange.scanned.spans.get(paths.askedVersion)?.text.slice(1, -1)
    if (opening.result !== undefined) exchange.headers = [['mcp-session-id', Buffer.from(this.#input.chance.bytes(16)).toString('hex')]]
    this.#answer(exchange, answerInitialize(exchange.clientId, opening, asked))
  }

  #answer(exchange: Exchange, bytes: Buffer): void {
    const may = exchange.outgoing.mayGo()
    if (may.ok) exchange.answer(bytes)
    else exchange.breakOff(may.refusal)
  }

  /** A notification or a response. The gateway said itself what opens a child, and a child that is shared is asked nothing it could tell apart. */
  #accept(exchange: Exchange, listener: ServerListener): void {
    const may = exchange.outgoing.mayGo()
    if (!may.ok) return listener.onBroken(may.refusal)
    if (exchange.method === 'notifications/cancelled') this.#cancel(exchange)
    listener.onHead({ status: 202, headers: [], form: 'other' })
    listener.onEnd()
  }

  #cancel({ scanned, outgoing }: Exchange): void {
    const id = scanned.spans.get(paths.requestId)?.text
    for (const exchange of this.#ofSessions.get(sessionOf(outgoing)) ?? []) {
      if (exchange.clientId !== id) continue
      // The protocol owes it no answer any more; its HTTP exchange ends like a stream does.
      this.#supervisors.legacy.giveUp(exchange)
      exchange.end()
    }
  }

  /** By the session that its client shows, until it is over. */
  #remember(exchange: Exchange): () => void {
    const session = sessionOf(exchange.outgoing)
    if (session === '') return () => undefined
    const same = this.#ofSessions.get(session) ?? new Set()
    for (const each of same) if (each.isOver) same.delete(each)
    same.add(exchange)
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
      listener.onHead({ status: 200, headers: [], form: 'other' })
      listener.onEnd()
      return nothing
    }
    const stream = new Exchange({ outgoing, scanned: { spans: new Map(), bytes: 0 } }, listener, this.#room, this.#input.clock.now())
    this.#streams.add(stream)
    stream.openStream()
    const leave = () => {
      this.#streams.delete(stream)
      stream.drop()
    }
    return { abort: leave, pause: () => stream.pause(), resume: () => stream.resume() }
  }
}

/** What a request of 2026-07-28 says of itself; empty before. Revisions are dates, so that later ones are greater. */
function versionOf({ scanned }: Exchange): string {
  return scanned.spans.get(paths.version)?.text.slice(1, -1) ?? ''
}

function sessionOf({ headers }: Outgoing): string {
  return headers.find(([name]) => name === 'mcp-session-id')?.[1] ?? ''
}
