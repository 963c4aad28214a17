/** One picture of what decisions look at: every table of it, how a change goes in, and what differs between two of them. */
import { canonicalJson } from '../kernel/json.ts'
import { mustBe } from '../kernel/result.ts'
import { type EntityStore, entityStore } from '../decision/cedar/entities.ts'
import { readRules, type Rules } from '../decision/rules.ts'
import { cedarSchema } from '../decision/schema.ts'
import { identityEntityMaker, schemaWorld, serviceEntities, standingEntities } from '../decision/world.ts'
import { effects } from '../model/effects.ts'
import type { Identity, Issuer, StandingException } from '../model/identities.ts'
import type { PolicySet } from '../model/policies.ts'
import type { FactChange, RecordKind } from '../model/records.ts'
import type { Service } from '../model/services.ts'
import { KnownApplications } from './known-applications.ts'
import { KnownChanges } from './known-changes.ts'
import { KnownGateways } from './known-gateways.ts'
import { KnownProofs } from './known-proofs.ts'
import { KnownWork } from './known-work.ts'
import { KnownNotUnderstood, type NotUnderstood } from './not-understood.ts'
import { identityUid } from '../decision/names.ts'

/** What changed between two versions. At a gateway elsewhere, as far as it is its business. */
export interface Followed {
  readonly version: number
  readonly changes: readonly FactChange[]
  /** No longer its business, which is no end of them. */
  readonly forget: readonly { readonly kind: RecordKind; readonly id: string }[]
  /** In the place of what was known of them before. */
  readonly notUnderstood: readonly NotUnderstood[]
}

/** Filled record by record and settled once, or followed change by change from then on. */
export class FactTables {
  version = 0
  rules: Rules | undefined
  policies: PolicySet | undefined
  entities: EntityStore
  readonly identities = new Map<string, Identity>()
  readonly identitiesByName = new Map<string, Identity>()
  readonly proofs = new KnownProofs((id) => this.identities.get(id))
  readonly services = new Map<string, Service>()
  readonly exceptions = new Map<string, StandingException>()
  readonly work = new KnownWork()
  readonly changes = new KnownChanges()
  readonly enrolled = new KnownGateways()
  readonly applications = new KnownApplications()
  readonly notUnderstood = new KnownNotUnderstood()
  readonly #space: string

  constructor(space: string) {
    this.#space = space
    this.entities = mustBe(entityStore(standingEntities(effects, space)))
  }

  /** Puts in one of many; nothing may be decided before `settle`. */
  stage(change: FactChange): void {
    if (this.#isOwn(change)) this.#put(change)
  }

  /** As `stage`, of one that cannot be read. */
  stageNotUnderstood(record: NotUnderstood): void {
    this.#forget(record.kind, record.id)
    this.notUnderstood.put(record)
  }

  /** All of them are there. */
  settle(version: number): void {
    // Records come in order of their ids, so somebody may have come before their owner.
    this.#derive(this.identities.values())
    this.version = version
    this.#rebuildRules()
  }

  /** Answers what listeners are to hear, once all of it is in place. */
  follow({ version, changes, forget, notUnderstood }: Followed): readonly FactChange[] {
    const own = changes.filter((change) => this.#isOwn(change))
    for (const change of own) this.#put(change)
    const gone = [...forget, ...notUnderstood]
    const forgotten = gone.flatMap(({ kind, id }) => this.#forget(kind, id))
    for (const record of notUnderstood) this.notUnderstood.put(record)
    // Once for all of them: a role may have thousands in it.
    const touched = new Set(own.flatMap(({ kind, id }) => (kind === 'identity' ? [id] : [])))
    this.#derive([...touched].flatMap((id) => this.identities.get(id) ?? []))
    if (own.some(({ kind }) => kind === 'policySet') || gone.some(({ kind }) => kind === 'policySet')) this.#rebuildRules()
    this.version = version
    return [...own, ...forgotten]
  }

  #isOwn(change: FactChange): boolean {
    return 'removed' in change || change.record.space === this.#space
  }

  #put(change: FactChange): void {
    if ('removed' in change) {
      if (change.kind === 'binding') this.work.forget('binding', change.id)
      return
    }
    this.notUnderstood.remove(change.kind, change.id)
    switch (change.kind) {
      case 'identity':
        this.identities.set(change.id, change.record)
        this.identitiesByName.set(change.record.name, change.record)
        break
      case 'service':
        this.#putService(change.record)
        break
      case 'grant':
        this.work.putGrant(change.record)
        break
      case 'session':
        this.work.putSession(change.record)
        break
      case 'hold':
        this.work.putHold(change.record)
        break
      case 'uses':
        this.work.putUses(change.record)
        break
      case 'credential':
        this.proofs.putCredential(change.record)
        break
      case 'passkey':
        this.proofs.putPasskey(change.record)
        break
      case 'issuer':
        this.#putIssuer(change.record)
        break
      case 'gateway':
        this.enrolled.put(change.record)
        break
      case 'application':
        this.applications.put(change.record)
        if (change.record.removedAt !== undefined) this.changes.remove('application', change.id)
        break
      case 'changeSet':
        this.changes.put(change.record)
        break
      case 'exception':
        this.#putException(change.record)
        break
      case 'binding':
        this.work.putBinding(change.record)
        break
      case 'policySet':
        this.policies = change.record
        break
      default:
        // The other kinds are read from the store by whoever needs them.
        break
    }
  }

  #putException(exception: StandingException): void {
    if (exception.state === 'proposed' || exception.state === 'active') this.exceptions.set(exception.id, exception)
    else this.exceptions.delete(exception.id)
  }

