/** The answer that a policy case wants, held against the one that it got. */
import type { PolicyDifference } from '../cli/house.ts'
import type { Told } from '../control/replay-compare.ts'
import { parseDuration } from '../kernel/instants.ts'
import { isRefusalCode, refusals } from '../kernel/refusals.ts'
import { nearestName } from '../kernel/source-problems.ts'
import { describeObligations, parseObligations } from '../model/obligations.ts'
import { isAtLeastAsStrict, parseSelector } from '../model/selector.ts'
import type { CasePath } from './policy-cases-file.ts'
import type { CaseWant, PolicyCase } from './policy-cases-shape.ts'

const nobody = 'nobody'
const none = 'none'

/** What no answer to such a case could ever have is a mistake in the case, better told than failed. */
export function checkWant(each: PolicyCase, fault: (path: CasePath, message: string, remedy: string) => void): void {
  const { want, act } = each
  const answers: readonly string[] = act === undefined ? ['eligible', 'not-eligible'] : ['allow', 'hold', 'deny']
  if (!answers.includes(want.answer)) {
    const what = act === undefined ? 'a request is' : 'an action is answered'
    fault(['want', 'answer'], `"${want.answer}" is no answer here: ${what} ${answers.join(' or ')}`, `write ${answers.join(' or ')}`)
  }
  if (want.refusal !== undefined && !isRefusalCode(want.refusal)) {
    const near = nearestName(want.refusal, Object.keys(refusals))
    fault(
      ['want', 'refusal'],
      `there is no refusal "${want.refusal}"`,
      near === undefined ? 'docs/reference/refusals.md lists them' : `did you mean "${near}"?`,
    )
  }
  if (want.approval !== undefined && want.approval !== nobody && !parseSelector(want.approval).ok && !isTold(want.approval))
    fault(['want', 'approval'], `"${want.approval}" names nobody`, 'write [N of] role:x | identity:y, or nobody')
  if (want.obligations !== undefined && want.obligations !== none && !parseObligations(want.obligations).ok)
    fault(
      ['want', 'obligations'],
      `"${want.obligations}" is no duty of Remit's`,
      'write it as in @duty, such as record=durable, answer<=1MB, or none',
    )
}

/** `2 persons who may approve, among them role:sre`: as an answer says it where the tier asks for more persons than are named. */
function isTold(approval: string): boolean {
  return /^\d{1,3} persons? who may approve(?:, among them .+)?$/.test(approval)
}

export function differencesOf(want: CaseWant, got: Told): PolicyDifference[] {
  const differences: PolicyDifference[] = []
  const hold = (what: string, wanted: string | undefined, found: string | undefined, isSame = wanted === found) => {
    if (wanted !== undefined && !isSame) differences.push({ what, wanted, got: found ?? none })
  }
  hold('answer', want.answer, got.outcome)
  hold('policies', listed(want.policies), listed(got.policies) ?? '')
  hold('approval', want.approval, got.approval, isSameApproval(want.approval, got.approval))
  hold('refusal', want.refusal, got.refusal)
  hold('duration', want.duration, got.duration, isSameTime(want.duration, got.duration))
  hold('durationMax', want.durationMax, got.durationMax, isSameTime(want.durationMax, got.durationMax))
  hold('obligations', want.obligations, got.obligations, isSameDuty(want.obligations, got.obligations))
  hold('duties', listed(want.duties), listed(got.duties ?? []))
  return differences
}

/** Of several policies the order means nothing. */
function listed(names: readonly string[] | undefined): string | undefined {
  if (names === undefined) return undefined
  return names.length === 0 ? none : names.toSorted().join(', ')
}

function isSameApproval(wanted: string | undefined, got: string | undefined): boolean {
  if (wanted === got || wanted === undefined) return true
  const [left, right] = [parseSelector(wanted), parseSelector(got ?? '')]
  return left.ok && right.ok && isAtLeastAsStrict(left.value, right.value) && isAtLeastAsStrict(right.value, left.value)
}

function isSameTime(wanted: string | undefined, got: string | undefined): boolean {
  if (wanted === undefined || got === undefined) return wanted === got
  const [left, right] = [parseDuration(wanted), parseDuration(got)]
  return left.ok && right.ok && left.value === right.value
}

function isSameDuty(wanted: string | undefined, got: string | undefined): boolean {
  if (wanted === none) return got === undefined
  const read = wanted === undefined ? undefined : parseObligations(wanted)
  return read?.ok === true && describeObligations(read.value) === got
}
