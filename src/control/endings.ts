/** Who wants to hear of the end of which session, and the end of all of them when control is lost. */
import type { SessionId } from '../kernel/ids.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { Home } from './home-port.ts'

/** How long what is under way may go on without control: DESIGN's lease. New actions are refused from the first moment. */
export const leaseMs: Milliseconds = 5_000

export class Endings {
  readonly #cuts = new Map<SessionId, Set<(reason: string) => void>>()
  #lostAt: Instant | undefined

  /** Answers how to stop listening. */
  listen(session: SessionId, cut: (reason: string) => void): () => void {
    const ofSession = this.#cuts.get(session) ?? new Set()
    this.#cuts.set(session, ofSession)
    ofSession.add(cut)
    return () => {
      ofSession.delete(cut)
      if (ofSession.size === 0 && this.#cuts.get(session) === ofSession) this.#cuts.delete(session)
    }
  }

  /** Calls whoever listens, once. All of them, whatever one of them throws: that is thrown once the others were called. */
  tell(session: SessionId, reason: string): void {
    const ofSession = this.#cuts.get(session)
    this.#cuts.delete(session)
    const faults: unknown[] = []
    for (const cut of ofSession ?? []) {
      try {
        cut(reason)
      } catch (fault) {
        faults.push(fault)
      }
    }
    if (faults.length > 0) throw new AggregateError(faults, `a stream of ${session} could not be cut`)
  }

  /** Calls whoever listens to any session. */
  tellAll(reason: string): void {
    const faults: unknown[] = []
    for (const session of [...this.#cuts.keys()]) {
      try {
        this.tell(session, reason)
      } catch (fault) {
        faults.push(fault)
      }
    }
    if (faults.length > 0) throw new AggregateError(faults, 'some streams could not be cut')
  }

  /** Cuts everything once control has not been held for a lease: another may have ended it meanwhile. To be asked several times in a lease. */
  cutWhenLost(home: Pick<Home, 'isHeld'>, now: Instant): void {
    this.#lostAt = home.isHeld() ? undefined : (this.#lostAt ?? now)
    if (this.#lostAt === undefined || now - this.#lostAt < leaseMs) return
    this.tellAll('control was lost')
  }
}