  #derive(identities: Iterable<Identity>): void {
    const entities = Array.from(
      identities,
      identityEntityMaker((id) => this.identities.get(id)),
    )
    if (entities.length > 0) this.entities = mustBe(this.entities.with(entities))
  }

  #putService(service: Service): void {
    this.#dropService(service.id)
    if (service.removedAt !== undefined) this.changes.remove('service', service.id)
    else {
      this.services.set(service.id, service)
      this.entities = mustBe(this.entities.with(serviceEntities(service)))
    }
  }

  #dropService(id: string): boolean {
    const service = this.services.get(id)
    if (service === undefined) return false
    this.services.delete(id)
    this.entities = mustBe(this.entities.without(serviceEntities(service).map((entity) => entity.uid)))
    return true
  }

  #putIssuer(issuer: Issuer): void {
    this.proofs.removeIssuer(issuer.id)
    if (issuer.removedAt === undefined) this.proofs.putIssuer(issuer)
    else this.changes.remove('issuer', issuer.id)
  }

  /** Answers what listeners hear of it: a service stops being served, the streams of a session are cut, and nothing else follows. */
  #forget(kind: RecordKind, id: string): FactChange[] {
    this.notUnderstood.remove(kind, id)
    switch (kind) {
      case 'identity':
        this.#forgetIdentity(id)
        return []
      case 'service':
        return this.#dropService(id) ? [{ kind, id, removed: true }] : []
      case 'session': {
        const isLive = this.work.session(id)?.state === 'live'
        this.work.forget(kind, id)
        return isLive ? [{ kind, id, removed: true }] : []
      }
      case 'policySet':
        this.policies = undefined
        return []
      case 'exception':
        this.exceptions.delete(id)
        return []
      case 'issuer':
      case 'credential':
      case 'passkey':
        this.proofs.forget(kind, id)
        return []
      default:
        this.work.forget(kind, id)
        return []
    }
  }

  #forgetIdentity(id: string): void {
    const identity = this.identities.get(id)
    if (identity === undefined) return
    this.identities.delete(id)
    this.identitiesByName.delete(identity.name)
    this.entities = mustBe(this.entities.without([identityUid(identity)]))
  }

  #rebuildRules(): void {
    this.rules = undefined
    if (this.policies === undefined) return
    const { files, parsed } = this.policies
    const read = readRules({ policies: parsed, files, schema: cedarSchema(schemaWorld(this.services.values(), this.proofs.issuers())) })
    // What was published had been read once. If it cannot be read now, nothing is allowed: no rules.
    this.rules = read.ok ? read.rules : undefined
  }
}

/** Where a later picture differs in what listeners follow: sessions and holds that were live, services. What is gone is told as removed. */
export function differences(before: FactTables, now: FactTables): readonly FactChange[] {
  return [...changedWork(before.work, now.work), ...changedServices(before.services, now.services)]
}

function changedWork(before: KnownWork, now: KnownWork): FactChange[] {
  const changes: FactChange[] = []
  for (const { id, grant } of before.liveSessions()) {
    const record = now.session(id)
    const ended = now.grant(grant)
    if (ended?.endedAt !== undefined) changes.push({ kind: 'grant', id: grant, record: ended })
    if (record === undefined) changes.push({ kind: 'session', id, removed: true })
    else if (record.state !== 'live') changes.push({ kind: 'session', id, record })
  }
  for (const { id, state } of before.holds()) {
    const record = now.hold(id)
    if (record === undefined) changes.push({ kind: 'hold', id, removed: true })
    else if (record.state !== state) changes.push({ kind: 'hold', id, record })
  }
  return changes
}

function changedServices(before: ReadonlyMap<string, Service>, now: ReadonlyMap<string, Service>): FactChange[] {
  const changes: FactChange[] = []
  for (const id of before.keys()) if (!now.has(id)) changes.push({ kind: 'service', id, removed: true })
  for (const [id, record] of now) {
    const known = before.get(id)
    if (known === undefined || canonicalJson(known) !== canonicalJson(record)) changes.push({ kind: 'service', id, record })
  }
  return changes
}
