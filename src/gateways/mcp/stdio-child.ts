/** One run of a server that the gateway started: opened once, spoken to under ids of ours, and heard for each client apart. */
import { every } from '../../kernel/every.ts'
import { type Refusal, refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Exchange, WaitingRoom } from './stdio-exchange.ts'
import type { StdioLimits } from './stdio-limits.ts'
import { LineReader } from './stdio-lines.ts'
import { answerPing, cancelled, refuseServerRequest } from './stdio-messages.ts'
import type { Child, StdioParts } from './stdio-ports.ts'
import { type OwnClient, Questions } from './stdio-questions.ts'
import { paths, rewrite, type Scanned, type Span } from './stdio-scan.ts'

export interface ChildInput extends StdioParts {
  readonly bounds: StdioLimits
  /** The first message, under an id that `openingId` names. */
  readonly opening: Buffer
  readonly room: WaitingRoom
  /** The one client that it is for; without it several share it, and none is asked anything. */
  readonly client?: OwnClient | undefined
}

export interface ChildEvents {
  /** Its answer to the opening, as it wrote it. Once. */
  onOpened(answer: Buffer, isError: boolean): void
  /** It is no more, or nothing is expected of it any more; what was under way has been broken off. Once, and nothing after it. */
  onOver(run: ChildRun, refusal: Refusal): void
  /** It has answered somebody. Once. */
  onServed(): void
  /** Nothing is under way. */
  onQuiet(): void
  /** For everybody: that a list changed, which holds nothing. */
  onListChanged(bytes: Buffer): void
}

export const openingId = 0
const strayLinesLogged = 5
const sweepMsMax = 1_000

/** Until it is started. */
const unstarted: Child = { pid: undefined, waitingBytes: 0, write: () => undefined, end: () => Promise.resolve() }

export class ChildRun {
  readonly #input: ChildInput
  readonly #events: ChildEvents
  #child: Child = unstarted
  readonly #exchanges = new Map<number, Exchange>()
  readonly #questions: Questions | undefined
  #stopSweeping: () => void = () => undefined
  #callOffOpening: () => void = () => undefined
  #lastId = openingId
  #strayInARow = 0
  #strays = 0
  #isOpen = false
  #isOver = false
  /** It has answered somebody: what ends it then is not that it cannot run. */
  hasServed = false

