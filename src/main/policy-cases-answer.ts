/** One policy case put to its world: the answer that it gets, and why. */
import { defaultDuration, type Eligible, mayAsk, reach } from '../decision/ask.ts'
import { because } from '../decision/cedar/because.ts'
import { evaluate, inScope } from '../decision/cedar/evaluate.ts'
import { askContext } from '../decision/contexts.ts'
import { type Answer, decide } from '../decision/decide.ts'
import type { DecisionFacts } from '../decision/facts.ts'
import { asAtWork, suppose } from '../decision/suppose.ts'
import { type Occasion, whyEligible, whyGuarded } from '../decision/why.ts'
import { type GrantId, makeId } from '../kernel/ids.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { Result } from '../kernel/result.ts'
import type { Action } from '../model/actions.ts'
import type { Grant, ScopeEntry, Task } from '../model/grants.ts'
import type { Identity } from '../model/identities.ts'
import { noRequirement } from '../model/requirements.ts'
import type { CaseWorld } from './policy-cases-world.ts'
import { identityUid, requestAction, resourceUid } from '../decision/names.ts'

/** What is asked, read from a case. */
export interface Put {
  readonly chain: readonly Identity[]
  readonly task: Task
  readonly scope: readonly ScopeEntry[]
  readonly at: Instant
  readonly duration?: Milliseconds
}

export interface PutAction extends Put {
  readonly action: Action
  readonly address: string
  readonly refusals: number
}

export interface Answered<A> {
  readonly answer: A
  /** Policies that decided it, with file and line, and the values that did. */
  readonly why: readonly string[]
}

const grantId: GrantId = makeId('grn', 0, new Uint8Array(10))
const usual: Milliseconds = 1_800_000

function factsOf({ rules, entities, byId, services }: CaseWorld, grant?: Grant): DecisionFacts {
  const facts = {
    version: 1,
    identity: (id: Identity['id']) => byId.get(id),
    service: (name: string) => services.get(name),
    exceptionsOf: () => [],
  }
  return suppose(facts, { rules, entities, grant: (id) => (id === grantId ? grant : undefined) })
}

export function answerAsk(world: CaseWorld, { chain, task, scope, duration, at }: Put): Answered<Result<Eligible>> {
  const answer = mayAsk(factsOf(world), { chain, task, scope, ...(duration === undefined ? {} : { duration }) }, at)
  if (answer.ok) return { answer, why: described(world, answer.value.policies) }
  const { code, detail, policies = [] } = answer.refusal
  const missed = code === 'request.not-eligible' ? whyNot(world, { chain, task, scope, at, duration: duration ?? defaultDuration }) : []
  return { answer, why: [...detailOf(detail, policies), ...described(world, policies), ...missed] }
}

const linesMax = 10

/** Eligibilities that are about what is asked for, and what of them does not hold. */
function whyNot(world: CaseWorld, { chain, task, scope, at, duration }: Required<Put>): readonly string[] {
  const { rules, entities } = world
  const lines = new Set<string>()
  const reached = reach(factsOf(world), scope)
  for (const { service, route } of reached.ok ? reached.value : []) {
    const context = askContext({ task, effect: route.effect, duration, now: at })
    for (const link of chain) {
      const request = { principal: identityUid(link), action: requestAction, resource: resourceUid(service, route.name), context }
      const { permits } = evaluate(rules.eligibility, request, entities)
      if (permits.length > 0) continue
      for (const policy of inScope(rules.eligibility, request, entities))
        for (const line of because(policy, request, entities)) lines.add(`${policy.describe()}: ${line}`)
    }
  }
  return [...lines].slice(0, linesMax)
}

/** Under a grant for the task, as long as such grants usually are: whether that would be given is asked first, as it is for any action. */
export function answerAct(world: CaseWorld, put: PutAction): Answered<Answer> {
  const { chain, task, scope, action, address, refusals, at } = put
  const asked = mayAsk(factsOf(world), { chain, task, scope }, at)
  const grant = grantFor(put, asked)
  const facts = factsOf(world, grant)
  const question = { chain: chain.map(({ id }) => id), proof: '', grant: grantId, action, address, refusals }
  const answer = decide(facts, question, at)
  const occasion: Occasion = { chain, task, action, address, refusals, now: at }
  if (answer.outcome === 'deny') {
    const { code, detail, policies = [] } = answer.refusal
    const guarded = whyGuarded(facts, occasion, policies)
    const missed = code === 'request.not-eligible' ? whyNot(world, { ...put, duration: grant.duration }) : []
    return { answer, why: guarded.length > 0 ? guarded : [...detailOf(detail, policies), ...described(world, policies), ...missed] }
  }
  if (answer.outcome === 'hold') return { answer, why: whyGuarded(facts, occasion, [...answer.policies, ...answer.duties]) }
  const eligible = whyEligible(facts, { ...occasion, duration: grant.duration }, grant.policies)
  return { answer, why: [...eligible, ...whyGuarded(facts, occasion, answer.duties)] }
}

function grantFor({ chain, task, scope, at }: Put, asked: Result<Eligible>): Grant {
  const { duration, durationMax, tier, policies } = asked.ok
    ? asked.value
    : { duration: usual, durationMax: usual, tier: 0 as const, policies: [] }
  return asAtWork({
    id: grantId,
    space: 'main',
    chain: chain.map(({ id }) => id),
    task,
    scope,
    tier,
    state: 'active',
    duration,
    durationMax,
    requirement: asked.ok ? asked.value.requirement : noRequirement,
    policies,
    digest: '',
    idleMax: usual,
    requestedAt: at,
    pendingUntil: at,
  })
}

/** Most refusals that policies make have nothing but their ids as detail. */
function detailOf(detail: string | undefined, policies: readonly string[]): string[] {
  return detail === undefined || detail === policies.join(', ') ? [] : [detail]
}

function described({ rules }: CaseWorld, ids: readonly string[]): string[] {
  return ids.flatMap((id) => (rules.guardrails.byId.get(id) ?? rules.eligibility.byId.get(id))?.describe() ?? [])
}
