/** One call that goes to its server while nobody waits for it at a socket: its whole answer is kept for whoever asks for it later. */
import type { Decision, Outcome, Verdict } from '../../control/ports.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import type { Instant } from '../../kernel/instants.ts'
import { nameAction } from './actions.ts'
import type { Asked } from './asked.ts'
import type { Headers } from './client-answer.ts'
import { type CallWay, decideCall } from './deciding.ts'
import type { Door } from './door.ts'
import { EventSplitter } from './event-stream.ts'
import type { Told } from './exchange.ts'
import { readMessage } from './json-rpc.ts'
import { actionLicence, isDutyReason, type Licence } from './licence.ts'
import type { MessageLimits } from './limits.ts'
import { Passage, type PassageAnswer } from './passage.ts'
import type { Message } from './ports.ts'
import { holderOf } from './ways.ts'

export type Ran =
  | { readonly kind: 'held'; readonly held: Extract<Verdict, { outcome: 'held' }> }
  /** `fetched`: to be called when its client has heard of it, or never will. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly told: Told; readonly fetched?: () => void }
  | {
      readonly kind: 'answered'
      readonly response: Message
      readonly decision: Decision
      readonly endsAt: Instant
      readonly fetched: () => void
    }

/** Decided as any other call; it ends with its session, or when it is cut. */
export class TaskRun {
  readonly over: Promise<Ran>
  #passage: Passage | undefined
  #isCut = false

  /** `asked`: in its client's words, with the bearer who asks for it now. */
  constructor(door: Door, asked: Asked) {
    this.over = this.#run(door, asked)
  }

  cut(reason: string): void {
    this.#isCut = true
    this.#passage?.cut(reason)
  }

  async #run(door: Door, asked: Asked): Promise<Ran> {
    const named = nameAction(asked.offer, asked.envelope.era, asked.message)
    if (!named.ok) return recorded(door, asked, named.refusal)
    if (named.value.kind !== 'action') throw new Error('only an action is held')
    const decided = await decideCall(door, asked, named.value, named.value.message)
    if (!decided.ok) return recorded(door, asked, decided.refusal)
    const { verdict, way } = decided.value
    switch (verdict.outcome) {
      case 'allow':
        return this.#forward(door, asked, { decision: verdict.decision, way })
      case 'held':
        return { kind: 'held', held: verdict }
      case 'deny':
        return { kind: 'refused', refusal: verdict.refusal, told: { decision: verdict.decision } }
      case 'needs-material':
        return recorded(door, asked, { code: 'hold.too-large' })
    }
  }

  async #forward(door: Door, asked: Asked, { decision, way }: { readonly decision: Decision; readonly way: CallWay }): Promise<Ran> {
    const { control, clock, limits, secretOf } = door
    const told = { decision: decision.id }
    if (this.#isCut) {
      control.finish(decision, {
        result: 'not-sent',
        requestBytes: 0,
        responseBytes: 0,
        milliseconds: 0,
        reason: 'its client cancelled it',
      })
      return { kind: 'refused', refusal: { code: 'hold.over', detail: 'its client cancelled it' }, told }
    }
    const fetched = control.goesOn(decision)
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const licence = noting(actionLicence(door, decision), resolve)
    const tap = door.serverTasks.listen(door, asked, { licence, decision, way })
    const kept = new KeptAnswer(limits, {
      onEnd: () => passage.clientClosed(true),
      onTooLarge: () => passage.cut('the answer is too large to be kept'),
    })
    const passage = new Passage({
      licence,
      server: way.member.server,
      outgoing: { ...way.outgoing, ...holderOf(door, asked.bearer, way.member.service) },
      answer: kept,
      clock,
      secret: secretOf(way.member.service),
      session: () => false,
      refuse: (refusal) => kept.refuse(refusal),
      tap,
      onOver: () => {},
    })
    this.#passage = passage
    passage.start()
    const outcome = await promise
    // Whoever is cut is told why after its outcome is on record, in the same tick.
    const said = kept.said(outcome)
    return said.ok
      ? { kind: 'answered', response: said.response, decision, endsAt: licence.endsAt, fetched }
      : { kind: 'refused', refusal: said.refusal, told, fetched }
  }
}

function recorded({ name, refusals }: Door, { bearer, message }: Asked, refusal: Refusal): Ran {
  const target = `POST ${message.method ?? ''}`
  const said = refusals.refused({ service: name, address: bearer.address, target, refusal, bearer })
  return { kind: 'refused', refusal: said.refusal, told: said.more }
}

function noting(licence: Licence, over: (outcome: Outcome) => void): Licence {
  return {
    ...licence,
    finish: (outcome) => {
      licence.finish(outcome)
      over(outcome)
    },
  }
}

type Said = { readonly ok: true; readonly response: Message } | { readonly ok: false; readonly refusal: Refusal }

/** Stands where a client's connection would. */
class KeptAnswer implements PassageAnswer {
  readonly #limits: MessageLimits
  readonly #hears: { readonly onEnd: () => void; readonly onTooLarge: () => void }
  #events: EventSplitter | undefined
  #pieces: Uint8Array[] = []
  #bytes = 0
  #isAnswered = false
  #response: Message | undefined
  #refusal: Refusal | undefined

  constructor(limits: MessageLimits, hears: { readonly onEnd: () => void; readonly onTooLarge: () => void }) {
    this.#limits = limits
    this.#hears = hears
  }

  get isAnswered(): boolean {
    return this.#isAnswered
  }

  head(_status: number, headers: Headers): void {
    const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? ''
    if (/^text\/event-stream/i.test(type)) this.#events = new EventSplitter(this.#limits.messageBytesMax)
    this.#isAnswered = true
  }

  write(bytes: Uint8Array): boolean {
    this.#bytes += bytes.byteLength
    const events = this.#events?.push(bytes)
    for (const { data } of events ?? []) if (data !== undefined) this.#hear(Buffer.from(data))
    if (this.#events === undefined) this.#pieces.push(bytes)
    const isTooLarge = this.#events === undefined ? this.#bytes > this.#limits.messageBytesMax : events === undefined
    if (isTooLarge) {
      this.#pieces = []
      this.#refusal ??= { code: 'hold.answer-too-large', detail: `at most ${this.#limits.messageBytesMax} bytes` }
      // Not from within the piece that is being passed.
      queueMicrotask(() => this.#hears.onTooLarge())
    }
    return true
  }

  end(): void {
    if (this.#events === undefined && this.#bytes > 0) this.#hear(Buffer.concat(this.#pieces))
    this.#pieces = []
    this.#hears.onEnd()
  }

  abort(): void {
    this.#pieces = []
  }

  refuse(refusal: Refusal): void {
    this.#refusal ??= refusal
  }

  said({ result, reason }: Outcome): Said {
    const response = this.#response
    if (response !== undefined && result === 'answered') return { ok: true, response }
    if (this.#refusal !== undefined) return { ok: false, refusal: this.#refusal }
    if (result !== 'cut')
      return { ok: false, refusal: { code: 'upstream.malformed', detail: 'its answer is not the response to what was asked' } }
    const why = `${reason ?? 'it was cut'}; its outcome is not known`
    return { ok: false, refusal: { code: reason !== undefined && isDutyReason(reason) ? 'action.cut' : 'session.ended', detail: why } }
  }

  #hear(bytes: Uint8Array): void {
    const read = readMessage(bytes, this.#limits)
    if (read.ok && read.value.kind === 'response') this.#response ??= read.value
  }
}
