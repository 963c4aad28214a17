/** Applications that bring their own policies, for whoever may know of them. */
import { type Application, isCallerOf } from '../model/applications.ts'
import type { Caller, Desk } from './desk.ts'
import { callerMay } from './rights.ts'

/** In order of their names: all of them for whoever audits or administers, and for others those that they may ask. */
export function visibleApplications(desk: Desk, caller: Caller): readonly Application[] {
  const maySeeAll = callerMay(desk, caller, 'audit').ok || callerMay(desk, caller, 'administer').ok
  return desk.facts.applications
    .all()
    .filter((application) => maySeeAll || caller.chain.every((link) => isCallerOf(application, link)))
    .toSorted((left, right) => (left.id < right.id ? -1 : 1))
}
