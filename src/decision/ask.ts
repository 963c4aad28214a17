/** May this chain ask for this scope, what approval does that cost, and for how long at most? */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { formatDuration } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Effect, isChange, type Tier, tierRules } from '../model/effects.ts'
import { isCounted } from '../model/counting.ts'
import type { ScopeEntry, Task } from '../model/grants.ts'
import type { Identity } from '../model/identities.ts'
import type { Requirement } from '../model/requirements.ts'
import { deskService, deskServiceName } from '../model/desk-service.ts'
import { type Selector, uniteSelectors } from '../model/selector.ts'
import type { Route, Service } from '../model/services.ts'
import { readsOfContext } from './cedar/context-names.ts'
import { evaluate } from './cedar/evaluate.ts'
import type { CompiledPolicy } from './cedar/policies.ts'
import { askContext, callContext } from './contexts.ts'
import { names } from './covers.ts'
import type { DecisionFacts } from './facts.ts'
import type { EligibilityTerms, Rules } from './rules.ts'
import { deskAskAction, deskOperationUid, identityUid, operationUid, requestAction, resourceUid } from './names.ts'

export interface Ask {
  /** Who acts first, then for whom. */
  readonly chain: readonly Identity[]
  readonly task: Task
  readonly scope: readonly ScopeEntry[]
  /** Absent: the shortest default of the policies that match. */
  readonly duration?: Milliseconds
}

export interface Eligible {
  readonly requirement: Requirement
  readonly duration: Milliseconds
  readonly durationMax: Milliseconds
  readonly tier: Tier
  readonly policies: readonly string[]
}

/** What can be asked for: a service, or the desk itself. */
export type AskableService = Pick<Service, 'id' | 'protocol' | 'routes'>

/** One operation that a scope line reaches. */
export interface Reached {
  readonly service: AskableService
  readonly route: Route
}

export const defaultDuration: Milliseconds = 1_800_000

/** Every declared operation that the line names. */
export function reachedBy(entry: ScopeEntry, service: AskableService): Reached[] {
  const reached = service.routes.filter((route) => {
    const named = { service: service.id, operation: route.name, effect: route.effect }
    return names(entry, named)
  })
  return reached.map((route) => ({ service, route }))
}

/** The operations of a scope; refuses `scope.unknown` and `scope.empty` with the line that names nothing. */
export function reach(facts: DecisionFacts, scope: readonly ScopeEntry[]): Result<readonly Reached[]> {
  if (scope.length === 0) return refuse('scope.empty')
  const all: Reached[] = []
  for (const entry of scope) {
    const [serviceName = '', operation] = entry.resource.split('/')
    const service: AskableService | undefined = serviceName === deskServiceName ? deskService : facts.service(serviceName)
    if (service === undefined) return refuse('scope.unknown', { detail: entry.resource })
    if (operation !== undefined && !service.routes.some((route) => route.name === operation)) {
      return refuse('scope.unknown', { detail: entry.resource })
    }
    const reached = reachedBy(entry, service)
    if (reached.length === 0) return refuse('scope.empty', { detail: entry.resource })
    const unknown = unknownArgument(entry, reached)
    if (unknown !== undefined) return refuse('scope.unknown', { detail: `${entry.resource} has no argument ${unknown}` })
    if (!isSummed(entry, reached))
      return refuse('scope.unknown', { detail: `${entry.resource} has ${entry.sum?.argument ?? ''}, but not as a number that adds up` })
    if (entry.after !== undefined && !comesBefore(facts, scope, entry.after))
      return refuse('scope.unknown', { detail: `${entry.resource} comes after ${entry.after}, which no line of this scope allows` })
    // What is done at the desk is many small steps of one deed: there is nothing to count.
    if (serviceName === deskServiceName && (isCounted(entry) || entry.after !== undefined))
      return refuse('input.invalid', { detail: `${entry.resource} is not counted; ask for a shorter time` })
    all.push(...reached)
  }
  return done(all)
}

/** A constraint on an argument that none of the operations takes would never be met: a mistake better told at once. */
function unknownArgument(entry: ScopeEntry, reached: readonly Reached[]): string | undefined {
  const named = [...Object.keys(entry.arguments ?? {}), ...(entry.sum === undefined ? [] : [entry.sum.argument])]
  return named.find((name) => !reached.some(({ route }) => route.arguments.some((rule) => rule.name === name)))
}

/** What is to be done first must be allowed as well, and not only after itself. */
function comesBefore(facts: DecisionFacts, scope: readonly ScopeEntry[], after: string): boolean {
  const [name = '', operation = ''] = after.split('/')
  const route = facts.service(name)?.routes.find((each) => each.name === operation)
  if (route === undefined) return false
  return scope.some((entry) => entry.after !== after && names(entry, { service: name, operation, effect: route.effect }))
}

/** Only numbers add up; an operation that has it as something else would never be covered. */
function isSummed({ sum }: ScopeEntry, reached: readonly Reached[]): boolean {
  const summed = reached.flatMap(({ route }) => route.arguments.filter((rule) => rule.name === sum?.argument))
  return summed.every(({ type }) => type === 'long' || type === 'decimal')
}

