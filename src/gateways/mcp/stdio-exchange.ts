/** One exchange with a server that several clients share: what was asked, how long that may take, and what goes back to its client alone. */
import type { Instant } from '../../kernel/instants.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import type { Outgoing, ServerListener } from './ports.ts'
import type { Scanned } from './stdio-scan.ts'

const sliceBytes = 65_536
const eventHead = Buffer.from('event: message\ndata: ')
const eventEnd = Buffer.from('\n\n')

const contentOf = {
  json: [['Content-Type', 'application/json']],
  events: [
    ['Content-Type', 'text/event-stream'],
    ['Cache-Control', 'no-store'],
  ],
} as const

/** Bytes of the exchanges of one server that their clients have not taken. */
export interface WaitingRoom {
  bytes: number
}

export class Exchange {
  readonly outgoing: Outgoing
  readonly scanned: Scanned
  readonly begunAt: Instant
  readonly takesEvents: boolean
  /** Of the last sign of life. */
  heardAt: Instant
  /** The id it goes by at the server; none before it was sent. */
  id: number | undefined
  /** A line that was no message came while it waited. */
  hasSeenStray = false
  /** Of the answer's head. */
  headers: readonly (readonly [string, string])[] = []
  /** Called once, when nothing more is expected of it. */
  onOver: () => void = () => undefined
  readonly #listener: ServerListener
  readonly #room: WaitingRoom
  #form: 'json' | 'events' | undefined
  #isPaused = false
  #isEnded = false
  #isOver = false
  #queue: Buffer[] = []

  constructor({ outgoing, scanned }: { outgoing: Outgoing; scanned: Scanned }, listener: ServerListener, room: WaitingRoom, now: Instant) {
    this.outgoing = outgoing
    this.scanned = scanned
    this.#listener = listener
    this.#room = room
    this.begunAt = now
    this.heardAt = now
    const accept = outgoing.headers.find(([name]) => name === 'accept')?.[1] ?? 'text/event-stream'
    this.takesEvents = /text\/event-stream|text\/\*|\*\/\*/i.test(accept)
  }

  get isOver(): boolean {
    return this.#isOver || this.#isEnded
  }

  /** The id as the client wrote it. */
  get clientId(): string {
    return this.scanned.spans.get('id')?.text ?? 'null'
  }

  get method(): string {
    return this.outgoing.message.method ?? ''
  }

  /** A notification on the way to the answer. Dropped for a client that takes no events. */
  notify(bytes: Buffer): void {
    if (this.isOver || !this.takesEvents) return
    this.#open('events')
    this.#give(Buffer.concat([eventHead, bytes, eventEnd]))
  }

  /** The answer, which is the end. */
  answer(bytes: Buffer): void {
    if (this.isOver) return
    // Its length is known: what is longer than a duty allows is refused whole, and not broken off.
    this.#open(this.#form ?? 'json', bytes.length)
    if (this.#form === 'json') this.#give(bytes)
    else for (const part of [eventHead, bytes, eventEnd]) this.#give(part)
    this.end()
  }

  /** Nothing more comes: what waits is still given. */
  end(): void {
    if (this.isOver) return
    this.#open('events')
    this.#isEnded = true
    this.onOver()
    this.#flush()
  }

  /** A stream that may stay silent. */
  openStream(): void {
    this.#open('events')
  }

  /** Whatever waits is dropped. */
  breakOff(refusal: Refusal): void {
    if (this.#isOver) return
    this.drop()
    this.#listener.onBroken(refusal)
  }

  /** The client left: it hears nothing more. */
  drop(): void {
    if (!this.isOver) this.onOver()
    this.#isOver = true
    for (const each of this.#queue) this.#room.bytes -= each.length
    this.#queue = []
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#flush()
  }

  #open(form: 'json' | 'events', length?: number): void {
    if (this.#form !== undefined) return
    this.#form = form
    const lengths = length === undefined ? [] : [['Content-Length', `${length}`] as const]
    this.#listener.onHead({ status: 200, headers: [...contentOf[form], ...lengths, ...this.headers], form })
  }

  #give(bytes: Buffer): void {
    for (let from = 0; from < bytes.length; from += sliceBytes) {
      const slice = bytes.subarray(from, from + sliceBytes)
      this.#queue.push(slice)
      this.#room.bytes += slice.length
    }
    this.#flush()
  }

  #flush(): void {
    while (!this.#isPaused && !this.#isOver) {
      const next = this.#queue.shift()
      if (next === undefined) break
      this.#room.bytes -= next.length
      this.#listener.onData(next)
    }
    if (this.#isOver || !this.#isEnded || this.#queue.length > 0) return
    this.#isOver = true
    this.#listener.onEnd()
  }
}
