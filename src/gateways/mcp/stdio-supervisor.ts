/** Keeps a server's child there while it is needed: started at the first request, ended when idle, left alone for a while when it fails. */
import { type Refusal, refuse } from '../../kernel/refusals.ts'
import type { Circuit } from '../shared/circuit.ts'
import { ChildRun } from './stdio-child.ts'
import type { Exchange, WaitingRoom } from './stdio-exchange.ts'
import type { StdioLimits } from './stdio-limits.ts'
import { discover, initialize, initialized, isOfModernServer, type Opening, readOpening } from './stdio-messages.ts'
import type { StdioParts } from './stdio-ports.ts'
import type { OwnClient } from './stdio-questions.ts'
import type { Scanned } from './stdio-scan.ts'

const closed = refuse('upstream.unreachable', { detail: 'the server was stopped' }).refusal

export type Era = 'modern' | 'legacy'

export interface SupervisorInput extends StdioParts {
  readonly bounds: StdioLimits
  readonly era: Era
  readonly room: WaitingRoom
  /** Whether a child may be started now: those of one era have it in common. */
  readonly circuit: Circuit
  /** The child is open, or will not be of this era: what the waiting ones are told. */
  readonly onOpening: (exchange: Exchange, opening: Opening, isUsable: boolean) => 'send' | 'answered'
  readonly onListChanged: (bytes: Buffer) => void
  /** The one client that its children are for, and what they are opened with. */
  readonly own?: { readonly client: OwnClient; readonly opening: Buffer }
}

export class Supervisor {
  readonly #input: SupervisorInput
  readonly #ending = new Set<Promise<void>>()
  #run: ChildRun | undefined
  #opening: Opening | undefined
  #isOpen = false
  /** Until there is a child that has answered its opening. */
  #waiting: Exchange[] = []
  #callOffIdle: () => void = () => undefined
  #isClosed = false

  constructor(input: SupervisorInput) {
    this.#input = input
  }

  get isRunning(): boolean {
    return this.#run !== undefined
  }

  /** Nothing is under way, and nobody waits. */
  get isQuiet(): boolean {
    return this.#waiting.length === 0 && this.#run?.isQuiet !== false
  }

  /** What the server said of itself when it was opened last. */
  get opening(): Opening | undefined {
    return this.#opening
  }

  begin(exchange: Exchange): void {
    const { bounds, circuit } = this.#input
    if (this.#isClosed) return exchange.breakOff(closed)
    if (this.#waiting.length + (this.#run?.underWay ?? 0) >= bounds.exchangesMax)
      return exchange.breakOff(
        refuse('rate.exceeded', { detail: `${bounds.exchangesMax} requests are under way with this server` }).refusal,
      )
    this.#callOffIdle()
    if (this.#run !== undefined && this.#isOpen) return this.#run.send(exchange)
    if (this.#run === undefined && !circuit.admit()) return exchange.breakOff(refuse('upstream.resting').refusal)
    this.#waiting.push(exchange)
    if (this.#run === undefined) this.#start()
  }

  /** The client left: it hears nothing more. */
  cancel(exchange: Exchange): void {
    exchange.drop()
    this.giveUp(exchange)
  }

  /** The server is told that nobody waits for it. */
  giveUp(exchange: Exchange): void {
    const at = this.#waiting.indexOf(exchange)
    if (at >= 0) this.#waiting.splice(at, 1)
    else this.#run?.cancel(exchange, 'nobody waits for it any more')
  }

  /** A notification or an answer of the client's, to the child that runs now. */
  tell(bytes: Uint8Array): void {
    if (this.#isOpen) this.#run?.notify(bytes)
  }

  reply(bytes: Uint8Array, scanned: Scanned): void {
    this.#run?.reply(bytes, scanned)
  }

  streamOpened(): void {
    this.#run?.streamOpened()
  }

  /** Another one starts when it is needed. */
  stop(): void {
    this.#endRun(closed)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#callOffIdle()
    this.#release(closed)
    this.#endRun(closed)
    await Promise.all(this.#ending)
  }

  #start(): void {
    const { era, service, log, own, circuit } = this.#input
    const opening = own?.opening ?? (era === 'modern' ? discover : initialize())
    const started = ChildRun.start(
      { ...this.#input, opening, client: own?.client },
      {
        onOpened: (answer, isError) => this.#opened(answer, isError),
        onOver: (run, refusal) => this.#over(run, refusal),
        onServed: () => circuit.reached(),
        onQuiet: () => this.#rest(),
        onListChanged: (bytes) => this.#input.onListChanged(bytes),
      },
    )
    if (!started.ok) {
      log.error({ service, code: started.refusal.code, detail: started.refusal.detail }, 'an MCP server cannot be started')
      circuit.failed(started.refusal.detail ?? started.refusal.code)
      return this.#release(started.refusal)
    }
    this.#run = started.value
  }

  #opened(answer: Buffer, isError: boolean): void {
    const { era, service, log } = this.#input
    const opening = readOpening(answer)
    if (opening === undefined)
      return this.#endRun(refuse('upstream.malformed', { detail: 'it answered its opening with something else' }).refusal)
    const isUsable = era === 'modern' ? isOfModernServer(opening) : !isError
    if (!isUsable) log.info({ service, era }, 'an MCP server does not speak the revisions of a client that called it')
    this.#opening = opening
    this.#isOpen = isUsable
    // It runs: whoever waits to start another need not wait until somebody calls this one.
    if (isUsable) this.#input.circuit.abandoned()
    if (isUsable && era === 'legacy') this.#run?.tell(initialized)
    for (const exchange of this.#waiting.splice(0)) this.#deliver(exchange, opening, isUsable)
    if (isUsable) this.#rest()
    else this.#endRun(closed)
  }

  #deliver(exchange: Exchange, opening: Opening, isUsable: boolean): void {
    if (exchange.isOver) return
    if (this.#input.onOpening(exchange, opening, isUsable) === 'send') this.#run?.send(exchange)
  }

  #over(run: ChildRun, refusal: Refusal): void {
    if (run !== this.#run) return
    const { service, log, circuit } = this.#input
    this.#run = undefined
    this.#isOpen = false
    this.#callOffIdle()
    if (run.hasServed) circuit.abandoned()
    else circuit.failed(refusal.detail ?? refusal.code)
    if (!this.#isClosed) log.warn({ service, detail: refusal.detail }, 'an MCP server ended')
    this.#release(refusal)
  }

  /** Those that wait for a child that will not be. */
  #release(refusal: Refusal): void {
    for (const exchange of this.#waiting.splice(0)) exchange.breakOff(refusal)
  }

  /** After a while without work it is ended; the next request starts another. */
  #rest(): void {
    this.#callOffIdle()
    if (this.#run?.isQuiet !== true || this.#waiting.length > 0) return
    this.#callOffIdle = this.#input.clock.after(this.#input.bounds.idleMs, () => this.#endRun(closed))
  }

  /** Its end is no failure of its own. */
  #endRun(refusal: Refusal): void {
    const run = this.#run
    if (run === undefined) return
    if (refusal === closed) {
      this.#run = undefined
      this.#input.circuit.abandoned()
    }
    this.#isOpen = false
    this.#callOffIdle()
    const ending = run.end(refusal)
    this.#ending.add(ending)
    void ending.finally(() => this.#ending.delete(ending))
  }
}
