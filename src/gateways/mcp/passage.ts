/** One message on its way: to a server, back to the client as the answer comes, and to its recorded outcome. */
import { hash } from 'node:crypto'
import { workOn } from '../../control/late-hash.ts'
import type { Clock, Outcome } from '../../control/ports.ts'
import type { Instant } from '../../kernel/instants.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { letGo } from '../shared/read-memory.ts'
import type { Cuttable } from '../shared/session-cuts.ts'
import { answerHeaders } from './answer-headers.ts'
import type { ClientAnswer } from './client-answer.ts'
import { Leak } from './leak.ts'
import { dutyReason, isDutyReason, type Licence } from './licence.ts'
import { MessageHash } from './message-hash.ts'
import type { McpServer, Outgoing, ServerCall, ServerListener } from './ports.ts'

/** Sees what passes, in order, without changing or delaying it. */
export interface Tap {
  /** `length`: of the answer in bytes, as its server says; 0 where it does not. */
  onHead?(form: 'json' | 'events' | 'other', length?: number): void
  onData(bytes: Uint8Array): void
  /** False where nothing that was told is held on to, now and later: its memory may then be read into again. */
  readonly keeps?: boolean
  /** Why the last piece, and what comes after it, may not reach the client: its server may not say that. */
  flaw?(): string | undefined
  /** The answer is over; `isWhole` where all of it passed. Answers what it says of itself, where that is not that it was done. */
  onOver(isWhole: boolean): Outcome['says']
}

/** Where an answer goes: to a client's connection, or to whoever keeps it. */
export type PassageAnswer = Pick<ClientAnswer, 'isAnswered' | 'head' | 'write' | 'end' | 'abort'> &
  // Whoever keeps an answer is behind with all of it.
  Partial<Pick<ClientAnswer, 'isBehind'>>

export interface PassagePlan {
  readonly licence: Licence
  readonly server: McpServer
  readonly outgoing: Omit<Outgoing, 'mayGo'>
  readonly answer: PassageAnswer
  readonly clock: Pick<Clock, 'now' | 'turn'>
  /** What authenticates the gateway to the server, and must not come back. */
  readonly secret: string | undefined
  /** Whether this `Mcp-Session-Id` of the server's reaches the client. */
  readonly session: (id: string) => boolean
  /** Answers the client with a refusal; only while nothing was answered yet. */
  readonly refuse: (refusal: Refusal) => void
  readonly tap?: Tap | undefined
  /** Nobody looks into the bytes of the message once it was answered: not for a hold, and not for a task. */
  readonly isMessageOurs?: boolean
  /** Called once, when the outcome is recorded. */
  readonly onOver: () => void
}

/** Less than this is hashed in less time than it takes to put it off. */
const lateBytesMin = 65_536

/** Sent at most once. What the client has not taken stops the server; nothing is kept of what passes. */
export class Passage implements Cuttable, ServerListener {
  readonly endsAt: Instant
  readonly endsFor: string
  readonly #plan: PassagePlan
  readonly #startedAt: Instant
  readonly #leak: Leak | undefined
  /** `waiting`: not a byte was sent. `sent`: no answer yet. */
  #state: 'waiting' | 'sent' | 'answering' | 'over' = 'waiting'
  #call: ServerCall | undefined
  #leave: () => void = () => {}
  /** Of a large message: made while its server is at work on it. */
  #hash: MessageHash | undefined
  #responseBytes = 0
  #isStopped = false
  #status: number | undefined

  constructor(plan: PassagePlan) {
    const { licence, clock, secret } = plan
    this.#plan = plan
    this.endsAt = licence.endsAt
    this.endsFor = licence.endsFor
    this.#startedAt = clock.now()
    this.#leak = secret === undefined ? undefined : new Leak(secret)
  }

