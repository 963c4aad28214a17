/** What could be asked for instead of what was refused: a refusal is a product, and this is its most useful line. */
import type { IdentityId } from '../kernel/ids.ts'
import type { AskHint, Refusal, RefusalCode } from '../kernel/refusals.ts'
import { mayAsk } from '../decision/ask.ts'
import { chainStands } from '../decision/facts.ts'
import { type Action, resourceOf } from '../model/actions.ts'
import type { Task } from '../model/grants.ts'
import type { Desk } from './desk.ts'
import { taskKinds } from './eligible.ts'

const helped: readonly RefusalCode[] = [
  'grant.missing',
  'grant.not-covered',
  'grant.arguments',
  'grant.ended',
  'grant.uses-spent',
  'grant.sum-spent',
  'session.ended',
]

/** Whether another grant would change this refusal. */
export function isHelpedByAsking(code: RefusalCode): boolean {
  return helped.includes(code)
}

/** At most three kinds of task under which this chain could ask for exactly this operation. */
export function askInstead(
  desk: Pick<Desk, 'facts' | 'clock'>,
  chainIds: readonly IdentityId[],
  action: Action,
  refusal: Refusal,
): readonly AskHint[] {
  if (!isHelpedByAsking(refusal.code)) return []
  const chain = chainStands(desk.facts, chainIds)
  if (!chain.ok) return []
  const resource = resourceOf(action)
  const hints: AskHint[] = []
  for (const kind of taskKinds(desk)) {
    const task: Task = { kind, statement: '', claimed: [], proved: [] }
    if (!mayAsk(desk.facts, { chain: chain.value, task, scope: [{ resource }] }, desk.clock.now()).ok) continue
    hints.push({ task: kind, actions: [action.effect], resource, command: `remit request ${resource} --task ${kind} --for "why"` })
    if (hints.length === 3) break
  }
  return hints
}
