/** Cuts what is under way when its session ends or its decision's time is up. */
import type { SessionId } from '../../kernel/ids.ts'
import type { Clock, GatewayControl } from '../../control/ports.ts'
import type { Instant } from '../../kernel/instants.ts'
import { Roster } from './roster.ts'

/** Something under way that can be stopped at once. `cut` must be safe to call more than once. */
export interface Cuttable {
  /** Nothing of it may be forwarded from this instant on. */
  readonly endsAt: Instant
  /** Why it ends then. */
  readonly endsFor: string
  /** Stops what its client still gets, and no more than that: `cut` follows in the same tick. */
  stop?(): void
  cut(reason: string): void
}

interface Watch {
  readonly underWay: Roster<Cuttable>
  readonly stopListening: () => void
  /** When the timer goes off; Infinity while none is set. */
  alarmAt: Instant
  callOff: () => void
}

/** The longest a Node timer can run, in milliseconds. */
const timerMax = 2_147_483_647

/**
 * One listener and one timer for each session, kept from its first action to its end: a session that sends many actions one after
 * another pays for neither again.
 */
export class SessionCuts {
  readonly #control: Pick<GatewayControl, 'onEnd'>
  readonly #clock: Clock
  readonly #watches = new Map<SessionId, Watch>()

  constructor(control: Pick<GatewayControl, 'onEnd'>, clock: Clock) {
    this.#control = control
    this.#clock = clock
  }

  /**
   * From here on, the session's end cuts it; answers how to take it out again. Called before the control's `stands` is asked, so that
   * no end falls between the two.
   */
  add(session: SessionId, item: Cuttable): () => void {
    const watch = this.#watches.get(session) ?? this.#watch(session)
    const leave = watch.underWay.add(item)
    if (item.endsAt < watch.alarmAt) this.#setAlarm(session, watch, item.endsAt)
    return leave
  }

  /** Cuts everything and stops listening. */
  close(reason: string): void {
    for (const session of [...this.#watches.keys()]) this.#end(session, reason)
  }

  #watch(session: SessionId): Watch {
    const watch: Watch = {
      underWay: new Roster(),
      stopListening: this.#control.onEnd(session, (reason) => this.#end(session, reason)),
      alarmAt: Number.POSITIVE_INFINITY,
      callOff: () => {},
    }
    this.#watches.set(session, watch)
    return watch
  }

  #setAlarm(session: SessionId, watch: Watch, at: Instant): void {
    watch.callOff()
    watch.alarmAt = at
    const wait = Math.min(Math.max(0, at - this.#clock.now()), timerMax)
    watch.callOff = this.#clock.after(wait, () => this.#alarm(session, watch))
  }

  #alarm(session: SessionId, watch: Watch): void {
    const now = this.#clock.now()
    watch.alarmAt = Number.POSITIVE_INFINITY
    for (const item of watch.underWay) if (item.endsAt <= now) item.cut(item.endsFor)
    const next = Math.min(...[...watch.underWay].map((item) => item.endsAt))
    if (next < Number.POSITIVE_INFINITY) this.#setAlarm(session, watch, next)
    // Nothing under way at what was an end: most likely the session's own. Its next action, if there is one, is watched anew.
    else this.#forget(session, watch)
  }

  #end(session: SessionId, reason: string): void {
    const watch = this.#watches.get(session)
    if (watch === undefined) return
    this.#forget(session, watch)
    // All are silent before the first of them is written down.
    for (const item of watch.underWay) item.stop?.()
    for (const item of watch.underWay) item.cut(reason)
  }

  #forget(session: SessionId, watch: Watch): void {
    this.#watches.delete(session)
    watch.callOff()
    watch.stopListening()
  }
}
