/** What somebody at a gateway can see of a service: the operations that a live grant of theirs reaches now, and nothing else. */
import { type DoingAnswer, doableNow } from '../decision/could-now.ts'
import { names } from '../decision/covers.ts'
import { pinOf } from '../decision/drift.ts'
import { chainStands } from '../decision/facts.ts'
import type { Instant } from '../kernel/instants.ts'
import type { Result } from '../kernel/result.ts'
import type { Action } from '../model/actions.ts'
import type { ArgumentConstraint, Grant } from '../model/grants.ts'
import type { Service } from '../model/services.ts'
import type { Gate } from './gate.ts'
import type { Bearer, Decision } from './ports.ts'

/** One operation that may be tried: `held` needs a person's yes, `may` hangs on arguments or the moment. */
export interface VisibleOperation {
  readonly operation: string
  readonly answer: Exclude<DoingAnswer, 'no'>
  /** The grant that it would be done under, and its end. */
  readonly grant: string
  /** Of a tool: the hash of what it was granted as. */
  readonly pinned?: string
  readonly endsAt: Instant
  /** What the grant's line says of arguments; several lines of one grant may differ, the first that names the operation is told. */
  readonly constraints: Readonly<Record<string, ArgumentConstraint>>
}

/** What a gateway asks about callers who do not act: of protocols that have streams and handshakes beside their actions. */
export interface Attendance {
  /**
   * When the last live grant of this caller that reaches into one of the services ends, 0 where none does; refuses where every action of
   * theirs would be. Synchronous, from memory.
   */
  attends(bearer: Bearer, services: readonly string[]): Result<Instant>
  /** The grant that an action would ride now, for what is to be known of its task before it is decided. Synchronous, from memory. */
  riding(bearer: Bearer, action: Action): Pick<Grant, 'task' | 'scope' | 'tools'> | undefined
  /** The operation that this caller read first, at this gateway, of those whose results anybody may have written; whoever restarts asks it once. */
  readBefore(bearer: Bearer): Promise<Result<string | undefined>>
  /**
   * Whatever of this service passes to the caller without any action is read by them: kept at home before it passes, where its results may be
   * anybody's words. Answers at once where that is known, and where nothing is to be kept.
   */
  readsAlong(bearer: Bearer, service: Service): Result<undefined> | Promise<Result<undefined>>
  /** Something of a call goes on after its outcome: until it is said to be over, the grant is not ended for being used up. */
  goesOn(decision: Pick<Decision, 'grant'>): () => void
  /** Calls in the tick in which something changed that `attends` may hang on. Answers how to stop listening. */
  onAttendance(listener: () => void): () => void
}

/** In the order in which the service declares them. A token that names a grant sees that grant alone. */
export function visible(
  { facts, clock }: Pick<Gate, 'facts' | 'clock'>,
  { claims }: Bearer,
  service: Service,
): readonly VisibleOperation[] {
  const now = clock.now()
  const [actor] = claims.chain
  if (actor === undefined || !facts.isProofLive(claims.provedBy, now) || !chainStands(facts, claims.chain).ok) return []
  return service.routes.flatMap((route) => {
    const doings = doableNow(facts, { actor, chain: claims.chain }, { service, route }, now)
    const doing = doings.find(({ grant, answer }) => answer !== 'no' && (claims.grant === undefined || grant.id === claims.grant))
    if (doing === undefined || doing.answer === 'no') return []
    const { grant, answer } = doing
    const line = grant.scope.find((entry) => names(entry, { service: service.id, operation: route.name, effect: route.effect }))
    const endsAt = Math.min(grant.expiresAt ?? 0, claims.expiresAt)
    const pin = pinOf(grant, { service: service.id, operation: route.name })
    const pinned = pin === undefined ? {} : { pinned: pin.hash }
    return [{ operation: route.name, answer, grant: grant.id, ...pinned, endsAt, constraints: line?.arguments ?? {} }]
  })
}
