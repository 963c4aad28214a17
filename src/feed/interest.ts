/** Which facts are one gateway's business, and what a commit changes about that: only what it touches is looked at. */
import { type ExceptionId, type GrantId, type IdentityId, isId } from '../kernel/ids.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { exceptionOf } from '../decision/exceptions.ts'
import { gatewayOf } from '../model/gateways.ts'
import { type Grant, type Hold, type Session, usesId } from '../model/grants.ts'
import type { StandingException } from '../model/identities.ts'
import type { FactChange } from '../model/records.ts'
import type { Service } from '../model/services.ts'
import type { Facts } from '../control/facts.ts'
import { isOpen } from '../control/known-work.ts'
import type { Committed } from '../control/ports.ts'
import { Closure, type Key } from './closure.ts'
import { type FeedIndex, servicesOf } from './feed-index.ts'
import {
  type Forgotten,
  type OutgoingRecord,
  outlined,
  ownService,
  strippedBinding,
  strippedCredential,
  strippedGrant,
  strippedHold,
  strippedIssuer,
  strippedPasskey,
} from './outgoing-records.ts'

/** How long, and for how many grants that have ended, the chain stays known: a late caller hears "ended" rather than "unknown". */
const lingerMs: Milliseconds = 600_000
const lingerMax = 1_000
const outline = 'service/'

export interface Sending {
  readonly changes: readonly FactChange[]
  readonly forget: readonly Forgotten[]
}

export class Interest {
  readonly gateway: string
  readonly #facts: Facts
  readonly #index: FeedIndex
  /** The gateway's own services. One that is removed stays until the end: grants that name it have yet to end. */
  readonly #own = new Set<string>()
  readonly #closure: Closure
  /** Exceptions of grants that are in it: the facts know only those that have not ended. */
  readonly #exceptions = new Map<ExceptionId, StandingException>()
  readonly #lingering: { readonly grant: GrantId; readonly since: Instant }[] = []
  readonly #ended = new Set<GrantId>()

