/** Who is heard at a gateway without acting: whoever lists, listens or shakes hands, and how long what they listen to may go on. */
import { isLive, isSameChain } from '../decision/decide.ts'
import { chainStands } from '../decision/facts.ts'
import type { Instant } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Grant } from '../model/grants.ts'
import type { RecordKind } from '../model/records.ts'
import type { Gate } from './gate.ts'
import type { Bearer } from './ports.ts'

/** Whose changes may end it. */
const kindsThatCount: readonly RecordKind[] = ['grant', 'identity', 'credential', 'passkey', 'issuer']

/**
 * When the last live grant of this caller that reaches into one of the services ends: 0 where none does. Refuses as every action of theirs
 * would be: control is lost, the chain or what proved it does not stand, or the grant that their token names has ended.
 */
export function attends({ facts, clock, home }: Gate, { claims }: Bearer, services: readonly string[]): Result<Instant> {
  const now = clock.now()
  if (!home.goesOn()) return refuse('control.unreachable')
  if (now >= claims.expiresAt || !facts.isProofLive(claims.provedBy, now))
    return refuse('credential.invalid', { detail: 'it, or what proved it, has ended' })
  const chain = chainStands(facts, claims.chain)
  if (!chain.ok) return chain
  const named = claims.grant === undefined ? undefined : facts.grant(claims.grant)
  if (claims.grant !== undefined && (named === undefined || !isLive(named, now))) return refuse('grant.ended')
  const [actor] = claims.chain
  const grants = named === undefined ? (actor === undefined ? [] : facts.activeGrantsOf(actor)) : [named]
  let until: Instant = 0
  for (const grant of grants)
    if (isLive(grant, now) && isSameChain(grant.chain, claims.chain) && reaches(grant, services))
      until = Math.max(until, Math.min(grant.expiresAt ?? 0, claims.expiresAt))
  return done(until)
}

/** Whether a line of it names one of the services, or something in it. */
export function reaches({ scope }: Grant, services: readonly string[]): boolean {
  return scope.some(({ resource }) => services.some((service) => resource === service || resource.startsWith(`${service}/`)))
}

/** Called in the tick in which something changed that what `attends` answers may hang on. Answers how to stop listening. */
export function onAttendance({ facts }: Pick<Gate, 'facts'>, listener: () => void): () => void {
  return facts.onChange((change) => {
    // Grants come by the dozen; only one that ends takes something away.
    const isMore = change.kind === 'grant' && 'record' in change && change.record.endedAt === undefined
    if (!isMore && kindsThatCount.includes(change.kind)) listener()
  })
}
