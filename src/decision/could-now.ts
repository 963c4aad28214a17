/** What somebody may do at this instant: each live grant that speaks of an operation, and what guardrails would say of it. */
import type { Instant } from '../kernel/instants.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Action } from '../model/actions.ts'
import { isOpened, recentOf, takesNoMore } from '../model/counting.ts'
import type { Grant, ScopeEntry } from '../model/grants.ts'
import type { IdentityId } from '../kernel/ids.ts'
import type { Identity } from '../model/identities.ts'
import type { Route } from '../model/services.ts'
import type { Reached } from './ask.ts'
import { type Guarded, guardedFor, isSure } from './could-guards.ts'
import { names } from './covers.ts'
import { isLive, isSameChain, stillEligible } from './decide.ts'
import { exceptionPermits } from './exceptions.ts'
import { chainStands, type DecisionFacts } from './facts.ts'
import { partialCallContextOf } from './partial-contexts.ts'

/** `held`: only with a person's yes to each action. `may`: it hangs on what is not known before the action itself. */
export type DoingAnswer = 'yes' | 'may' | 'held' | 'no'

/** What one grant, or the exception behind it, lets be done. */
export interface Doing {
  readonly grant: Grant
  readonly answer: DoingAnswer
  readonly dependsOn: readonly string[]
  readonly guarded: Guarded
}

/** Of an actor: with its own grants, or only with those to exactly this chain. The best answer comes first. */
export function doableNow(
  facts: DecisionFacts,
  who: { readonly actor: IdentityId; readonly chain?: readonly IdentityId[] },
  reached: Reached,
  now: Instant,
): readonly Doing[] {
  const found: Doing[] = []
  const resource = `${reached.service.id}/${reached.route.name}`
  for (const grant of facts.activeGrantsOf(who.actor)) {
    if (!mayName(grant, resource)) continue
    if (!isLive(grant, now) || (who.chain !== undefined && !isSameChain(grant.chain, who.chain))) continue
    const doing = doingUnder(facts, grant, reached, now)
    if (doing !== undefined) found.push(doing)
  }
  return found.toSorted((a, b) => ranks[a.answer] - ranks[b.answer] || (a.grant.expiresAt ?? 0) - (b.grant.expiresAt ?? 0))
}

const reaches = new WeakMap<Grant['scope'], { readonly exact: ReadonlySet<string>; readonly isWide: boolean }>()

/** Whether a line of it may speak of the operation. Whoever lists a thousand operations asks about each, and most grants name a few. */
function mayName({ scope }: Grant, resource: string): boolean {
  const known = reaches.get(scope) ?? {
    exact: new Set(scope.map((entry) => entry.resource)),
    isWide: scope.some(({ effects }) => effects !== undefined),
  }
  reaches.set(scope, known)
  return known.isWide || known.exact.has(resource)
}

const ranks: Readonly<Record<DoingAnswer, number>> = { yes: 0, may: 1, held: 2, no: 3 }

/** Nothing where the grant does not speak of the operation, or would not be given any more. */
function doingUnder(facts: DecisionFacts, grant: Grant, reached: Reached, now: Instant): Doing | undefined {
  const { rules, entities } = facts
  const carried = carriedBy(facts, grant, reached, now)
  const chain = chainStands(facts, grant.chain)
  if (rules === undefined || carried === undefined || !chain.ok) return undefined
  if (!stillGiven(facts, grant, { ...reached, chain: chain.value }, now).ok) return undefined
  const context = partialCallContextOf(reached.route, { task: grant.task, now })
  const guarded = guardedFor(rules, entities, chain.value, { ...reached, context })
  const dependsOn = [...new Set([...carried, ...guarded.against.flatMap((each) => each.dependsOn), ...holdsHangOn(guarded)])]
  return { grant, answer: answerOf(guarded, dependsOn), dependsOn, guarded }
}

function holdsHangOn({ holds }: Guarded): readonly string[] {
  return holds.flatMap((hold) => hold.dependsOn)
}

function answerOf({ never, holds }: Guarded, dependsOn: readonly string[]): DoingAnswer {
  if (never.length > 0) return 'no'
  if (holds.some(isSure)) return 'held'
  return dependsOn.length > 0 ? 'may' : 'yes'
}

function stillGiven(
  facts: DecisionFacts,
  grant: Grant,
  { service, route, chain }: Reached & { readonly chain: readonly Identity[] },
  now: Instant,
): Result<undefined> {
  if (grant.exception === undefined) return stillEligible(facts, grant, chain, now)
  const permits = exceptionPermits(facts, grant, actionOn(service, route), now)
  return permits.ok ? done(undefined) : permits
}

function actionOn({ id: service, protocol }: Reached['service'], { name, method, effect, tier }: Route): Action {
  return { protocol, service, operation: name, verb: method, effect, tier, arguments: {}, target: '' }
}

/** What it hangs on whether the scope carries the operation: nothing where a line does in any case; `undefined` where none can. */
function carriedBy(facts: DecisionFacts, grant: Grant, { service, route }: Reached, now: Instant): readonly string[] | undefined {
  const operation = { service: service.id, operation: route.name, effect: route.effect }
  let nearest: readonly string[] | undefined
  for (const [line, entry] of grant.scope.entries()) {
    if (!names(entry, operation)) continue
    const counted = facts.counted(grant.id, line)
    if (takesNoMore(entry, counted) || !canBeMet(entry, route)) continue
    const limits = [
      ...Object.keys(entry.arguments ?? {}).map((name) => `context.arguments.${name}`),
      ...(entry.sum === undefined ? [] : [`context.arguments.${entry.sum.argument}`]),
      ...(entry.rate !== undefined && recentOf(entry.rate, counted, now) >= entry.rate.atMost ? ['rate'] : []),
      ...(isOpened(entry, counted) ? [] : ['order']),
    ]
    if (nearest === undefined || limits.length < nearest.length) nearest = [...new Set(limits)]
  }
  return nearest
}

/** What is pinned must be said, and an operation that does not take it cannot. */
function canBeMet(entry: ScopeEntry, route: Route): boolean {
  const pinned = [...Object.keys(entry.arguments ?? {}), ...(entry.sum === undefined ? [] : [entry.sum.argument])]
  return pinned.every((name) => route.arguments.some((rule) => rule.name === name))
}