  private constructor(input: ChildInput, events: ChildEvents) {
    this.#input = input
    this.#events = events
    const { client, bounds, clock, room } = input
    if (client !== undefined)
      this.#questions = new Questions({
        client,
        limits: bounds,
        room,
        now: () => clock.now(),
        stream: () => this.#streamOf(client),
        tellServer: (bytes) => this.tell(bytes),
      })
  }

  /** Started, and sent its opening. Refuses where it cannot be started with what it is to be given. */
  static start(input: ChildInput, events: ChildEvents): Result<ChildRun> {
    const run = new ChildRun(input, events)
    const reader = new LineReader(input.bounds, {
      onMessage: (bytes, scanned) => run.#onMessage(bytes, scanned),
      onFlaw: (refusal, spans) => run.#onFlaw(refusal, spans),
      onEndless: () => run.#onEndless(),
    })
    const { service, log } = input
    const started = input.start(input.program, {
      onOutput: (bytes) => {
        if (!run.#isOver) reader.push(bytes)
      },
      onErrorLine: (line) => log.info({ service, line }, 'an MCP server wrote to its stderr'),
      onEnd: (says) => run.#over(refuse('upstream.unreachable', { detail: `${service}: ${says}` }).refusal),
    })
    if (!started.ok) return started
    run.#begin(started.value)
    return done(run)
  }

  #begin(child: Child): void {
    const { clock, bounds, opening } = this.#input
    this.#child = child
    this.#stopSweeping = every(clock, Math.min(sweepMsMax, bounds.answerMs / 4), () => this.#sweep())
    this.#callOffOpening = clock.after(bounds.startMs, () => this.#onSilentOpening())
    child.write(opening)
  }

  get isQuiet(): boolean {
    return this.#exchanges.size === 0 && this.#questions?.isEmpty !== false
  }

  get underWay(): number {
    return this.#exchanges.size
  }

  /** A message that belongs to no exchange, such as `notifications/initialized`. Dropped where the server reads nothing. */
  tell(bytes: Buffer): void {
    if (this.#child.waitingBytes + bytes.length <= this.#input.bounds.inputBytesMax) this.#child.write(bytes)
  }

  /** A notification of its client's. */
  notify(bytes: Uint8Array): void {
    this.tell(asLine(Buffer.from(bytes)))
  }

  /** Its client answers what it asked. */
  reply(bytes: Uint8Array, scanned: Scanned): void {
    this.#questions?.answer(asLine(Buffer.from(bytes)).subarray(0, -1), scanned)
    this.#quiet()
  }

  /** Its client has a stream that it had not before. */
  streamOpened(): void {
    this.#questions?.tell()
  }

  /** Sends a request, if it still may go. Whoever sends it hears of it through the exchange alone. */
  send(exchange: Exchange): void {
    const { bounds, clock } = this.#input
    const { outgoing, scanned } = exchange
    if (this.#child.waitingBytes + outgoing.message.bytes.length > bounds.inputBytesMax)
      return exchange.breakOff(refuse('upstream.unreachable', { detail: 'the server does not read what it is sent' }).refusal)
    const id = this.#lastId + 1
    const [own, token] = [scanned.spans.get('id'), scanned.spans.get(paths.ownProgressToken)]
    const changes = [own, token].flatMap((span) => (span === undefined ? [] : [{ span, to: String(id) }]))
    const bytes = asLine(rewrite(outgoing.message.bytes, changes))
    const may = outgoing.mayGo()
    if (!may.ok) return exchange.breakOff(may.refusal)
    this.#lastId = id
    exchange.id = id
    exchange.heardAt = clock.now()
    this.#exchanges.set(id, exchange)
    this.#child.write(bytes)
    this.#questions?.tell()
  }

  /** The client left, or nothing is expected any more: the server is told, and whatever it still says of it is dropped. */
  cancel(exchange: Exchange, reason: string): void {
    if (exchange.id === undefined || this.#exchanges.get(exchange.id) !== exchange) return
    this.#child.write(cancelled(exchange.id, reason))
    this.#questions?.left(exchange)
    this.#remove(exchange.id)
  }

  /** Ends it and breaks off what is under way. */
  async end(refusal: Refusal): Promise<void> {
    this.#over(refusal)
    await this.#child.end()
  }

  #onMessage(bytes: Buffer, scanned: Scanned): void {
    if (this.#isOver) return
    const { spans } = scanned
    const [id, method] = [spans.get('id'), spans.get('method')]
    if (spans.get('jsonrpc')?.text !== '"2.0"') return this.#onFlaw(malformed('jsonrpc is not "2.0"'), spans)
    if (method === undefined) return this.#onResponse(bytes, spans, id)
    this.#strayInARow = 0
    if (id === undefined) this.#onNotification(bytes, unquoted(method.text), spans)
    else if (/^["\d-]/.test(id.text)) this.#onRequest(bytes, unquoted(method.text), id)
    // It could not be answered, and nobody could answer it.
    else this.#stray('a request whose id is no text and no number')
  }

  #onRequest(bytes: Buffer, method: string, id: Span): void {
    if (method === 'ping') this.tell(answerPing(id.text))
    else if (this.#questions === undefined) this.tell(refuseServerRequest(id.text))
    else this.#questions.ask(bytes, method, id)
  }

  /** Where its one client is told what belongs to no request: in the answer that it waits for, the newest; else on a stream for such things. */
  #streamOf(client: OwnClient): Exchange | undefined {
    const waiting = [...this.#exchanges.values()].findLast(({ takesEvents, isOver }) => takesEvents && !isOver)
    const stream = waiting ?? client.stream()
    return stream?.isOver === true ? undefined : stream
  }

  #onResponse(bytes: Buffer, spans: ReadonlyMap<string, Span>, id: Span | undefined): void {
    if (spans.has('result') === spans.has('error')) return this.#onFlaw(malformed('an answer has a result or an error, one of them'), spans)
    const number = numberOf(id)
    if (number === openingId && !this.#isOpen) return this.#opened(bytes, spans.has('error'))
    const exchange = number === undefined ? undefined : this.#exchanges.get(number)
    // What was given up is answered late, and nobody waits for it. Under an id that was never given there can be no answer.
    if (exchange === undefined && number !== undefined && number <= this.#lastId) return
    if (exchange === undefined || id === undefined || number === undefined) return this.#stray('an answer to nothing that was asked')
    this.#strayInARow = 0
    if (!this.#hasRoom(exchange, bytes)) return
    if (!this.hasServed) {
      this.hasServed = true
      this.#events.onServed()
    }
    this.#remove(number, () => exchange.answer(rewrite(bytes, [{ span: id, to: exchange.clientId }])))
  }

  #opened(answer: Buffer, isError: boolean): void {
    this.#isOpen = true
    this.#strayInARow = 0
    this.#callOffOpening()
    this.#events.onOpened(answer, isError)
  }

  #onNotification(bytes: Buffer, method: string, spans: ReadonlyMap<string, Span>): void {
    const [subscription, token] = [spans.get(paths.subscription), spans.get(paths.progressToken)]
    if (subscription !== undefined) return this.#pass(bytes, subscription, 'clientId')
    switch (method) {
      case 'notifications/progress':
        if (token !== undefined) this.#pass(bytes, token, 'progress')
        return
      case 'notifications/cancelled': {
        const requestId = spans.get(paths.requestId)
        if (requestId !== undefined) this.#questions?.withdraw(bytes, requestId)
        const number = numberOf(spans.get(paths.requestId))
        const exchange = number === undefined ? undefined : this.#exchanges.get(number)
        // Of anything else than a subscription an answer is owed.
        if (number === undefined || exchange?.method !== 'subscriptions/listen') return
        return this.#remove(number, () => exchange.end())
      }
      case 'notifications/tools/list_changed':
      case 'notifications/resources/list_changed':
      case 'notifications/prompts/list_changed':
        return this.#events.onListChanged(bytes)
      default:
        // Where several share it, it says nothing of whose it is, and might tell one client of another's work.
        if (this.#input.client !== undefined && this.#fits(bytes)) this.#streamOf(this.#input.client)?.notify(bytes)
    }
  }

  /** To the one exchange that a number in it names, with the client's own value in the number's place. */
  #pass(bytes: Buffer, span: Span, as: 'clientId' | 'progress'): void {
    const number = numberOf(span)
    const exchange = number === undefined ? undefined : this.#exchanges.get(number)
    const to = as === 'clientId' ? exchange?.clientId : exchange?.scanned.spans.get(paths.ownProgressToken)?.text
    if (exchange === undefined || to === undefined || !this.#hasRoom(exchange, bytes)) return
    exchange.heardAt = this.#input.clock.now()
    exchange.notify(rewrite(bytes, [{ span, to }]))
  }

  #fits(bytes: Buffer): boolean {
    const { room, bounds } = this.#input
    return room.bytes + bytes.length <= bounds.waitingBytesMax
  }

  #hasRoom(exchange: Exchange, bytes: Buffer): boolean {
    if (this.#fits(bytes)) return true
    this.#giveUp(exchange, malformed('more came than its client takes'))
    return false
  }

  /** A line that is no message: it breaks the exchange that it names; one that names none is left out, until there are too many. */
  #onFlaw(refusal: Refusal, spans: ReadonlyMap<string, Span>): void {
    if (this.#isOver) return
    const number = spans.has('method') ? undefined : numberOf(spans.get('id'))
    const exchange = number === undefined ? undefined : this.#exchanges.get(number)
    if (exchange === undefined || number === undefined) return this.#stray(refusal.detail ?? '')
    this.#remove(number, () => exchange.breakOff(refusal))
  }

  #onEndless(): void {
    void this.end(malformed(`a line of more than ${this.#input.bounds.endlessLineBytesMax} bytes`))
  }

  #stray(detail: string): void {
    const { service, log, bounds } = this.#input
    this.#strays += 1
    this.#strayInARow += 1
    // What the line says is not logged: it may be anything, an answer's secret among it.
    if (this.#strays <= strayLinesLogged) log.warn({ service, detail }, 'an MCP server wrote a line to its stdout that is no message')
    for (const exchange of this.#exchanges.values()) exchange.hasSeenStray = true
    if (this.#strayInARow > bounds.strayLinesMax) void this.end(malformed('what it writes to its stdout is not MCP'))
  }

  #sweep(): void {
    const { clock, bounds } = this.#input
    const now = clock.now()
    const wasAsking = this.#questions?.isEmpty === false
    this.#questions?.sweep()
    if (wasAsking) this.#quiet()
    for (const exchange of this.#exchanges.values()) {
      // A subscription is silent for as long as nothing happens.
      if (exchange.method === 'subscriptions/listen') continue
      if (this.#questions?.isAskedOn(exchange) === true) exchange.heardAt = now
      if (now - exchange.heardAt < bounds.answerMs && now - exchange.begunAt < bounds.answerMsMax) continue
      this.#giveUp(
        exchange,
        exchange.hasSeenStray ? malformed('it wrote what is no message, and no answer') : refuse('upstream.timeout').refusal,
      )
    }
  }

  #giveUp(exchange: Exchange, refusal: Refusal): void {
    this.cancel(exchange, 'the gateway waits no longer')
    exchange.breakOff(refusal)
  }

  #onSilentOpening(): void {
    if (!this.#isOpen) void this.end(refuse('upstream.timeout', { detail: 'the server did not answer when it was started' }).refusal)
  }

  #remove(id: number, then: () => void = () => undefined): void {
    this.#exchanges.delete(id)
    then()
    this.#quiet()
  }

  #quiet(): void {
    if (this.isQuiet && !this.#isOver) this.#events.onQuiet()
  }

  #over(refusal: Refusal): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stopSweeping()
    this.#callOffOpening()
    this.#questions?.drop()
    const broken = [...this.#exchanges.values()]
    this.#exchanges.clear()
    // Told first: whoever asks again at once gets a new run.
    this.#events.onOver(this, refusal)
    for (const each of broken) each.breakOff(refusal)
  }
}

function malformed(detail: string): Refusal {
  return refuse('upstream.malformed', { detail }).refusal
}

/** Only numbers are ids of ours. */
function numberOf(span: Span | undefined): number | undefined {
  return span !== undefined && /^(?:0|[1-9]\d{0,14})$/.test(span.text) ? Number(span.text) : undefined
}

function unquoted(text: string): string {
  if (!text.startsWith('"')) return ''
  const read: unknown = JSON.parse(text)
  return typeof read === 'string' ? read : ''
}

/** One line: a newline in a message stands between values, where a space means the same. */
function asLine(bytes: Buffer): Buffer {
  for (let at = 0; at < bytes.length; at += 1) if (bytes[at] === 0x0a || bytes[at] === 0x0d) bytes[at] = 0x20
  return Buffer.concat([bytes, Buffer.from('\n')])
}