/** One evaluation per operation and link of the chain; all must pass. Guardrails are tried beforehand. */
export function mayAsk(facts: DecisionFacts, ask: Ask, now: Instant): Result<Eligible> {
  if (facts.rules === undefined) return refuse('request.not-eligible', { detail: 'no policies are in force' })
  const reached = reach(facts, ask.scope)
  if (!reached.ok) return reached
  const matched = new Set<CompiledPolicy>()
  const held = new Set<Selector>()
  for (const { service, route } of reached.value) {
    for (const link of ask.chain) {
      const at = { link, service, route, now }
      const permits = permitsFor(facts, ask, at)
      if (permits.length === 0) {
        return refuse('request.not-eligible', { detail: `${link.name} may not ask for ${route.effect} on ${service.id}/${route.name}` })
      }
      for (const permit of permits) matched.add(permit)
      const guarded = guardedBeforehand(facts, ask, at)
      if (!guarded.ok) return guarded
      for (const selector of guarded.value) held.add(selector)
    }
  }
  return price(ask, reached.value, { policies: [...matched], rules: facts.rules, held: [...held] })
}

interface At extends Reached {
  readonly link: Identity
  readonly now: Instant
}

function permitsFor(facts: DecisionFacts, ask: Ask, { link, service, route, now }: At): readonly CompiledPolicy[] {
  if (facts.rules === undefined) return []
  const context = askContext({ task: ask.task, effect: route.effect, duration: ask.duration ?? defaultDuration, now })
  // The desk has an asking of its own: a rule about any resource lets nobody ask for the desk.
  const asked =
    service.id === deskServiceName
      ? { action: deskAskAction, resource: deskOperationUid(route.name) }
      : { action: requestAction, resource: resourceUid(service, route.name) }
  const answer = evaluate(facts.rules.eligibility, { principal: identityUid(link), ...asked, context }, facts.entities)
  return answer.decision === 'allow' ? answer.permits : []
}

/**
 * Refuses what a plain forbid would refuse whatever the arguments: nobody should approve what cannot happen. At the desk nothing is held
 * deed by deed, so there whoever could release a hold must approve the grant: their selectors are answered.
 */
function guardedBeforehand(facts: DecisionFacts, ask: Ask, { link, service, route, now }: At): Result<readonly Selector[]> {
  const { rules } = facts
  if (rules === undefined) return done([])
  const action = {
    protocol: service.protocol,
    service: service.id,
    operation: route.name,
    verb: route.method,
    effect: route.effect,
    tier: route.tier,
    arguments: {},
    target: '',
  } as const
  const context = callContext({ task: ask.task, action, address: '127.0.0.1', refusals: 0, now })
  if (context === undefined) return done([])
  const request = {
    principal: identityUid(link),
    action: operationUid(service, route.name),
    resource: resourceUid(service, route.name),
    context,
  }
  const answer = evaluate(rules.guardrails, request, facts.entities)
  const isDesk = service.id === deskServiceName
  // With conditions on arguments, address or session the answer is not known before the action itself; at the desk there is none later.
  const certain = answer.forbids.find((policy) => isPlain(policy, rules) && (isDesk || !readsTheMoment(policy)))
  const broken = isDesk ? answer.errors.find(({ policy }) => policy.effect === 'forbid')?.policy : undefined
  const forbidding = certain ?? broken
  if (forbidding === undefined) return done(isDesk ? answer.forbids.flatMap((policy) => rules.holds.get(policy.id) ?? []) : [])
  return refuse('request.forbidden', {
    detail: `${forbidding.id} forbids ${route.effect} on ${service.id}/${route.name}`,
    policies: [forbidding.id],
  })
}

/** A duty refuses nobody, and a hold waits for people: only what is neither can never be done. */
function isPlain({ id }: CompiledPolicy, { holds, duties }: Rules): boolean {
  return !holds.has(id) && !duties.has(id)
}

const momentary: ReadonlySet<string> = new Set(['arguments', 'client', 'session', 'provenance', 'time'])

function readsTheMoment(policy: CompiledPolicy): boolean {
  return readsOfContext(policy, momentary)
}

/** Several eligibilities add up: approvals unite, times take the shortest, the tier takes the highest. */
function price(
  ask: Ask,
  reached: readonly Reached[],
  by: { readonly policies: readonly CompiledPolicy[]; readonly rules: Rules; readonly held: readonly Selector[] },
): Result<Eligible> {
  const tier = highestTier(reached)
  const terms = by.policies.map((policy) => by.rules.terms.get(policy.id)).filter((each): each is EligibilityTerms => each !== undefined)
  const durationMax = Math.min(tierRules[tier].grantMax, ...terms.map((each) => each.maxDuration ?? Number.POSITIVE_INFINITY))
  const usual = Math.min(durationMax, ...terms.map((each) => each.duration ?? defaultDuration))
  const duration = ask.duration ?? usual
  if (duration > durationMax) return refuse('request.too-long', { detail: `at most ${formatDuration(durationMax)}` })
  const selectors = [...terms.flatMap((each) => (each.approval === undefined ? [] : [each.approval])), ...by.held]
  return done({
    requirement: { selector: uniteSelectors(selectors), personsMin: personsFor(reached) },
    duration,
    durationMax,
    tier,
    policies: by.policies.map((policy) => policy.id).toSorted(),
  })
}

export function highestTier(reached: readonly Reached[]): Tier {
  return reached.reduce<Tier>((tier, { route }) => (route.tier > tier ? route.tier : tier), 0)
}

function personsFor(reached: readonly Reached[]): number {
  const wanted = (effect: Effect, tier: Tier) => (isChange(effect) ? tierRules[tier].personsForChange : tierRules[tier].personsForRead)
  return reached.reduce((most, { route }) => Math.max(most, wanted(route.effect, route.tier)), 0)
}
