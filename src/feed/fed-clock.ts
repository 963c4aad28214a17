/** A gateway's clock: never below what control said last and the time since, so that nothing ends later here than at control. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { Clock } from '../control/ports.ts'

/** As `Clock`, and told of control's. */
export interface FedClock extends Clock {
  /** Control's time, as it came in now. */
  heard(now: Instant): void
}

/** Over a clock of the machine and a monotonic one. */
export function fedClock(clock: Clock, monotonic: () => Milliseconds): FedClock {
  let newest = 0
  let said = 0
  let mark = monotonic()
  const byControl = (): Instant => {
    const reading = monotonic()
    if (said > 0) said += Math.max(0, reading - mark)
    mark = reading
    return Math.floor(said)
  }
  const now = (): Instant => {
    newest = Math.max(newest, byControl(), clock.now())
    return newest
  }
  return {
    now,
    after: (milliseconds, work) => clock.after(milliseconds, work),
    ...(clock.turn === undefined ? {} : { turn: () => clock.turn?.() ?? Promise.resolve() }),
    heard(at) {
      said = Math.max(at, byControl())
    },
  }
}
