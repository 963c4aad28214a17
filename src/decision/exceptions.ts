/** What an exception permits: how far it reached when people were asked, and whether one action is within that, as things are now. */
import type { IdentityId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Action, resourceOf } from '../model/actions.ts'
import { isChange } from '../model/effects.ts'
import type { Grant } from '../model/grants.ts'
import type { Blast, DeskAction, StandingException } from '../model/identities.ts'
import { findRoute } from '../model/services.ts'
import type { Reached } from './ask.ts'
import type { DecisionFacts } from './facts.ts'

/** An exception names its operations one by one; more than this is not one privilege that had to stay. */
const operationsMax = 1_000

export interface Blasted {
  readonly blast: Blast
}

/** How far a scope reaches. Refuses `exception.tier` a change of tier 3: no standing privilege permits one. */
export function blastOfScope(reached: readonly Reached[]): Result<Blasted> {
  const critical = reached.find(({ route }) => isChange(route.effect) && route.tier === 3)
  if (critical !== undefined)
    return refuse('exception.tier', { detail: `${critical.route.effect} on ${critical.service.id}/${critical.route.name}` })
  const operations = [...new Set(reached.map(({ service, route }) => `${service.id}/${route.name}`))].toSorted()
  if (operations.length > operationsMax)
    return refuse('input.invalid', { detail: `it reaches ${operations.length} operations; at most ${operationsMax}` })
  const effects = [...new Set(reached.map(({ route }) => route.effect))].toSorted()
  const tier = reached.reduce<Blast['tier']>((highest, { route }) => (route.tier > highest ? route.tier : highest), 0)
  return done({ blast: { operations, effects, tier } })
}

/** At the desk there are no operations; whoever runs it reaches everything that Remit protects. */
export function blastOfDesk(deskActions: readonly DeskAction[]): Blasted {
  const runs = deskActions.some((action) => action === 'operate' || action === 'administer')
  return { blast: { operations: [], effects: [], tier: runs ? 3 : 2 } }
}

/**
 * Whether the exception behind a grant permits this action: it is live, its owner is there to answer for it, and the action is one that
 * people were asked about, no dearer than it was then. Impact is read as it is declared now.
 */
export function exceptionPermits(facts: DecisionFacts, grant: Grant, action: Action, now: Instant): Result<undefined> {
  const exception = exceptionOf(facts, grant)
  if (exception?.state !== 'active' || now >= exception.expiresAt) return refuse('grant.ended', { detail: 'its exception has ended' })
  if (!answersFor(facts, exception.owner)) return refuse('identity.owner-gone', { detail: exception.id })
  const service = facts.service(action.service)
  const route = service === undefined ? undefined : findRoute(service, action.operation)
  if (route === undefined || !exception.blast.operations.includes(resourceOf(action)))
    return refuse('exception.outgrown', { detail: `${resourceOf(action)} is none of its operations` })
  const tier = route.tier > action.tier ? route.tier : action.tier
  if (tier > exception.blast.tier || !exception.blast.effects.includes(route.effect))
    return refuse('exception.outgrown', { detail: `${route.effect} on ${resourceOf(action)} is of tier ${tier} now` })
  if (tier === 3 && (isChange(action.effect) || isChange(route.effect)))
    return refuse('exception.tier', { detail: `${action.effect} on ${resourceOf(action)}` })
  return done(undefined)
}

/** Whether this is a person who is live and can be asked. */
export function answersFor(facts: Pick<DecisionFacts, 'identity'>, id: IdentityId): boolean {
  const owner = facts.identity(id)
  return owner?.kind === 'human' && owner.state === 'live' && owner.quarantine === undefined
}

export function exceptionOf(facts: Pick<DecisionFacts, 'exceptionsOf'>, grant: Grant): StandingException | undefined {
  const [actor] = grant.chain
  if (actor === undefined || grant.exception === undefined) return undefined
  for (const exception of facts.exceptionsOf(actor)) if (exception.id === grant.exception) return exception
  return undefined
}

/** Why an exception would not be given any more, or `undefined` while it would: dearer than it was, or its service is gone. */
export function outgrown(facts: DecisionFacts, { blast }: Pick<StandingException, 'blast'>): string | undefined {
  const left = blast.operations.flatMap((operation) => {
    const [serviceName = '', name = ''] = operation.split('/')
    const service = facts.service(serviceName)
    const route = service === undefined ? undefined : findRoute(service, name)
    return route === undefined ? [] : [{ operation, route }]
  })
  if (left.length === 0 && blast.operations.length > 0) return 'nothing that it permits is there any more'
  const dearer = left.find(
    ({ route }) => route.tier > blast.tier || !blast.effects.includes(route.effect) || (route.tier === 3 && isChange(route.effect)),
  )
  return dearer === undefined ? undefined : `${dearer.route.effect} on ${dearer.operation} is of tier ${dearer.route.tier} now`
}