  constructor(facts: Facts, index: FeedIndex, gateway: string) {
    this.gateway = gateway
    this.#facts = facts
    this.#index = index
    this.#closure = new Closure((key) => this.#needs(key))
    for (const service of facts.services()) if (gatewayOf(service) === gateway) this.#own.add(service.id)
    for (const service of this.#own) for (const grant of index.grantsOf(service)) this.#closure.want(grant.id)
    for (const binding of facts.bindings()) if (binding.gateway === gateway) this.#closure.want(binding.id)
    this.#closure.turn()
  }

  /** A service of its own, that is still there. */
  service(name: string): Service | undefined {
    return this.#own.has(name) ? this.#facts.service(name) : undefined
  }

  *services(): Iterable<Service> {
    for (const name of this.#own) {
      const service = this.#facts.service(name)
      if (service !== undefined) yield service
    }
  }

  /** Whether an open grant is its business. */
  hasGrant(id: GrantId): boolean {
    return this.#closure.has(id) && !this.#ended.has(id)
  }

  /** Everything, in an order in which each finds what it refers to. Records never change, so it stays what it is however long sending takes. */
  snapshot(): readonly OutgoingRecord[] {
    const { policies, proofs } = this.#facts
    const records: OutgoingRecord[] = []
    for (const issuer of proofs.issuers()) records.push(strippedIssuer(issuer))
    for (const service of this.services()) records.push(ownService(service))
    if (policies !== undefined) records.push({ kind: 'policySet', id: policies.id, record: policies })
    return records.concat(this.#whole(this.#closure.keys()))
  }

  /** What this commit means for the gateway. The facts and the index have applied it. */
  follow({ at, changes }: Committed): Sending {
    const gone = new Set<string>()
    for (const change of changes) if (change.kind === 'service' && 'record' in change && this.#moves(change.record)) gone.add(change.id)
    for (const change of changes) this.#follow(change, at)
    this.#letGo(at)
    const { entered, left } = this.#closure.turn()
    // What came in goes out whole, as this commit left it, and before what refers to it.
    const brought = this.#whole(entered)
    const isBrought = new Set(brought.map(({ kind, id }) => `${kind}/${id}`))
    const news = changes.flatMap((change) => this.#news(change, left)).filter(({ kind, id }) => !isBrought.has(`${kind}/${id}`))
    for (const key of left) if (key.startsWith(outline)) gone.add(key.slice(outline.length))
    const forget = [...left].flatMap((key) => this.#forgotten(key))
    // Several services may have moved at once: what counts is where all of that came out.
    for (const id of gone) if (!this.#own.has(id) && !this.#closure.has(`${outline}${id}`)) forget.push({ kind: 'service', id })
    return { changes: [...brought, ...news], forget }
  }

  #needs(key: Key): readonly Key[] {
    if (isId('idn', key)) {
      const owner = this.#facts.identity(key)?.owner
      return owner === undefined ? [] : [owner]
    }
    if (isId('exc', key)) {
      const exception = this.#exceptions.get(key)
      return exception === undefined ? [] : [exception.identity, exception.owner]
    }
    if (isId('tok', key)) return this.#facts.binding(key)?.chain ?? []
    const grant = isId('grn', key) ? this.#facts.grant(key) : undefined
    if (grant === undefined) return []
    const exception = exceptionOf(this.#facts, grant)
    if (exception !== undefined) this.#exceptions.set(exception.id, exception)
    const others = [...servicesOf(grant)].filter((service) => !this.#own.has(service))
    return [
      ...grant.chain,
      ...(grant.exception === undefined ? [] : [grant.exception]),
      ...others.map((service) => `${outline}${service}` as const),
    ]
  }

  /** Takes in where a service belongs now. Whether it was this gateway's and is another's. */
  #moves(service: Service): boolean {
    const isOwn = gatewayOf(service) === this.gateway
    const wasOwn = this.#own.has(service.id)
    if (isOwn === wasOwn) return false
    if (isOwn) this.#own.add(service.id)
    else this.#own.delete(service.id)
    for (const grant of this.#index.grantsOf(service.id)) {
      this.#settle(grant)
      this.#closure.refresh(grant.id)
    }
    return wasOwn
  }

  #follow(change: FactChange, at: Instant): void {
    if (change.kind === 'binding') this.#bind(change)
    if ('removed' in change) return
    if (change.kind === 'identity') this.#closure.refresh(change.record.id)
    if (change.kind === 'exception' && this.#exceptions.has(change.record.id)) this.#exceptions.set(change.record.id, change.record)
    if (change.kind !== 'grant') return
    const grant = change.record
    if (isOpen(grant)) this.#settle(grant)
    else if (this.hasGrant(grant.id)) {
      this.#ended.add(grant.id)
      this.#lingering.push({ grant: grant.id, since: at })
    }
  }

  /** Whoever shows a token that was bound here is known here, whatever they have: so that they hear what to ask for, or what has ended. */
  #bind(change: Extract<FactChange, { readonly kind: 'binding' }>): void {
    if ('record' in change && change.record.gateway === this.gateway) {
      this.#closure.want(change.record.id)
      this.#closure.refresh(change.record.id)
    } else if (isId('tok', change.id)) this.#closure.unwant(change.id)
  }

  /** An open grant: wanted exactly while it names a service of this gateway. */
  #settle(grant: Grant): void {
    const isWanted = [...servicesOf(grant)].some((service) => this.#own.has(service))
    if (isWanted) this.#closure.want(grant.id)
    else this.#closure.unwant(grant.id)
  }

  #letGo(now: Instant): void {
    for (let [first] = this.#lingering; first !== undefined; [first] = this.#lingering) {
      if (this.#lingering.length <= lingerMax && now - first.since < lingerMs) return
      this.#lingering.shift()
      this.#closure.unwant(first.grant)
    }
  }

  /** A changed record, where it is this gateway's business. */
  #news(change: FactChange, left: ReadonlySet<Key>): readonly FactChange[] {
    if ('removed' in change) {
      const identity = change.kind === 'binding' ? this.#index.unbound(change.id) : undefined
      // Whose token it was may be forgotten with this very commit.
      const isKnown = identity !== undefined && isId('idn', identity) && (this.#closure.has(identity) || left.has(identity))
      return isKnown ? [change] : []
    }
    switch (change.kind) {
      case 'policySet':
        return [change]
      case 'issuer':
        return [strippedIssuer(change.record)]
      case 'service':
        if (this.#own.has(change.id)) return [ownService(change.record)]
        return this.#closure.has(`${outline}${change.id}`) ? [outlined(change.record)] : []
      case 'identity':
        return this.#closure.has(change.record.id) ? [change] : []
      case 'credential':
        return this.#closure.has(change.record.identity) ? [strippedCredential(change.record)] : []
      case 'passkey':
        return this.#closure.has(change.record.person) ? [strippedPasskey(change.record)] : []
      case 'exception':
        return this.#closure.has(change.record.id) ? [change] : []
      case 'grant':
        return this.#closure.has(change.record.id) ? [strippedGrant(change.record)] : []
      case 'uses':
        return this.#closure.has(change.record.grant) ? [change] : []
      case 'session':
        return this.#isOwnSession(change.record) ? [change] : []
      case 'hold':
        return this.#isOwnHold(change.record) ? [strippedHold(change.record)] : []
      case 'binding':
        return this.#knows(change.record.identity) ? [strippedBinding(change.record)] : []
      default:
        return []
    }
  }

  #knows(identity: string): boolean {
    return isId('idn', identity) && this.#closure.has(identity)
  }

  #isOwnSession(session: Session): boolean {
    return session.gateway === this.gateway && this.#closure.has(session.grant)
  }

  #isOwnHold(hold: Hold): boolean {
    const session = this.#facts.session(hold.session)
    return session !== undefined && this.#isOwnSession(session)
  }

  /** All that there is about these, people before what is theirs, and grants before what is done under them. */
  #whole(keys: Iterable<Key>): OutgoingRecord[] {
    const outlines: OutgoingRecord[] = []
    const identities: OutgoingRecord[] = []
    const exceptions: OutgoingRecord[] = []
    const grants: OutgoingRecord[] = []
    for (const key of keys) {
      if (isId('idn', key)) this.#wholeIdentity(key, identities)
      else if (isId('exc', key)) {
        const exception = this.#exceptions.get(key)
        if (exception !== undefined) exceptions.push({ kind: 'exception', id: key, record: exception })
      } else if (isId('grn', key)) this.#wholeGrant(key, grants)
      else if (key.startsWith(outline)) {
        const service = this.#facts.service(key.slice(outline.length))
        if (service !== undefined) outlines.push(outlined(service))
      }
    }
    return outlines.concat(identities, exceptions, grants)
  }

  #wholeIdentity(id: IdentityId, into: OutgoingRecord[]): void {
    const identity = this.#facts.identity(id)
    if (identity === undefined) return
    const { proofs } = this.#facts
    into.push({ kind: 'identity', id, record: identity })
    for (const credential of proofs.credentialsOf(id)) into.push(strippedCredential(credential))
    for (const passkey of proofs.passkeysOf(id)) into.push(strippedPasskey(passkey))
    for (const binding of this.#index.bindingsOf(id)) into.push(strippedBinding(binding))
  }

  #wholeGrant(id: GrantId, into: OutgoingRecord[]): void {
    const grant = this.#facts.grant(id)
    if (grant === undefined) return
    into.push(strippedGrant(grant), ...this.#counts(grant))
    for (const session of this.#index.sessionsOf(id)) {
      if (session.gateway !== this.gateway) continue
      into.push({ kind: 'session', id: session.id, record: session })
      for (const hold of this.#facts.holdsOf(session.id)) into.push(strippedHold(hold))
    }
  }

  #counts(grant: Grant): readonly OutgoingRecord[] {
    return [...grant.scope.keys()].flatMap((line) => {
      const { spent, returned, reserved, sum, recent, opened } = this.#facts.counted(grant.id, line)
      if (spent === 0 && opened === undefined) return []
      const id = usesId(grant.id, line)
      const record = {
        id,
        space: grant.space,
        grant: grant.id,
        line,
        spent,
        ...(returned === undefined ? {} : { returned }),
        ...(reserved === undefined ? {} : { reserved }),
        ...(sum === undefined ? {} : { sum }),
        ...(recent === undefined ? {} : { recent }),
        ...(opened === undefined ? {} : { opened }),
      }
      return [{ kind: 'uses', id, record } as const]
    })
  }

  /** What is no longer its business, what hangs on it first. What has ended is left to be remembered as that. */
  #forgotten(key: Key): readonly Forgotten[] {
    if (isId('grn', key)) {
      if (this.#ended.delete(key)) return []
      const sessions = [...this.#index.sessionsOf(key)].filter(({ gateway }) => gateway === this.gateway)
      return [...sessions.map(({ id }) => ({ kind: 'session', id }) as const), { kind: 'grant', id: key }]
    }
    if (isId('exc', key)) {
      this.#exceptions.delete(key)
      return [{ kind: 'exception', id: key }]
    }
    if (!isId('idn', key)) return []
    const { proofs } = this.#facts
    return [
      ...[...this.#index.bindingsOf(key)].map(({ id }) => ({ kind: 'binding', id }) as const),
      ...proofs.credentialsOf(key).map(({ id }) => ({ kind: 'credential', id }) as const),
      ...proofs.passkeysOf(key).map(({ id }) => ({ kind: 'passkey', id }) as const),
      { kind: 'identity', id: key },
    ]
  }
}
