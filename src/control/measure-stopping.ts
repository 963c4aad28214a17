/** Who may have stopping measured, and see its figures. */
import { done, type Result } from '../kernel/result.ts'
import type { Caller, Desk } from './desk.ts'
import type { Drilled, DrillFigures } from './drills.ts'
import { callerMay } from './rights.ts'

/** For whoever audits or operates. It stops nothing. */
export async function drill(
  desk: Desk,
  caller: Caller,
): Promise<Result<{ readonly drilled: readonly Drilled[]; readonly figures: readonly DrillFigures[] }>> {
  const audits = callerMay(desk, caller, 'audit')
  if (!audits.ok && !callerMay(desk, caller, 'operate').ok) return audits
  const drilled = await desk.stopping.drill()
  return done({ drilled, figures: desk.stopping.drillFigures() })
}

/** For whoever audits. */
export function mayWatch(desk: Desk, caller: Caller): Result<undefined> {
  const audits = callerMay(desk, caller, 'audit')
  return audits.ok ? done(undefined) : audits
}
