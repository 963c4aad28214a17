/** What somebody could do if they asked: which eligibilities let them, under which conditions, at whose yes, and what is never done anyway. */
import type { Milliseconds } from '../kernel/instants.ts'
import { deskServiceName } from '../model/desk-service.ts'
import { isChange, tierRules } from '../model/effects.ts'
import type { Identity } from '../model/identities.ts'
import { needsPersons, type Requirement } from '../model/requirements.ts'
import { type Selector, uniteSelectors } from '../model/selector.ts'
import type { Route } from '../model/services.ts'
import { defaultDuration, type Reached } from './ask.ts'
import type { EntityStore } from './cedar/entities.ts'
import { inScope } from './cedar/evaluate.ts'
import { mayHold } from './cedar/maybe.ts'
import { literalsOf } from './cedar/maybe-literals.ts'
import { type Guarded, guardedFor, type Speaking } from './could-guards.ts'
import { partialAskContext, partialCallContext } from './partial-contexts.ts'
import type { Rules } from './rules.ts'
import { deskAskAction, deskOperationUid, identityUid, requestAction, resourceUid } from './names.ts'

/** `may`: under conditions. `never`: whatever is asked, a guardrail refuses the action. */
export type AskingAnswer = 'yes' | 'may' | 'no' | 'never'

/** Something that is not known before somebody asks, and the values that the policy compares it with. */
export interface Condition {
  readonly name: string
  readonly values: readonly string[]
}

/** An eligibility that lets somebody ask. */
export interface Way {
  readonly policy: string
  /** None: it lets them ask in any case. */
  readonly conditions: readonly Condition[]
}

/** What asking costs under one set of eligibilities. */
export interface Price {
  readonly policies: readonly string[]
  readonly requirement: Requirement
  readonly duration: Milliseconds
  readonly durationMax: Milliseconds
}

export interface Asking {
  readonly answer: AskingAnswer
  readonly ways: readonly Way[]
  /** What it costs at least; several where it hangs on which eligibility matches. Nobody's yes comes first. */
  readonly prices: readonly Price[]
  /** Nothing where nobody may ask. */
  readonly guarded: Guarded
}

const notAtAll: Asking = { answer: 'no', ways: [], prices: [], guarded: { never: [], against: [], holds: [] } }

const pricesMax = 8

/** Of a chain, who acts first. Every link must be eligible, and none forbidden. */
export function couldAsk(
  { rules, entities }: { readonly rules: Rules; readonly entities: EntityStore },
  chain: readonly Pick<Identity, 'kind' | 'name'>[],
  reached: Reached,
): Asking {
  const byLink = chain.map((link) => waysOf(rules, entities, link, reached))
  if (byLink.some((ways) => ways.length === 0)) return notAtAll
  const ways = new Map(byLink.flat().map((way) => [way.policy, way]))
  const guarded = guardedFor(rules, entities, chain, { ...reached, context: partialCallContext(reached.route) })
  const isDesk = reached.service.id === deskServiceName
  const prices = pricesOf(rules, byLink, reached.route, isDesk ? guarded.holds.map((hold) => hold.selector) : [])
  return { answer: answerOf(byLink, guarded, isDesk), ways: [...ways.values()], prices, guarded }
}

function answerOf(byLink: readonly (readonly Way[])[], { never, against }: Guarded, isDesk: boolean): AskingAnswer {
  if (never.length > 0) return 'never'
  const isEligible = byLink.every((ways) => ways.some(isCertain))
  return isEligible && !against.some((each) => isDesk || isTriedBeforehand(each)) ? 'yes' : 'may'
}

/** Of the moment of an action nothing is said when somebody asks; of the task it is. */
function isTriedBeforehand({ dependsOn }: Speaking): boolean {
  return dependsOn.some((name) => /^context\.(?:task|proved|claimed)\b/.test(name))
}

function isCertain({ conditions }: Way): boolean {
  return conditions.length === 0
}

function waysOf(rules: Rules, entities: EntityStore, link: Pick<Identity, 'kind' | 'name'>, { service, route }: Reached): readonly Way[] {
  const asked =
    service.id === deskServiceName
      ? { action: deskAskAction, resource: deskOperationUid(route.name) }
      : { action: requestAction, resource: resourceUid(service, route.name) }
  const request = { principal: identityUid(link), ...asked, context: partialAskContext(route.effect) }
  return inScope(rules.eligibility, request, entities).flatMap((policy) => {
    const { canHold, canNot, canFail, dependsOn } = mayHold(policy, request, entities)
    if (!canHold) return []
    if (!canNot && !canFail) return [{ policy: policy.id, conditions: [] }]
    const literals = literalsOf(policy)
    return [{ policy: policy.id, conditions: dependsOn.map((name) => ({ name, values: literals.get(name) ?? [] })) }]
  })
}

/** Eligibilities that certainly match add up; of those that only may, each is a price of its own. */
function pricesOf(rules: Rules, byLink: readonly (readonly Way[])[], route: Route, held: readonly Selector[]): readonly Price[] {
  let sets: readonly (readonly string[])[] = [[]]
  for (const ways of byLink) {
    const certain = ways.filter(isCertain).map((way) => way.policy)
    const options = certain.length > 0 ? [certain] : ways.map((way) => [way.policy])
    sets = sets.flatMap((set) => options.map((option) => [...set, ...option])).slice(0, pricesMax)
  }
  const prices = sets.map((set) => priceOf(rules, [...new Set(set)].toSorted(), route, held))
  const distinct = new Map(prices.map((price) => [price.policies.join(' '), price]))
  return [...distinct.values()].toSorted((a, b) => Number(needsPersons(a.requirement)) - Number(needsPersons(b.requirement)))
}

function priceOf(rules: Rules, policies: readonly string[], { effect, tier }: Route, held: readonly Selector[]): Price {
  const terms = policies.flatMap((policy) => rules.terms.get(policy) ?? [])
  const { grantMax, personsForChange, personsForRead } = tierRules[tier]
  const durationMax = Math.min(grantMax, ...terms.map((each) => each.maxDuration ?? Number.POSITIVE_INFINITY))
  const selectors = [...terms.flatMap((each) => each.approval ?? []), ...held]
  return {
    policies,
    requirement: { selector: uniteSelectors(selectors), personsMin: isChange(effect) ? personsForChange : personsForRead },
    duration: Math.min(durationMax, ...terms.map((each) => each.duration ?? defaultDuration)),
    durationMax,
  }
}
