/** What goes on after a call's outcome is on record: a grant whose last use it was is not used up before its answer was fetched. */
import type { Gate } from './gate.ts'
import { isExhausted } from './home.ts'
import type { Decision } from './ports.ts'

/** Answers how to say that it is over, which may be said more than once. Whatever else ends a grant ends it all the same. */
export function goesOn(gate: Pick<Gate, 'activity' | 'clock' | 'facts' | 'home'>, { grant: id }: Pick<Decision, 'grant'>): () => void {
  const { activity, clock, facts, home } = gate
  let isOver = false
  activity.begin(id, clock.now())
  return () => {
    if (isOver) return
    isOver = true
    activity.end(id, clock.now())
    const grant = facts.grant(id)
    if (grant !== undefined && isExhausted(gate, grant)) void home.exhausted(id)
  }
}
