/** Asks a server for an answer that must be understood before anything of it is shown: lists, and handshakes on a caller's behalf. */
import type { Clock } from '../../control/ports.ts'
import type { Instant } from '../../kernel/instants.ts'
import { type Refusal, refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Cuttable } from '../shared/session-cuts.ts'
import { type AnswerRoom, type Reading, tooMuchIsRead } from './answer-room.ts'
import { EventSplitter } from './event-stream.ts'
import type { Licence } from './licence.ts'
import type { MessageLimits } from './limits.ts'
import type { McpServer, Message, Outgoing, ServerCall, ServerListener } from './ports.ts'
import { readAnswer } from './read-answers.ts'

export interface CollectPlan {
  readonly licence: Licence
  readonly server: McpServer
  readonly outgoing: Omit<Outgoing, 'mayGo'>
  readonly clock: Pick<Clock, 'now'>
  /** Of the whole answer. */
  readonly limits: MessageLimits
  /** In which it counts while it is read: for whatever callers can ask for. */
  readonly room?: AnswerRoom
}

export interface Collected {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  /** The response to the request; absent where the server answered something else, such as an error of HTTP. */
  readonly response?: Message
}

/** One whole answer. Resolves as soon as the response is there, also where the server leaves the stream open. */
export class Collecting implements Cuttable, ServerListener {
  readonly endsAt: Instant
  readonly endsFor: string
  readonly answered: Promise<Result<Collected>>
  readonly #plan: CollectPlan
  readonly #resolve: (answer: Result<Collected>) => void
  readonly #events: EventSplitter
  readonly #reading: Reading | undefined
  #leave: () => void = () => {}
  #call: ServerCall | undefined
  #head: Parameters<ServerListener['onHead']>[0] | undefined
  #pieces: Uint8Array[] = []
  #bytes = 0
  #isOver = false

  constructor(plan: CollectPlan) {
    const { promise, resolve } = Promise.withResolvers<Result<Collected>>()
    this.#plan = plan
    this.endsAt = plan.licence.endsAt
    this.endsFor = plan.licence.endsFor
    this.answered = promise
    this.#resolve = resolve
    this.#events = new EventSplitter(plan.limits.messageBytesMax)
    this.#reading = plan.room?.begin(() => this.#end(tooMuchIsRead))
  }

  start(): this {
    const { licence, server, outgoing } = this.#plan
    this.#leave = licence.watch(this)
    const call = server.send({ ...outgoing, mayGo: () => licence.mayGo() }, this)
    if (this.#isOver) call.abort()
    else this.#call = call
    return this
  }

  cut(reason: string): void {
    this.#end(refuse('session.ended', { detail: reason }))
  }

  onHead(head: Parameters<ServerListener['onHead']>[0]): void {
    this.#head = head
  }

  onData(bytes: Uint8Array): void {
    if (this.#isOver) return
    this.#bytes += bytes.byteLength
    if (this.#bytes > this.#plan.limits.messageBytesMax) {
      this.#malformed('its answer is too long to be filtered')
      return
    }
    this.#reading?.grow(bytes.byteLength)
    if (this.#isOver) return
    if (this.#head?.form !== 'events') {
      this.#pieces.push(bytes)
      return
    }
    for (const { data } of this.#events.push(bytes) ?? []) if (data !== undefined) this.#hear(Buffer.from(data))
  }

  onEnd(): void {
    if (this.#isOver) return
    const head = this.#head
    if (head?.form === 'json') {
      this.#hear(this.#pieces.length === 1 && this.#pieces[0] !== undefined ? this.#pieces[0] : Buffer.concat(this.#pieces))
      if (!this.#isOver) this.#malformed('its answer is not the response to what was asked')
      return
    }
    if (head?.form === 'events') this.#malformed('its stream ended without a response')
    else this.#end(done({ status: head?.status ?? 0, headers: head?.headers ?? [] }))
  }

  onBroken(refusal: Refusal): void {
    this.#end({ ok: false, refusal })
  }

  #hear(bytes: Uint8Array): void {
    if (this.#isOver) return
    const read = readAnswer(this.#plan.server, bytes, this.#plan.limits)
    if (!read.ok) {
      this.#malformed(`its answer cannot be read: ${read.refusal.detail ?? read.refusal.code}`)
      return
    }
    // One request to an answer, so that whatever response is in it is the one; its id may be written in another way.
    if (read.value.kind === 'response' && this.#head !== undefined)
      this.#end(done({ status: this.#head.status, headers: this.#head.headers, response: read.value }))
  }

  #malformed(detail: string): void {
    this.#end(refuse('upstream.malformed', { detail }))
  }

  #end(answer: Result<Collected>): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#pieces = []
    this.#reading?.over()
    this.#leave()
    this.#call?.abort()
    this.#resolve(answer)
  }
}

export function collect(plan: CollectPlan): Promise<Result<Collected>> {
  return new Collecting(plan).start().answered
}
