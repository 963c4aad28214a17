/** Whoever listens at a service reads what its server tells, without any action: kept at home before it passes, like the results of actions. */
import { isLive, isSameChain } from '../decision/decide.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Grant } from '../model/grants.ts'
import type { Service } from '../model/services.ts'
import { reaches } from './attends.ts'
import type { Gate } from './gate.ts'
import type { Bearer } from './ports.ts'

/**
 * Resolves once it is known that this caller reads what anybody may have written, where some result of the service may be that; at once
 * where it is known already. Nothing is kept of whoever has no live grant there: they are told nothing either. Refuses what a first
 * action would be refused for.
 */
export function readsAlong(
  gate: Gate,
  bearer: Bearer,
  service: Pick<Service, 'id' | 'routes'>,
): Result<undefined> | Promise<Result<undefined>> {
  const { facts, marked } = gate
  const untrusted = service.routes.find(({ trust }) => trust !== 'trusted')
  const grants = untrusted === undefined ? [] : grantsThere(gate, bearer, service.id)
  const [grant] = grants
  if (untrusted === undefined || grant === undefined) return done(undefined)
  const sessions = grants.map(({ id }) => facts.sessionOf(bearer.claims.jti, id))
  if (sessions.some((session) => session?.state === 'live' && marked.has(session.id))) return done(undefined)
  return mark(gate, bearer, { grant, service: service.id, operation: untrusted.name })
}

interface Marking {
  readonly grant: Grant
  readonly service: string
  readonly operation: string
}

async function mark({ facts, home, marked }: Gate, bearer: Bearer, { grant, service, operation }: Marking): Promise<Result<undefined>> {
  const known = facts.sessionOf(bearer.claims.jti, grant.id)
  const session = known?.state === 'live' ? done(known) : await home.openSession(bearer, grant.id)
  if (!session.ok) return session
  const { id } = session.value
  const kept = await home.markUntrusted({ bearer, session: session.value, action: { service, operation } })
  if (kept.ok && facts.session(id)?.state === 'live') marked.add(id)
  return kept
}

/** The one that its token names, or all that reach there. */
function grantsThere({ facts, clock }: Gate, { claims }: Bearer, service: string): readonly Grant[] {
  const now = clock.now()
  const [actor] = claims.chain
  const named = claims.grant === undefined ? undefined : facts.grant(claims.grant)
  const all =
    claims.grant === undefined ? (actor === undefined ? [] : [...facts.activeGrantsOf(actor)]) : named === undefined ? [] : [named]
  return all.filter((grant) => isLive(grant, now) && isSameChain(grant.chain, claims.chain) && reaches(grant, [service]))
}
