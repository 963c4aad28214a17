/** Live facts in memory: what decisions look at. Built from the store, kept current by every commit, in order. */
import type { GrantId, IdentityId, SessionId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import { mustBe } from '../kernel/result.ts'
import { type EntityStore, entityStore } from '../decision/cedar/entities.ts'
import type { DecisionFacts } from '../decision/facts.ts'
import { readRules, type Rules } from '../decision/rules.ts'
import { cedarSchema } from '../decision/schema.ts'
import { identityEntities, schemaWorld, serviceEntities, standingEntities } from '../decision/world.ts'
import { effects } from '../model/effects.ts'
import { type Grant, type Hold, type Session, type TokenBinding, type Uses, usesId } from '../model/grants.ts'
import type { Credential, Identity, Issuer, StandingException } from '../model/identities.ts'
import type { PolicySet } from '../model/policies.ts'
import type { FactChange, RecordKind, Records } from '../model/records.ts'
import type { Service } from '../model/services.ts'
import { everyRecord } from './every-record.ts'
import { KnownChanges } from './known-changes.ts'
import { KnownGateways } from './known-gateways.ts'
import { KnownProofs } from './known-proofs.ts'
import type { Committed, SearchBy, Store } from './ports.ts'
import { remember } from './remembered.ts'

/** Ended grants and sessions are remembered this far back, so that a late caller hears "ended" rather than "unknown". */
const endedMax = 10_000

export type FactListener = (change: FactChange) => void

export class Facts implements DecisionFacts {
  #version = 0
  #rules: Rules | undefined
  #entities: EntityStore
  readonly #identities = new Map<string, Identity>()
  readonly #identitiesByName = new Map<string, Identity>()
  readonly #proofs = new KnownProofs((id) => this.#identities.get(id))
  readonly #services = new Map<string, Service>()
  /** Change-sets that wait, and names that are used up. */
  readonly changes = new KnownChanges()
  /** Gateway processes elsewhere. */
  readonly enrolled = new KnownGateways()
  readonly #exceptions = new Map<string, StandingException>()
  readonly #grants = new Map<string, Grant>()
  readonly #closedGrants = new Map<string, Grant>()
  readonly #grantsByActor = new Map<string, Map<string, Grant>>()
  readonly #uses = new Map<string, number>()
  readonly #sessions = new Map<string, Session>()
  readonly #endedSessions = new Map<string, Session>()
  readonly #sessionsByToken = new Map<string, Map<string, Session>>()
  readonly #bindings = new Map<string, TokenBinding>()
  readonly #holds = new Map<string, Hold>()
  readonly #holdsBySession = new Map<string, Map<string, Hold>>()
  readonly #listeners = new Set<FactListener>()
  readonly #space: string

  constructor(space: string) {
    this.#space = space
    this.#entities = mustBe(entityStore(standingEntities(effects, space)))
  }

  get version(): number {
    return this.#version
  }

  get rules(): Rules | undefined {
    return this.#rules
  }

  get entities(): EntityStore {
    return this.#entities
  }

  /** Reads everything that decisions need, before anybody is served. */
  async load(store: Store): Promise<void> {
    await store.read(async (tx) => {
      const put = async <K extends RecordKind>(kind: K, by: SearchBy<K>, keep: (record: Records[K]) => void) => {
        for await (const record of everyRecord(tx, kind, by)) keep(record)
      }
      await put('identity', {}, (identity) => this.#putIdentity(identity))
      await put('credential', {}, (credential) => this.#proofs.putCredential(credential))
      await put('passkey', {}, (passkey) => this.#proofs.putPasskey(passkey))
      await put('exception', { state: ['proposed', 'active'] }, (exception) => this.#putException(exception))
      await put('issuer', {}, (issuer) => this.#putIssuer(issuer))
      await put('service', {}, (service) => this.#putService(service))
      await put('changeSet', { state: 'proposed' }, (changeSet) => this.changes.put(changeSet))
      await put('gateway', { state: 'enrolled' }, (gateway) => this.enrolled.put(gateway))
      await put('policySet', {}, (policies) => {
        this.#policies = policies
      })
      // What has ended is not read: a long history must not make the start slow.
      await put('grant', { state: ['requested', 'pending', 'approved', 'active'] }, (grant) => this.#putGrant(grant))
      await put('uses', {}, (uses) => this.#putUses(uses))
      await put('session', { state: 'live' }, (session) => this.#putSession(session))
      await put('binding', {}, (binding) => this.#bindings.set(binding.id, binding))
      await put('hold', { state: ['waiting', 'approved', 'denied'] }, (hold) => this.#putHold(hold))
    })
    // Records come in order of their ids, so somebody may have come before their owner.
    this.#derive([...this.#identities.values()])
    this.#version = (await store.last()).version
    this.#rebuildRules()
  }

  /** Applies one commit. Listeners hear each change in the same tick, after all of it is in place. */
  apply(committed: Committed): void {
    const own = committed.changes.filter((change) => 'removed' in change || change.record.space === this.#space)
    for (const change of own) this.#put(change)
    // Once for all of them: a role may have thousands in it.
    const identities = own.flatMap((change) => (change.kind === 'identity' && !('removed' in change) ? [change.record] : []))
    if (identities.length > 0) this.#derive([...new Map(identities.map((identity) => [identity.id, identity])).values()])
    if (own.some((change) => change.kind === 'policySet')) this.#rebuildRules()
    this.#version = committed.version
    for (const change of own) for (const listener of this.#listeners) listener(change)
  }

  readonly #gateways = new Set<string>()

  /** A gateway in this process follows these facts: it has applied a commit when `apply` returns. */
  joined(gateway: string): void {
    this.#gateways.add(gateway)
  }

  gateways(): readonly string[] {
    return [...this.#gateways]
  }

  onChange(listener: FactListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  identity(id: IdentityId): Identity | undefined {
    return this.#identities.get(id)
  }

  identityNamed(name: string): Identity | undefined {
    return this.#identitiesByName.get(name)
  }

  identities(): Iterable<Identity> {
    return this.#identities.values()
  }

  /** Every human who is live: those who may be asked. */
  *people(): Iterable<Identity> {
    for (const identity of this.#identities.values()) {
      if (identity.kind === 'human' && identity.state === 'live' && identity.quarantine === undefined) yield identity
    }
  }

  /** Passkeys, API secrets and issuers. */
  get proofs(): KnownProofs {
    return this.#proofs
  }

  hasPasskey(person: IdentityId): boolean {
    return this.#proofs.passkeysOf(person).some((passkey) => passkey.revokedAt === undefined)
  }

  /** What proves an identity to Remit: API secrets and passkeys, ended ones included. */
  proofsOf(identity: IdentityId): readonly { readonly issuedBy?: string; readonly createdAt: Instant }[] {
    return [...this.#proofs.credentialsOf(identity), ...this.#proofs.passkeysOf(identity)]
  }

  isProofLive(proof: string, now: Instant): boolean {
    return this.#proofs.isLive(proof, now)
  }

  credential(id: string): Credential | undefined {
    return this.#proofs.credential(id)
  }

  credentialsOf(identity: IdentityId): Credential[] {
    return this.#proofs.credentialsOf(identity)
  }

  issuers(): Iterable<Issuer> {
    return this.#proofs.issuers()
  }

  /** The policy set in force. */
  get policies(): PolicySet | undefined {
    return this.#policies
  }

  service(name: string): Service | undefined {
    return this.#services.get(name)
  }

  services(): readonly Service[] {
    return [...this.#services.values()]
  }

  grant(id: GrantId): Grant | undefined {
    return this.#grants.get(id) ?? this.#closedGrants.get(id)
  }

  /** Those that may still become or be a permit. */
  openGrants(): Iterable<Grant> {
    return this.#grants.values()
  }

  openGrantsOf(actor: IdentityId): Iterable<Grant> {
    return this.#grantsByActor.get(actor)?.values() ?? []
  }

  *activeGrantsOf(actor: IdentityId): Iterable<Grant> {
    for (const grant of this.#grantsByActor.get(actor)?.values() ?? []) if (grant.state === 'active') yield grant
  }

  spent(grant: GrantId, line: number): number {
    return this.#uses.get(usesId(grant, line)) ?? 0
  }

  session(id: SessionId): Session | undefined {
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

  /** Those that are proposed or active; what is over is only in the store. */
  *exceptionsOf(identity: IdentityId): Iterable<StandingException> {
    for (const exception of this.#exceptions.values()) if (exception.identity === identity) yield exception
  }

  exceptions(): Iterable<StandingException> {
    return this.#exceptions.values()
  }

  #policies: PolicySet | undefined

  #put(change: FactChange): void {
    if ('removed' in change) {
      if (change.kind === 'binding') this.#bindings.delete(change.id)
      return
    }
    switch (change.kind) {
      case 'identity':
        this.#putIdentity(change.record)
        break
      case 'service':
        this.#putService(change.record)
        break
      case 'grant':
        this.#putGrant(change.record)
        break
      case 'session':
        this.#putSession(change.record)
        break
      case 'hold':
        this.#putHold(change.record)
        break
      case 'uses':
        this.#putUses(change.record)
        break
      case 'credential':
        this.#proofs.putCredential(change.record)
        break
      case 'passkey':
        this.#proofs.putPasskey(change.record)
        break
      case 'issuer':
        this.#putIssuer(change.record)
        break
      case 'gateway':
        this.enrolled.put(change.record)
        break
      case 'changeSet':
        this.changes.put(change.record)
        break
      case 'exception':
        this.#putException(change.record)
        break
      case 'binding':
        this.#bindings.set(change.id, change.record)
        break
      case 'policySet':
        this.#policies = change.record
        break
      default:
        // The other kinds are read from the store by whoever needs them.
        break
    }
  }

  #putException(exception: StandingException): void {
    if (exception.state === 'proposed' || exception.state === 'active') this.#exceptions.set(exception.id, exception)
    else this.#exceptions.delete(exception.id)
  }

  #putUses(uses: Uses): void {
    if (this.#grants.has(uses.grant)) this.#uses.set(uses.id, uses.spent)
  }

  #putIdentity(identity: Identity): void {
    this.#identities.set(identity.id, identity)
    this.#identitiesByName.set(identity.name, identity)
  }

  #derive(identities: readonly Identity[]): void {
    const entities = identities.flatMap((identity) => identityEntities(identity, (id) => this.#identities.get(id)))
    this.#entities = mustBe(this.#entities.with(entities))
  }

  #putService(service: Service): void {
    const before = this.#services.get(service.id)
    if (before !== undefined) this.#entities = mustBe(this.#entities.without(serviceEntities(before).map((entity) => entity.uid)))
    this.#services.delete(service.id)
    if (service.removedAt !== undefined) this.changes.remove('service', service.id)
    else {
      this.#services.set(service.id, service)
      this.#entities = mustBe(this.#entities.with(serviceEntities(service)))
    }
  }

  #putIssuer(issuer: Issuer): void {
    this.#proofs.removeIssuer(issuer.id)
    if (issuer.removedAt === undefined) this.#proofs.putIssuer(issuer)
    else this.changes.remove('issuer', issuer.id)
  }

  #putGrant(grant: Grant): void {
    const [actor = ''] = grant.chain
    const ofActor = this.#grantsByActor.get(actor) ?? new Map<string, Grant>()
    this.#grantsByActor.set(actor, ofActor)
    if (isOpen(grant)) {
      this.#grants.set(grant.id, grant)
      ofActor.set(grant.id, grant)
      return
    }
    this.#grants.delete(grant.id)
    ofActor.delete(grant.id)
    if (ofActor.size === 0) this.#grantsByActor.delete(actor)
    for (const line of grant.scope.keys()) this.#uses.delete(usesId(grant.id, line))
    remember(this.#closedGrants, grant, endedMax)
  }

  #putSession(session: Session): void {
    const ofToken = this.#sessionsByToken.get(session.token) ?? new Map<string, Session>()
    this.#sessionsByToken.set(session.token, ofToken)
    ofToken.set(session.grant, session)
    if (session.state === 'live') {
      this.#sessions.set(session.id, session)
      return
    }
    this.#sessions.delete(session.id)
    for (const hold of this.#holdsBySession.get(session.id)?.values() ?? []) this.#holds.delete(hold.id)
    this.#holdsBySession.delete(session.id)
    const forgotten = remember(this.#endedSessions, session, endedMax)
    if (forgotten !== undefined) this.#sessionsByToken.delete(forgotten.token)
  }

  #putHold(hold: Hold): void {
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

  #rebuildRules(): void {
    if (this.#policies === undefined) return
    const { files, parsed } = this.#policies
    const read = readRules({ policies: parsed, files, schema: cedarSchema(schemaWorld(this.#services.values(), this.#proofs.issuers())) })
    // What was published had been read once. If it cannot be read now, nothing is allowed: no rules.
    this.#rules = read.ok ? read.rules : undefined
  }
}

/** Whether a grant may still become or be a permit. */
export function isOpen(grant: Grant): boolean {
  return grant.state === 'requested' || grant.state === 'pending' || grant.state === 'approved' || grant.state === 'active'
}
