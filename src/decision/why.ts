/** Which values decided an action, in words: of the guardrails that refused, held or bound it, and of the eligibilities that it rests on. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { Action } from '../model/actions.ts'
import type { Task } from '../model/grants.ts'
import type { Identity } from '../model/identities.ts'
import { because } from './cedar/because.ts'
import { type CedarRequest, evaluate, judge } from './cedar/evaluate.ts'
import type { CompiledPolicy } from './cedar/policies.ts'
import { askContext, callContext } from './contexts.ts'
import type { DecisionFacts } from './facts.ts'
import { guardsOf } from './guards.ts'
import { requestAction } from './names.ts'

/** One action as it was when it was decided. */
export interface Occasion {
  readonly chain: readonly Identity[]
  readonly task: Task
  readonly action: Action
  readonly address: string
  readonly refusals: number
  readonly now: Instant
}

type Policies = Pick<DecisionFacts, 'rules' | 'entities'>

const linesMax = 20

/** Of the guardrails with these ids that speak of it, or cannot be evaluated: `forbid "x" (a.cedar:3): resource.environment is "prod"`. Never throws. */
export function whyGuarded(facts: Policies, occasion: Occasion, ids: readonly string[]): readonly string[] {
  const context = callContext(occasion)
  if (facts.rules === undefined || context === undefined || ids.length === 0) return []
  const lines = new Set<string>()
  for (const link of occasion.chain) {
    const { principal, operation, resource, policies } = guardsOf(facts.rules, facts.entities, link, occasion.action)
    const named = policies.filter(({ id }) => ids.includes(id))
    const request = { principal, action: operation, resource, context }
    const { forbids, errors } = judge(named, request, facts.entities)
    for (const policy of [...forbids, ...errors.map((error) => error.policy)]) addLines(lines, policy, request, facts)
  }
  return [...lines].slice(0, linesMax)
}

/** Of the eligibilities with these ids that let this chain ask for it, for so long. Never throws. */
export function whyEligible(
  facts: Policies,
  occasion: Occasion & { readonly duration: Milliseconds },
  ids: readonly string[],
): readonly string[] {
  if (facts.rules === undefined || ids.length === 0) return []
  const { task, action, duration, now } = occasion
  const context = askContext({ task, effect: action.effect, duration, now })
  const lines = new Set<string>()
  for (const link of occasion.chain) {
    const { principal, resource } = guardsOf(facts.rules, facts.entities, link, action)
    const request = { principal, action: requestAction, resource, context }
    const { permits } = evaluate(facts.rules.eligibility, request, facts.entities)
    for (const policy of permits.filter(({ id }) => ids.includes(id))) addLines(lines, policy, request, facts)
  }
  return [...lines].slice(0, linesMax)
}

function addLines(lines: Set<string>, policy: CompiledPolicy, request: CedarRequest, { entities }: Policies): void {
  for (const line of because(policy, request, entities)) lines.add(`${policy.describe()}: ${line}`)
}