  start(): void {
    const { licence, server, outgoing } = this.#plan
    // Listening starts before the last look, so that no end can fall between the two.
    this.#leave = licence.watch(this)
    const call = server.send({ ...outgoing, mayGo: () => this.#mayGo() }, this)
    if (this.#isOver) call.abort()
    else this.#call = call
  }

  stop(): void {
    const { answer } = this.#plan
    if (this.#isOver || !answer.isAnswered) return
    // Its client is gone by this, and has not left.
    this.#isStopped = true
    answer.abort()
  }

  /** Ends it now, on both sides, whatever it is doing. */
  cut(reason: string): void {
    if (this.#isOver) return
    const { answer, licence } = this.#plan
    const unsent = this.#state === 'waiting'
    this.#over({ result: unsent ? 'not-sent' : 'cut', reason })
    this.#call?.abort()
    const detail = unsent ? reason : `${reason}; it was cut while under way, and its outcome is not known`
    if (answer.isAnswered) answer.abort()
    else if (isDutyReason(reason)) this.#plan.refuse({ code: 'action.cut', detail, policies: licence.duties })
    else this.#plan.refuse({ code: 'session.ended', detail })
  }

  /** Ends it after a fault of our own, which leaves its outcome unknown. */
  fail(): void {
    this.#fail({ code: 'internal' })
  }

  clientClosed(finished: boolean): void {
    if (this.#isOver || this.#isStopped) return
    if (finished) {
      this.#over({ result: 'answered' })
      return
    }
    // An answer that had begun is an answer; before that, nobody knows what the server did.
    const result = this.#state === 'waiting' ? 'not-sent' : this.#state === 'answering' ? 'answered' : 'unknown'
    this.#over({ result, reason: 'the client left' })
    this.#call?.abort()
  }

  clientDrained(): void {
    if (this.#state === 'answering') this.#call?.resume()
  }

  onHead({ status, headers, form }: Parameters<ServerListener['onHead']>[0]): void {
    if (this.#state !== 'sent' || !this.#goesOn()) return
    const { answer, secret, session, tap } = this.#plan
    const passing = answerHeaders(headers, secret, session)
    const length = Number(headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1] ?? 0)
    if (passing === undefined) {
      this.#fail({ code: 'upstream.malformed', detail: 'its headers cannot be passed on' })
      return
    }
    if (!this.#passes(length)) return
    this.#state = 'answering'
    this.#status = status
    tap?.onHead?.(form, length)
    answer.head(status, passing, form === 'events')
  }

  onData(bytes: Uint8Array): void {
    if (this.#state !== 'answering' || !this.#goesOn() || !this.#passes(this.#responseBytes + bytes.byteLength)) return
    if (this.#leak?.shows(bytes) === true) {
      this.cut('the answer shows the credential of the service')
      return
    }
    this.#responseBytes += bytes.byteLength
    const { tap, answer } = this.#plan
    tap?.onData(bytes)
    const flaw = tap?.flaw?.()
    if (flaw !== undefined) {
      this.#fail({ code: 'upstream.malformed', detail: flaw })
      return
    }
    if (!answer.write(bytes)) this.#call?.pause()
    if (answer.isBehind === false && (tap === undefined || tap.keeps === false)) this.#call?.freed?.()
  }

  onEnd(): void {
    if (this.#state === 'answering' && this.#goesOn()) this.#plan.answer.end()
  }

  onBroken(refusal: Refusal): void {
    this.#fail(refusal)
  }

  get #isOver(): boolean {
    return this.#state === 'over'
  }

  /** The first byte goes out in this very tick, or never. */
  #mayGo(): Result<undefined> {
    const { licence, clock } = this.#plan
    const may = licence.mayGo()
    if (!may.ok) return may
    if (clock.now() >= this.endsAt) return { ok: false, refusal: { code: 'grant.ended' } }
    this.#state = 'sent'
    this.#hashLate()
    return done(undefined)
  }

  #hashLate(): void {
    const { outgoing, clock } = this.#plan
    if (outgoing.message.bytes.byteLength < lateBytesMin) return
    this.#hash = new MessageHash(outgoing.message)
    workOn(this.#hash, clock)
  }

  /** Timers may be late when the loop is busy or the machine slept: each piece looks for itself. */
  #goesOn(): boolean {
    const { clock, licence } = this.#plan
    const reason = clock.now() < this.endsAt ? licence.stopReason() : this.endsFor
    if (reason !== undefined) this.cut(reason)
    return reason === undefined
  }

  /** Whether so many bytes of an answer may reach the client; where they may not, none of the last piece does. */
  #passes(bytes: number): boolean {
    const { answerBytesMax } = this.#plan.licence.obligations
    if (answerBytesMax === undefined || bytes <= answerBytesMax) return true
    this.cut(dutyReason({ answerBytesMax }))
    return false
  }

  #fail(refusal: Refusal): void {
    if (this.#isOver) return
    const { answer } = this.#plan
    const result = this.#state === 'waiting' ? 'not-sent' : this.#state === 'answering' ? 'failed' : 'unknown'
    this.#over({ result, reason: refusal.detail === undefined ? refusal.code : `${refusal.code}: ${refusal.detail}` })
    this.#call?.abort()
    if (answer.isAnswered) answer.abort()
    else this.#plan.refuse(refusal)
  }

  #over(outcome: Pick<Outcome, 'result' | 'reason'>): void {
    const { licence, outgoing, clock, tap, onOver } = this.#plan
    const { bytes } = outgoing.message
    const wasSent = this.#state !== 'waiting'
    this.#state = 'over'
    this.#leave()
    const says = tap?.onOver(outcome.result === 'answered' && outcome.reason === undefined)
    licence.finish({
      result: outcome.result,
      reason: outcome.reason,
      ...(says === undefined ? {} : { says }),
      requestBytes: wasSent ? bytes.byteLength : 0,
      responseBytes: this.#responseBytes,
      milliseconds: clock.now() - this.#startedAt,
      status: this.#status,
      bodySha256: wasSent ? (this.#hash ?? hash('sha256', bytes)) : undefined,
    })
    if (outcome.result === 'answered' && outcome.reason === undefined) this.#letGo()
    onOver()
  }

  /** The next long message is then put together in memory that is in use, and not in some that was never touched. */
  #letGo(): void {
    const { isMessageOurs, outgoing } = this.#plan
    if (isMessageOurs === true && this.#call?.isTaken?.() === true && this.#hash?.isMade !== false) letGo(outgoing.message.bytes)
  }
}
