/** What lets a message pass: a decision on an action, or, for what is no action, that its sender is still heard here. */
import type { Bearer, Clock, Decision, GatewayControl, Outcome } from '../../control/ports.ts'
import type { Instant } from '../../kernel/instants.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { describeObligations, noObligations, type Obligations } from '../../model/obligations.ts'
import type { Cuttable, SessionCuts } from '../shared/session-cuts.ts'
import { AnswerRoom } from './answer-room.ts'

export interface Licence {
  /** Nothing may pass from this instant on … */
  readonly endsAt: Instant
  /** … and why. */
  readonly endsFor: string
  readonly obligations: Obligations
  readonly duties: readonly string[]
  /** The record of the decision, where there is one. */
  readonly decision?: string
  /** Asked in the tick that sends the first byte. */
  mayGo(): Result<undefined>
  /** Asked with every piece that follows. */
  stopReason(): string | undefined
  /** From here on its end cuts the item, in the same tick. Answers how to take it out again. */
  watch(item: Cuttable): () => void
  /** Exactly once. */
  finish(outcome: Outcome): void
}

const dutyWords = 'a duty demands '

/** Why something is cut for a duty: words that nothing else is cut for. */
export function dutyReason(obligations: Obligations): string {
  return `${dutyWords}${describeObligations(obligations)}`
}

export function isDutyReason(reason: string): boolean {
  return reason.startsWith(dutyWords)
}

/** For what the gateway itself has to say to a server when a caller may say nothing more. */
export function ownLicence(endsAt: Instant): Licence {
  return {
    endsAt,
    endsFor: 'it did not answer',
    obligations: noObligations,
    duties: [],
    mayGo: () => done(undefined),
    stopReason: () => undefined,
    watch: () => () => {},
    finish: () => {},
  }
}

/** Of an allowed action. */
export function actionLicence(
  { control, cuts, clock }: { readonly control: GatewayControl; readonly cuts: SessionCuts; readonly clock: Pick<Clock, 'now'> },
  decision: Decision,
): Licence {
  const { millisecondsMax } = decision.obligations
  const dutyEnd = millisecondsMax === undefined ? Number.POSITIVE_INFINITY : clock.now() + millisecondsMax
  const isDutySooner = millisecondsMax !== undefined && dutyEnd < decision.endsAt
  return {
    endsAt: Math.min(decision.endsAt, dutyEnd),
    endsFor: isDutySooner ? dutyReason({ millisecondsMax }) : 'the grant has ended',
    obligations: decision.obligations,
    duties: decision.duties,
    decision: decision.id,
    mayGo: () => control.stands(decision),
    stopReason: () => control.stopReason(decision),
    watch: (item) => cuts.add(decision.session, item),
    finish: (outcome) => control.finish(decision, outcome),
  }
}

/** Callers who are heard without acting, and what of theirs is under way: looked at when something changed, and now and then. */
export class Attendants {
  /** Of what is read whole for them. */
  readonly room = new AnswerRoom()
  readonly #control: GatewayControl
  readonly #clock: Pick<Clock, 'now'>
  readonly #items = new Map<Cuttable, () => string | undefined>()
  readonly #stop: () => void

  constructor(control: GatewayControl, clock: Pick<Clock, 'now'>) {
    this.#control = control
    this.#clock = clock
    this.#stop = control.onAttendance(() => this.look())
  }

  /** `isStream`: it goes on for as long as a live grant reaches into one of the services, and not without one. */
  licence(bearer: Bearer, services: readonly string[], isStream: boolean): Result<Licence> {
    const attends = this.#attends(bearer, services, isStream)
    if (!attends.ok) return attends
    const why = () => {
      const still = this.#attends(bearer, services, isStream)
      return still.ok ? undefined : still.refusal.code
    }
    const { expiresAt } = bearer.claims
    return done({
      endsAt: isStream ? Math.min(attends.value, expiresAt) : expiresAt,
      endsFor: 'the grant has ended',
      obligations: noObligations,
      duties: [],
      mayGo: () => {
        const still = this.#attends(bearer, services, isStream)
        return still.ok ? done(undefined) : still
      },
      stopReason: () => undefined,
      watch: (item) => {
        this.#items.set(item, why)
        return () => this.#items.delete(item)
      },
      finish: () => {},
    })
  }

  /** Cuts what may not go on: its time is over, or its sender is not heard any more. */
  look(): void {
    const now = this.#clock.now()
    for (const [item, why] of this.#items) {
      const reason = now < item.endsAt ? why() : item.endsFor
      if (reason !== undefined) item.cut(reason)
    }
  }

  close(reason: string): void {
    this.#stop()
    for (const item of this.#items.keys()) item.cut(reason)
  }

  #attends(bearer: Bearer, services: readonly string[], isStream: boolean): Result<Instant> {
    const attends = this.#control.attends(bearer, services)
    if (!attends.ok || !isStream || attends.value > this.#clock.now()) return attends
    return refuse('grant.missing', { detail: 'a stream is for as long as a grant lives' })
  }
}
