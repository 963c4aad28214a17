/** Two answers to one question, under the policies in force and under the candidate: who gains and who loses by the difference. */
import type { Answer } from '../decision/decide.ts'
import type { Eligible } from '../decision/ask.ts'
import { formatDuration } from '../kernel/instants.ts'
import type { Result } from '../kernel/result.ts'
import { isAtLeastAsDutiful, describeObligations, type Obligations } from '../model/obligations.ts'
import type { Requirement } from '../model/requirements.ts'
import { isAtLeastAsStrict } from '../model/selector.ts'
import { describeRequirement } from './rights.ts'

/** `differs` where it is more in one way and less in another, or where nobody can say in general. */
export type Verdict = 'gains' | 'loses' | 'differs'

/** One answer, as it is shown. */
export interface Told {
  readonly outcome: 'allow' | 'hold' | 'deny' | 'eligible' | 'not-eligible'
  /** In words, the policies' ids included. */
  readonly says: string
  /** Policies that refuse, hold or, for a request, let ask. */
  readonly policies: readonly string[]
  /** Who must approve: of a hold, and of a request. */
  readonly approval?: string
  /** What a request gets that names no time, and the most that one may last. */
  readonly duration?: string
  readonly durationMax?: string
  /** Code of a refusal. */
  readonly refusal?: string
  /** What duties demand, and which. */
  readonly obligations?: string
  readonly duties?: readonly string[]
}

export interface Difference {
  readonly verdict: Verdict
  readonly from: Told
  readonly to: Told
}

const outcomeRanks = { deny: 0, hold: 1, allow: 2 } as const

/** Nothing where nobody gains or loses: a refusal for another reason is a refusal. */
export function compareAnswers(before: Answer, after: Answer): Difference | undefined {
  const verdicts = [verdictOfRanks(outcomeRanks[before.outcome], outcomeRanks[after.outcome])]
  if (before.outcome === 'hold' && after.outcome === 'hold') verdicts.push(verdictOfRequirements(before.requirement, after.requirement))
  if (before.outcome !== 'deny' && after.outcome !== 'deny') verdicts.push(verdictOfDuties(before.obligations, after.obligations))
  const verdict = together(verdicts)
  return verdict === undefined ? undefined : { verdict, from: tellAnswer(before), to: tellAnswer(after) }
}

export function compareAsked(before: Result<Eligible>, after: Result<Eligible>): Difference | undefined {
  const verdicts = [verdictOfRanks(before.ok ? 1 : 0, after.ok ? 1 : 0)]
  if (before.ok && after.ok) {
    verdicts.push(verdictOfRequirements(before.value.requirement, after.value.requirement))
    verdicts.push(verdictOfRanks(before.value.durationMax, after.value.durationMax))
  }
  const verdict = together(verdicts)
  return verdict === undefined ? undefined : { verdict, from: tellAsked(before), to: tellAsked(after) }
}

function together(verdicts: readonly (Verdict | undefined)[]): Verdict | undefined {
  const there = new Set(verdicts.filter((each) => each !== undefined))
  const [only] = there
  return there.size > 1 ? 'differs' : only
}

function verdictOfRanks(before: number, after: number): Verdict | undefined {
  if (before === after) return undefined
  return after > before ? 'gains' : 'loses'
}

function verdictOfRequirements(before: Requirement, after: Requirement): Verdict | undefined {
  const isStricter = isAtLeastAsStrict(after.selector, before.selector) && after.personsMin >= before.personsMin
  const isLooser = isAtLeastAsStrict(before.selector, after.selector) && before.personsMin >= after.personsMin
  if (isStricter && isLooser) return undefined
  if (isStricter) return 'loses'
  return isLooser ? 'gains' : 'differs'
}

function verdictOfDuties(before: Obligations, after: Obligations): Verdict | undefined {
  const isMore = isAtLeastAsDutiful(after, before)
  const isLess = isAtLeastAsDutiful(before, after)
  if (isMore && isLess) return undefined
  if (isMore) return 'loses'
  return isLess ? 'gains' : 'differs'
}

export function tellAnswer(answer: Answer): Told {
  if (answer.outcome === 'deny') {
    const { code, policies = [] } = answer.refusal
    const by = policies.length === 0 ? '' : ` by ${policies.join(', ')}`
    // What it rode on would not be given: that is told apart from an action that is forbidden itself.
    const says = code.startsWith('request.') ? `refused, since its grant is: ${code}${by}` : `refused${by === '' ? `: ${code}` : by}`
    return { outcome: 'deny', says, policies, refusal: code }
  }
  const { obligations, duties } = answer
  const demanded = describeObligations(obligations)
  const duty = demanded === '' ? {} : { obligations: demanded, duties }
  const added = demanded === '' ? '' : `; ${demanded} by ${duties.join(', ')}`
  if (answer.outcome === 'allow') return { outcome: 'allow', says: `allowed${added}`, policies: [], ...duty }
  const approval = describeRequirement(answer.requirement)
  const says = `held for ${approval} by ${answer.policies.join(', ')}${added}`
  return { outcome: 'hold', says, policies: answer.policies, approval, ...duty }
}

export function tellAsked(asked: Result<Eligible>): Told {
  if (!asked.ok) {
    const { code, policies = [] } = asked.refusal
    const says = `refused: ${code}${policies.length === 0 ? '' : ` by ${policies.join(', ')}`}`
    return { outcome: 'not-eligible', says, policies, refusal: code }
  }
  const { requirement, duration, durationMax, policies } = asked.value
  const approval = describeRequirement(requirement)
  const most = formatDuration(durationMax)
  return {
    outcome: 'eligible',
    says: `${approval === 'nobody' ? 'given at once' : `given with ${approval}`}, ${most} at most`,
    policies,
    approval,
    duration: formatDuration(duration),
    durationMax: most,
  }
}
