/** Grants and their use as facts: sessions, counts, holds and bound tokens, found by whatever they are asked for by. */
import type { GrantId, IdentityId, SessionId } from '../kernel/ids.ts'
import { type Counted, nothingCounted } from '../model/counting.ts'
import { type Grant, type Hold, type Session, type TokenBinding, type Uses, usesId, withoutPinnedTexts } from '../model/grants.ts'
import type { RecordKind } from '../model/records.ts'
import { remember } from './remembered.ts'

/** Ended grants and sessions are remembered this far back, so that a late caller hears "ended" rather than "unknown". */
const endedMax = 10_000

export class KnownWork {
  readonly #grants = new Map<string, Grant>()
  readonly #closedGrants = new Map<string, Grant>()
  readonly #grantsByActor = new Map<string, Map<string, Grant>>()
  readonly #counted = new Map<string, Counted>()
  /** Of what is spent, what this gateway holds and has not used yet. */
  readonly #reserved = new Map<string, number>()
  readonly #sessions = new Map<string, Session>()
  readonly #endedSessions = new Map<string, Session>()
  readonly #sessionsByToken = new Map<string, Map<string, Session>>()
  readonly #bindings = new Map<string, TokenBinding>()
  readonly #holds = new Map<string, Hold>()
  readonly #holdsBySession = new Map<string, Map<string, Hold>>()

  grant(id: string): Grant | undefined {
    return this.#grants.get(id) ?? this.#closedGrants.get(id)
  }

  /** Those that may still become or be a permit. */
  openGrants(): Iterable<Grant> {
    return this.#grants.values()
  }

  openGrantsOf(actor: IdentityId): Iterable<Grant> {
    return this.#grantsByActor.get(actor)?.values() ?? []
  }

  /** What was taken of a line, less what is reserved for use here. */
  counted(grant: GrantId, line: number): Counted {
    const id = usesId(grant, line)
    const counted = this.#counted.get(id) ?? nothingCounted
    const reserved = this.#reserved.get(id)
    return reserved === undefined ? counted : { ...counted, spent: counted.spent - reserved }
  }

  session(id: string): Session | undefined {
    return this.#sessions.get(id) ?? this.#endedSessions.get(id)
  }

  liveSessions(): Iterable<Session> {
    return this.#sessions.values()
  }

  /** The session of a token on a grant, live or ended. */
  sessionOf(token: string, grant: GrantId): Session | undefined {
    return this.#sessionsByToken.get(token)?.get(grant)
  }

  binding(token: string): TokenBinding | undefined {
    return this.#bindings.get(token)
  }

  bindings(): Iterable<TokenBinding> {
    return this.#bindings.values()
  }

  hold(id: string): Hold | undefined {
    return this.#holds.get(id)
  }

  holds(): Iterable<Hold> {
    return this.#holds.values()
  }

  holdsOf(session: SessionId): Iterable<Hold> {
    return this.#holdsBySession.get(session)?.values() ?? []
  }

  /** How many uses of a line, spent for everybody else, may still be used here. */
  reserve(grant: GrantId, line: number, uses: number): void {
    const id = usesId(grant, line)
    if (uses > 0 && this.#grants.has(grant)) this.#reserved.set(id, uses)
    else this.#reserved.delete(id)
  }

  putUses(uses: Uses): void {
    if (this.#grants.has(uses.grant)) this.#counted.set(uses.id, uses)
  }

  putBinding(binding: TokenBinding): void {
    this.#bindings.set(binding.id, binding)
  }

  putGrant(given: Grant): void {
    // What tools were is of use where it is compared, which is in the store.
    const grant = withoutPinnedTexts(given)
    if (!isOpen(grant)) {
      this.#dropGrant(grant)
      remember(this.#closedGrants, grant, endedMax)
      return
    }
    this.#grants.set(grant.id, grant)
    const [actor = ''] = grant.chain
    const ofActor = this.#grantsByActor.get(actor) ?? new Map<string, Grant>()
    this.#grantsByActor.set(actor, ofActor)
    ofActor.set(grant.id, grant)
  }

  putSession(session: Session): void {
    const ofToken = this.#sessionsByToken.get(session.token) ?? new Map<string, Session>()
    this.#sessionsByToken.set(session.token, ofToken)
    ofToken.set(session.grant, session)
    if (session.state === 'live') {
      this.#sessions.set(session.id, session)
      return
    }
    this.#dropSession(session)
    const forgotten = remember(this.#endedSessions, session, endedMax)
    if (forgotten !== undefined) this.#sessionsByToken.delete(forgotten.token)
  }

  putHold(hold: Hold): void {
    if (this.#sessions.get(hold.session)?.state !== 'live') {
      this.#holds.delete(hold.id)
      return
    }
    this.#holds.set(hold.id, hold)
    const ofSession = this.#holdsBySession.get(hold.session) ?? new Map<string, Hold>()
    this.#holdsBySession.set(hold.session, ofSession)
    // An earlier question about the same action that closes must not stand before the later one.
    const other = ofSession.get(hold.digest)
    if (other === undefined || other.openedAt <= hold.openedAt) ofSession.set(hold.digest, hold)
  }

  /** Without a trace: nothing has ended. */
  forget(kind: RecordKind, id: string): void {
    switch (kind) {
      case 'grant':
        return this.#forgetGrant(id)
      case 'session':
        return this.forgetSession(id)
      case 'hold':
        return this.#forgetHold(id)
      case 'binding':
        return this.forgetBinding(id)
      case 'uses':
        this.#counted.delete(id)
        return
      default:
        return
    }
  }

  #forgetGrant(id: string): void {
    const grant = this.grant(id)
    if (grant === undefined) return
    this.#dropGrant(grant)
    this.#closedGrants.delete(id)
  }

  forgetSession(id: string): void {
    const session = this.session(id)
    if (session === undefined) return
    this.#dropSession(session)
    this.#endedSessions.delete(id)
    const ofToken = this.#sessionsByToken.get(session.token)
    ofToken?.delete(session.grant)
    if (ofToken?.size === 0) this.#sessionsByToken.delete(session.token)
  }

  #forgetHold(id: string): void {
    const hold = this.#holds.get(id)
    if (hold === undefined) return
    this.#holds.delete(id)
    const ofSession = this.#holdsBySession.get(hold.session)
    if (ofSession?.get(hold.digest)?.id === id) ofSession.delete(hold.digest)
  }

  forgetBinding(id: string): void {
    this.#bindings.delete(id)
  }

  #dropGrant(grant: Grant): void {
    const [actor = ''] = grant.chain
    const ofActor = this.#grantsByActor.get(actor)
    this.#grants.delete(grant.id)
    ofActor?.delete(grant.id)
    if (ofActor?.size === 0) this.#grantsByActor.delete(actor)
    for (const line of grant.scope.keys()) {
      this.#counted.delete(usesId(grant.id, line))
      this.#reserved.delete(usesId(grant.id, line))
    }
  }

  #dropSession(session: Session): void {
    this.#sessions.delete(session.id)
    for (const hold of this.#holdsBySession.get(session.id)?.values() ?? []) this.#holds.delete(hold.id)
    this.#holdsBySession.delete(session.id)
  }
}

/** Whether a grant may still become or be a permit. */
export function isOpen(grant: Grant): boolean {
  return grant.state === 'requested' || grant.state === 'pending' || grant.state === 'approved' || grant.state === 'active'
}
