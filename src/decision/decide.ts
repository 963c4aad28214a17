/** The decision on one action: facts in, allow, hold or deny out. The order of the questions is the order of DESIGN's path. */
import type { GrantId, IdentityId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import { refuse, type Refusal } from '../kernel/refusals.ts'
import { done, type Refused, type Result } from '../kernel/result.ts'
import type { Action } from '../model/actions.ts'
import { type Evidence, tierRules } from '../model/effects.ts'
import type { Grant } from '../model/grants.ts'
import type { Identity } from '../model/identities.ts'
import type { Requirement } from '../model/requirements.ts'
import { firmer, isAtLeastAsDutiful, noObligations, type Obligations, uniteObligations } from '../model/obligations.ts'
import { type Selector, uniteSelectors } from '../model/selector.ts'
import { mayAsk } from './ask.ts'
import { readsOfContext } from './cedar/context-names.ts'
import { judge, type PolicyError } from './cedar/evaluate.ts'
import { callContext } from './contexts.ts'
import { type Coverage, covers, refuseShort } from './covers.ts'
import { exceptionPermits } from './exceptions.ts'
import { driftOf, requirementOfDrift } from './drift.ts'
import { chainStands, type DecisionFacts } from './facts.ts'
import { guardsOf } from './guards.ts'
import type { Rules } from './rules.ts'

export interface Question {
  /** From a verified token: who acts first. */
  readonly chain: readonly IdentityId[]
  readonly proof: string
  /** The grant that the token names; absent: the identity's own token, which takes the covering grant that ends first. */
  readonly grant?: GrantId | undefined
  readonly action: Action
  readonly address: string
  /** How many refusals this session has had. */
  readonly refusals: number
}

export type Answer =
  | { readonly outcome: 'deny'; readonly refusal: Refusal; readonly grant?: Grant }
  | {
      readonly outcome: 'allow'
      readonly grant: Grant
      readonly line: number
      readonly counted: boolean
      readonly policies: readonly string[]
      /** What the tier demands, or a duty if that is more. */
      readonly evidence: Evidence
      /** The strictest of what the duties demand. */
      readonly obligations: Obligations
      /** The policies that demand it, by their `@id`. */
      readonly duties: readonly string[]
    }
  | {
      readonly outcome: 'hold'
      readonly grant: Grant
      readonly line: number
      readonly counted: boolean
      readonly policies: readonly string[]
      readonly evidence: Evidence
      readonly obligations: Obligations
      readonly duties: readonly string[]
      readonly requirement: Requirement
    }

/** Decides. Doing nothing means no: every path that is not a clear yes ends in a refusal. */
export function decide(facts: DecisionFacts, question: Question, now: Instant): Answer {
  const chain = chainStands(facts, question.chain)
  if (!chain.ok) return { outcome: 'deny', refusal: chain.refusal }
  if (!facts.isProofLive(question.proof, now)) return denied(refuse('credential.invalid', { detail: 'what proved it has ended' }).refusal)
  const chosen = chooseGrant(facts, question, now)
  if (!chosen.ok) return denied(chosen.refusal)
  const grant = chosen.value
  const { action } = question
  const coverage = coverageOf(facts, grant, action, now)
  if (!coverage.covered) return denied(notCovered(coverage), grant)
  if (facts.rules === undefined) return denied(refuse('action.no-policies').refusal, grant)
  const given = stillGiven(facts, question, { grant, chain: chain.value, now })
  if (!given.ok) return denied(given.refusal, grant)
  const guard = guardrails(facts, question, { grant, chain: chain.value, now })
  if (!guard.ok) return denied(guard.refusal, grant)
  const { line, counted } = coverage
  const { holds, requirement, duties, obligations } = guard.value
  const evidence = firmer(tierRules[action.tier].evidence, obligations.evidence)
  const yes = { grant, line, counted, evidence, obligations, duties }
  const drift = driftOf(grant, action)
  if (drift.length > 0)
    return { outcome: 'hold', ...yes, policies: [...drift, ...holds].toSorted(), requirement: requirementOfDrift(requirement, grant) }
  if (holds.length > 0) return { outcome: 'hold', ...yes, policies: holds, requirement }
  return { outcome: 'allow', ...yes, policies: grant.policies }
}

function denied(refusal: Refusal, grant?: Grant): Answer {
  return grant === undefined ? { outcome: 'deny', refusal } : { outcome: 'deny', refusal, grant }
}

function coverageOf(facts: DecisionFacts, { id, scope }: Grant, action: Action, now: Instant): Coverage {
  return covers(scope, action, (line) => facts.counted(id, line), now)
}

function notCovered({ why, detail }: Extract<Coverage, { covered: false }>): Refusal {
  const more = detail === undefined ? {} : { detail }
  switch (why) {
    case 'resource':
      return refuse('grant.not-covered', more).refusal
    case 'arguments':
      return refuse('grant.arguments', more).refusal
    default:
      return refuseShort({ why, ...more }).refusal
  }
}

/** Live means active and before its end; both, because the stored end may be a moment late. */
export function isLive(grant: Grant, now: Instant): boolean {
  return grant.state === 'active' && grant.expiresAt !== undefined && now < grant.expiresAt
}

/** The grant that an action rides: the one that its token names, or the covering one that ends first. */
export function chooseGrant(facts: DecisionFacts, question: Question, now: Instant): Result<Grant> {
  if (question.grant !== undefined) {
    const grant = facts.grant(question.grant)
    // A grant of another chain answers as one that is not there.
    if (grant === undefined || !isSameChain(grant.chain, question.chain)) return refuse('grant.missing')
    return isLive(grant, now) ? done(grant) : refuse('grant.ended', grant.ending === undefined ? {} : { detail: grant.ending.how })
  }
  const [actor] = question.chain
  if (actor === undefined) return refuse('grant.missing')
  const live = [...facts.activeGrantsOf(actor)].filter((grant) => isLive(grant, now) && isSameChain(grant.chain, question.chain))
  // An exception only where no grant covers it, so that every use of standing privilege is one that was needed, and can be seen.
  const standing = (grant: Grant) => (grant.exception === undefined ? 0 : 1)
  live.sort((a, b) => standing(a) - standing(b) || (a.expiresAt ?? 0) - (b.expiresAt ?? 0) || (a.id < b.id ? -1 : 1))
  const covering = live.find((grant) => coverageOf(facts, grant, question.action, now).covered)
  if (covering !== undefined) return done(covering)
  // None covers it. The nearest one gives the better reason: wrong arguments or spent uses rather than nothing at all.
  const nearest = live.find((grant) => {
    const coverage = coverageOf(facts, grant, question.action, now)
    return !coverage.covered && coverage.why !== 'resource'
  })
  return nearest === undefined ? refuse('grant.missing') : done(nearest)
}

export function isSameChain(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((link, place) => link === right[place])
}

/**
 * Whether what was allowed would be allowed again as far as people, roles and guardrails go. `holds` are those that an approval met,
 * `obligations` what is done with it.
 */
export function wouldStand(facts: DecisionFacts, question: Question, { grant, holds, obligations, now }: Standing): Result<undefined> {
  const chain = chainStands(facts, question.chain)
  if (!chain.ok) return chain
  const given = stillGiven(facts, question, { grant, chain: chain.value, now })
  if (!given.ok) return given
  const guard = guardrails(facts, question, { grant, chain: chain.value, now })
  if (!guard.ok) return guard
  const unmet = guard.value.holds.filter((hold) => !holds.includes(hold))
  if (unmet.length > 0) return refuse('action.changed', { detail: `held now by ${unmet.join(', ')}`, policies: unmet })
  if (isAtLeastAsDutiful(obligations, guard.value.obligations)) return done(undefined)
  const { duties } = guard.value
  return refuse('action.changed', { detail: `more is demanded now by ${duties.join(', ')}`, policies: duties })
}

export interface Standing {
  readonly grant: Grant
  readonly holds: readonly string[]
  readonly obligations: Obligations
  readonly now: Instant
}

interface Given {
  readonly grant: Grant
  readonly chain: readonly Identity[]
  readonly now: Instant
}

/** Whether the grant would be given now: by eligibility, or by the exception that it is the permit of. */
function stillGiven(facts: DecisionFacts, { action }: Question, { grant, chain, now }: Given): Result<undefined> {
  return grant.exception === undefined ? stillEligible(facts, grant, chain, now) : exceptionPermits(facts, grant, action, now)
}

interface Known {
  readonly rules: DecisionFacts['rules']
  readonly entities: DecisionFacts['entities']
  /** Of the instant alone, where a policy looks at the clock. */
  readonly at: Instant | undefined
  readonly answer: Result<undefined>
}

/** Each link must still be eligible for what was granted. Answered once per grant and policy, not per action. */
const eligibility = new WeakMap<Grant, Known>()

export function stillEligible(facts: DecisionFacts, grant: Grant, chain: readonly Identity[], now: Instant): Result<undefined> {
  const { rules, entities } = facts
  const at = rules !== undefined && readsTheClock(rules) ? now : undefined
  const known = eligibility.get(grant)
  if (known !== undefined && known.rules === rules && known.entities === entities && known.at === at) return known.answer
  const asked = mayAsk(facts, { chain, task: grant.task, scope: grant.scope, duration: grant.duration }, now)
  const answer: Result<undefined> = asked.ok ? done(undefined) : asked
  eligibility.set(grant, { rules, entities, at, answer })
  return answer
}

const clock: ReadonlySet<string> = new Set(['time'])
const clockReaders = new WeakMap<Rules, boolean>()

/** Whether asking may be a matter of the hour. */
export function readsTheClock(rules: Rules): boolean {
  const known = clockReaders.get(rules)
  if (known !== undefined) return known
  const reads = [...rules.eligibility.policies, ...rules.guardrails.policies].some((policy) => readsOfContext(policy, clock))
  clockReaders.set(rules, reads)
  return reads
}

interface Guarded {
  readonly duties: readonly string[]
  readonly obligations: Obligations
  readonly holds: readonly string[]
  readonly requirement: Requirement
}

/** Forbids of every link count. One that cannot be evaluated is a no; a plain one beats every hold. */
function guardrails(
  facts: DecisionFacts,
  question: Question,
  at: { readonly grant: Grant; readonly chain: readonly Identity[]; readonly now: Instant },
): Result<Guarded> {
  const { action, address, refusals } = question
  if (facts.rules === undefined) return refuse('action.no-policies')
  const context = callContext({ task: at.grant.task, action, address, refusals, now: at.now })
  if (context === undefined) return refuse('action.arguments', { detail: 'an argument is beyond what policies can read' })
  const holds = new Map<string, Selector>()
  const duties = new Map<string, Obligations>()
  for (const link of at.chain) {
    const { principal, operation, resource, policies, missing } = guardsOf(facts.rules, facts.entities, link, action)
    if (missing !== undefined) return refuse('action.unknown', { detail: `${missing.toString()} is not known` })
    const { forbids, errors } = judge(policies, { principal, action: operation, resource, context }, facts.entities)
    const plain: string[] = []
    for (const policy of forbids) {
      const hold = facts.rules.holds.get(policy.id)
      const duty = facts.rules.duties.get(policy.id)
      if (hold === undefined && duty === undefined) plain.push(policy.id)
      if (hold !== undefined) holds.set(policy.id, hold)
      if (duty !== undefined) duties.set(policy.id, duty)
    }
    if (plain.length > 0) return refuse('action.forbidden', { detail: plain.join(', '), policies: plain })
    const broken = brokenBy(errors, facts.rules)
    if (broken !== undefined) return broken
  }
  if (holds.size === 0 && duties.size === 0) return unguarded
  return done({
    duties: [...duties.keys()].toSorted(),
    obligations: uniteObligations(duties.values()),
    holds: [...holds.keys()].toSorted(),
    requirement: { selector: uniteSelectors([...holds.values()]), personsMin: holds.size === 0 ? 0 : 1 },
  })
}

/** Cedar passes over a forbid that it cannot evaluate. Nobody knows what such a one would have said, so here it is a no. */
function brokenBy(errors: readonly PolicyError[], { holds, duties }: Rules): Refused | undefined {
  if (errors.length === 0) return undefined
  const all = errors.map(({ policy }) => policy.id)
  const refusing = all.filter((id) => holds.has(id) || !duties.has(id))
  const [code, broken] = refusing.length > 0 ? (['action.policy-error', refusing] as const) : (['action.duty-error', all] as const)
  return refuse(code, { detail: broken.join(', '), policies: broken })
}

const unguarded = done<Guarded>({
  duties: [],
  obligations: noObligations,
  holds: [],
  requirement: { selector: uniteSelectors([]), personsMin: 0 },
})
