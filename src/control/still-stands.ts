/** Whether a grant would be given again as things are now; those that would not, end. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { mayAsk } from '../decision/ask.ts'
import { chainStands } from '../decision/facts.ts'
import type { Grant } from '../model/grants.ts'
import { isSatisfied, needsPersons } from '../model/requirements.ts'
import { type Desk, machinery } from './desk.ts'
import { endGrant } from './end-grant.ts'
import type { Change, Reading } from './ports.ts'
import { asApprover } from './rights.ts'

/** Everything that was looked at last time; while it is the same, so is every answer. */
const lookedAt = new WeakMap<Desk, { readonly rules: Desk['facts']['rules']; readonly entities: Desk['facts']['entities'] }>()

/**
 * Asks again about every approved and active grant once policies, people, roles, owners or services have changed, and ends those that
 * no longer stand. Costs nothing while nothing changed. Answers how many ended.
 */
export async function reevaluate(desk: Desk): Promise<number> {
  const { rules, entities } = desk.facts
  const last = lookedAt.get(desk)
  if (last !== undefined && last.rules === rules && last.entities === entities) return 0
  const live = [...desk.facts.openGrants()].filter(isGiven)
  const ended = live.length === 0 ? done(0) : await desk.store.change((tx) => endFallen(desk, tx, live))
  if (!ended.ok) return 0
  lookedAt.set(desk, { rules, entities })
  return ended.value
}

async function endFallen(desk: Desk, tx: Change, live: readonly Grant[]): Promise<Result<number>> {
  let count = 0
  for (const { id } of live) {
    const grant = await tx.get('grant', id)
    // Containment is lifted again; what it stops meanwhile is refused action by action, and is not taken away by this.
    if (grant === undefined || !isGiven(grant) || !chainStands(desk.facts, grant.chain).ok) continue
    const stands = await stillGiven(desk, tx, grant)
    if (stands.ok) continue
    const { code, detail = code } = stands.refusal
    const how = grant.state === 'active' ? 'revoked' : 'unclaimed'
    await endGrant(tx, grant, { how, by: machinery, reason: `it would not be given any more: ${detail}` })
    count += 1
  }
  return done(count)
}

/** The permit of an exception stands and falls with that: `exceptions-sweep.ts` asks about it. */
function isGiven(grant: Grant): boolean {
  return grant.exception === undefined && (grant.state === 'approved' || grant.state === 'active')
}

/** Eligible by the rules of now, and approved by as many as they ask for, counting those who said yes and still hold the role. */
export async function stillGiven(desk: Desk, tx: Reading & { readonly now: number }, grant: Grant): Promise<Result<undefined>> {
  const chain = chainStands(desk.facts, grant.chain)
  if (!chain.ok) return chain
  const asked = mayAsk(desk.facts, { chain: chain.value, task: grant.task, scope: grant.scope, duration: grant.duration }, tx.now)
  if (!asked.ok) return asked
  const { requirement } = asked.value
  if (!needsPersons(requirement)) return done(undefined)
  const approvals = await tx.find('approval', { subject: grant.id })
  const persons = approvals.flatMap((each) => {
    const person = desk.facts.identity(each.person)
    return each.decision === 'approve' && person?.state === 'live' ? [asApprover(person)] : []
  })
  return isSatisfied(requirement, persons)
    ? done(undefined)
    : refuse('request.not-eligible', { detail: 'policy asks for other approvals now' })
}
