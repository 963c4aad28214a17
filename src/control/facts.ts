/** Live facts in memory: what decisions look at. Built from the store, kept current by every commit, in order. */
import type { GrantId, IdentityId, SessionId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import type { EntityStore } from '../decision/cedar/entities.ts'
import type { DecisionFacts } from '../decision/facts.ts'
import type { Rules } from '../decision/rules.ts'
import type { Counted } from '../model/counting.ts'
import type { Grant, Hold, Session, TokenBinding } from '../model/grants.ts'
import type { Credential, Identity, Issuer, StandingException } from '../model/identities.ts'
import type { PolicySet } from '../model/policies.ts'
import type { FactChange, RecordKind, Records } from '../model/records.ts'
import type { Service } from '../model/services.ts'
import type { ApplicationSet } from '../decision/application-set.ts'
import { everyRecord } from './every-record.ts'
import { differences, FactTables, type Followed } from './fact-tables.ts'
import type { KnownApplications } from './known-applications.ts'
import type { KnownChanges } from './known-changes.ts'
import type { KnownGateways } from './known-gateways.ts'
import type { KnownProofs } from './known-proofs.ts'
import type { KnownNotUnderstood } from './not-understood.ts'
import { prepareChanges, preparePolicies, type Preparing } from './prepare-facts.ts'
import type { Committed, SearchBy, Store } from './ports.ts'
import { Slices } from './slices.ts'

export type FactListener = (change: FactChange) => void

export class Facts implements DecisionFacts {
  #tables: FactTables
  readonly #listeners = new Set<FactListener>()

  constructor(space: string) {
    this.#tables = new FactTables(space)
  }

  get version(): number {
    return this.#tables.version
  }

  get rules(): Rules | undefined {
    return this.#tables.rules
  }

  get entities(): EntityStore {
    return this.#tables.entities
  }

  /** Change-sets that wait, and names that are used up. */
  get changes(): KnownChanges {
    return this.#tables.changes
  }

  /** Applications that bring policies of their own. */
  get applications(): KnownApplications {
    return this.#tables.applications
  }

  /** One of them, ready to be asked. Nothing that is decided here looks at it. */
  application(name: string): ApplicationSet | undefined {
    return this.#tables.applications.get(name)
  }

  /** Gateway processes elsewhere. */
  get enrolled(): KnownGateways {
    return this.#tables.enrolled
  }

  /** Facts of a store that is written to meanwhile, by whomever: current when this resolves, and kept so by every commit. */
  static async following(store: Store, clock: Preparing['clock']): Promise<Facts> {
    const facts = new Facts(store.space)
    const early: Committed[] = []
    let isLoaded = false
    store.onCommit(
      (committed) => {
        if (isLoaded) facts.apply(committed)
        else early.push(committed)
      },
      (changes) => prepareChanges(changes, { clock, entities: facts.entities, isSaidOn: true }),
    )
    await facts.load(store, clock)
    // What was read may have some of these already; applied again, in order, they come to the same.
    for (const committed of early) facts.apply(committed)
    isLoaded = true
    await store.catchUp()
    return facts
  }

  /** Reads everything that decisions need, before anybody is served; what takes long of it in slices, where there is a clock for them. */
  async load(store: Store, clock?: Preparing['clock']): Promise<void> {
    const { version } = await store.last()
    const tables = this.#tables
    await store.read(async (tx) => {
      const stage = async <K extends RecordKind>(kind: K, by: SearchBy<K>, change: (id: string, record: Records[K]) => FactChange) => {
        for await (const record of everyRecord(tx, kind, by)) tables.stage(change(record.id, record))
      }
      await stage('identity', {}, (id, record) => ({ kind: 'identity', id, record }))
      await stage('credential', {}, (id, record) => ({ kind: 'credential', id, record }))
      await stage('passkey', {}, (id, record) => ({ kind: 'passkey', id, record }))
      await stage('exception', { state: ['proposed', 'active'] }, (id, record) => ({ kind: 'exception', id, record }))
      await stage('issuer', {}, (id, record) => ({ kind: 'issuer', id, record }))
      await stage('service', {}, (id, record) => ({ kind: 'service', id, record }))
      await stage('application', {}, (id, record) => ({ kind: 'application', id, record }))
      await stage('changeSet', { state: 'proposed' }, (id, record) => ({ kind: 'changeSet', id, record }))
      await stage('gateway', { state: 'enrolled' }, (id, record) => ({ kind: 'gateway', id, record }))
      await stage('policySet', {}, (id, record) => ({ kind: 'policySet', id, record }))
      // What has ended is not read: a long history must not make the start slow.
      await stage('grant', { state: ['requested', 'pending', 'approved', 'active'] }, (id, record) => ({ kind: 'grant', id, record }))
      await stage('uses', {}, (id, record) => ({ kind: 'uses', id, record }))
      await stage('session', { state: 'live' }, (id, record) => ({ kind: 'session', id, record }))
      await stage('binding', {}, (id, record) => ({ kind: 'binding', id, record }))
      await stage('hold', { state: ['waiting', 'approved', 'denied'] }, (id, record) => ({ kind: 'hold', id, record }))
    })
    if (clock !== undefined && tables.policies !== undefined) await preparePolicies(tables.policies, { clock, entities: tables.entities })
    if (clock !== undefined) await tables.applications.openAll(new Slices(clock))
    tables.settle(version)
  }

  /** Applies one commit. Listeners hear each change in the same tick, after all of it is in place. */
  apply(committed: Committed): void {
    this.follow({ ...committed, forget: [], notUnderstood: [] })
  }

  /** As `apply`, at a gateway elsewhere. */
  follow(followed: Followed): void {
    this.#tell(this.#tables.follow(followed))
  }

  /** Looks at another picture of this space from now on; listeners hear where it differs in what they follow. */
  become(tables: FactTables): void {
    const before = this.#tables
    this.#tables = tables
    this.#tell(differences(before, tables))
  }

  #tell(changes: readonly FactChange[]): void {
    for (const change of changes) for (const listener of this.#listeners) listener(change)
  }

  onChange(listener: FactListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  identity(id: IdentityId): Identity | undefined {
    return this.#tables.identities.get(id)
  }

  identityNamed(name: string): Identity | undefined {
    return this.#tables.identitiesByName.get(name)
  }

  identities(): Iterable<Identity> {
    return this.#tables.identities.values()
  }

  /** Every human who is live: those who may be asked. */
  *people(): Iterable<Identity> {
    for (const identity of this.#tables.identities.values()) {
      if (identity.kind === 'human' && identity.state === 'live' && identity.quarantine === undefined) yield identity
    }
  }

  /** Passkeys, API secrets and issuers. */
  get proofs(): KnownProofs {
    return this.#tables.proofs
  }

  hasPasskey(person: IdentityId): boolean {
    return this.#tables.proofs.passkeysOf(person).some((passkey) => passkey.revokedAt === undefined)
  }

  /** What proves an identity to Remit: API secrets and passkeys, ended ones included. */
  proofsOf(identity: IdentityId): readonly { readonly issuedBy?: string; readonly createdAt: Instant }[] {
    return [...this.#tables.proofs.credentialsOf(identity), ...this.#tables.proofs.passkeysOf(identity)]
  }

  isProofLive(proof: string, now: Instant): boolean {
    return this.#tables.proofs.isLive(proof, now)
  }

  credential(id: string): Credential | undefined {
    return this.#tables.proofs.credential(id)
  }

  credentialsOf(identity: IdentityId): Credential[] {
    return this.#tables.proofs.credentialsOf(identity)
  }

  issuers(): Iterable<Issuer> {
    return this.#tables.proofs.issuers()
  }

  /** The policy set in force. */
  get policies(): PolicySet | undefined {
    return this.#tables.policies
  }

  service(name: string): Service | undefined {
    return this.#tables.services.get(name)
  }

  services(): readonly Service[] {
    return [...this.#tables.services.values()]
  }

  grant(id: GrantId): Grant | undefined {
    return this.#tables.work.grant(id)
  }

  /** Those that may still become or be a permit. */
  openGrants(): Iterable<Grant> {
    return this.#tables.work.openGrants()
  }

  openGrantsOf(actor: IdentityId): Iterable<Grant> {
    return this.#tables.work.openGrantsOf(actor)
  }

  *activeGrantsOf(actor: IdentityId): Iterable<Grant> {
    for (const grant of this.#tables.work.openGrantsOf(actor)) if (grant.state === 'active') yield grant
  }

  counted(grant: GrantId, line: number): Counted {
    return this.#tables.work.counted(grant, line)
  }

  /** How many uses of a line, spent for everybody else, may still be used here. */
  reserve(grant: GrantId, line: number, uses: number): void {
    this.#tables.work.reserve(grant, line, uses)
  }

  session(id: SessionId): Session | undefined {
    return this.#tables.work.session(id)
  }

  liveSessions(): Iterable<Session> {
    return this.#tables.work.liveSessions()
  }

  /** The session of a token on a grant, live or ended. */
  sessionOf(token: string, grant: GrantId): Session | undefined {
    return this.#tables.work.sessionOf(token, grant)
  }

  binding(token: string): TokenBinding | undefined {
    return this.#tables.work.binding(token)
  }

  bindings(): Iterable<TokenBinding> {
    return this.#tables.work.bindings()
  }

  hold(id: string): Hold | undefined {
    return this.#tables.work.hold(id)
  }

  holds(): Iterable<Hold> {
    return this.#tables.work.holds()
  }

  holdsOf(session: SessionId): Iterable<Hold> {
    return this.#tables.work.holdsOf(session)
  }

  /** What cannot be read here: nothing rests on it. */
  get notUnderstood(): KnownNotUnderstood {
    return this.#tables.notUnderstood
  }

  /** Those that are proposed or active; what is over is only in the store. */
  *exceptionsOf(identity: IdentityId): Iterable<StandingException> {
    for (const exception of this.#tables.exceptions.values()) if (exception.identity === identity) yield exception
  }

  exceptions(): Iterable<StandingException> {
    return this.#tables.exceptions.values()
  }
}
