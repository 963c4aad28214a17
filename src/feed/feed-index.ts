/** Which records belong to which: kept along with the facts, so that no change has to look at all of them. One for all gateways. */
import type { GrantId } from '../kernel/ids.ts'
import type { Grant, Session, TokenBinding } from '../model/grants.ts'
import type { Facts } from '../control/facts.ts'
import { isOpen } from '../control/known-work.ts'
import type { Committed } from '../control/ports.ts'

export class FeedIndex {
  readonly #facts: Facts
  readonly #grantsByService = new Map<string, Set<GrantId>>()
  readonly #sessionsByGrant = new Map<string, Map<string, Session>>()
  readonly #bindingsByIdentity = new Map<string, Map<string, TokenBinding>>()
  readonly #identityOfBinding = new Map<string, string>()
  #unbound = new Map<string, string>()

  constructor(facts: Facts) {
    this.#facts = facts
    for (const grant of facts.openGrants()) this.#putGrant(grant)
    for (const session of facts.liveSessions()) this.#putSession(session)
    for (const binding of facts.bindings()) this.#putBinding(binding)
  }

  /** To be called once for each commit, after the facts applied it. */
  follow({ changes }: Committed): void {
    this.#unbound = new Map()
    for (const change of changes) {
      if ('removed' in change) {
        if (change.kind === 'binding') this.#removeBinding(change.id)
      } else if (change.kind === 'grant') this.#putGrant(change.record)
      else if (change.kind === 'session') this.#putSession(change.record)
      else if (change.kind === 'binding') this.#putBinding(change.record)
    }
  }

  /** Open grants of which a line names the service. */
  *grantsOf(service: string): Iterable<Grant> {
    for (const id of this.#grantsByService.get(service) ?? []) {
      const grant = this.#facts.grant(id)
      if (grant !== undefined) yield grant
    }
  }

  /** Live ones. */
  sessionsOf(grant: string): Iterable<Session> {
    return this.#sessionsByGrant.get(grant)?.values() ?? []
  }

  bindingsOf(identity: string): Iterable<TokenBinding> {
    return this.#bindingsByIdentity.get(identity)?.values() ?? []
  }

  /** Whose token it was that the last commit let go. */
  unbound(binding: string): string | undefined {
    return this.#unbound.get(binding)
  }

  #putGrant(grant: Grant): void {
    for (const service of servicesOf(grant)) {
      const grants = this.#grantsByService.get(service) ?? new Set()
      if (isOpen(grant)) this.#grantsByService.set(service, grants.add(grant.id))
      else if (grants.delete(grant.id) && grants.size === 0) this.#grantsByService.delete(service)
    }
  }

  #putSession(session: Session): void {
    const sessions = this.#sessionsByGrant.get(session.grant) ?? new Map<string, Session>()
    if (session.state === 'live') this.#sessionsByGrant.set(session.grant, sessions.set(session.id, session))
    else if (sessions.delete(session.id) && sessions.size === 0) this.#sessionsByGrant.delete(session.grant)
  }

  #putBinding(binding: TokenBinding): void {
    const bindings = this.#bindingsByIdentity.get(binding.identity) ?? new Map<string, TokenBinding>()
    this.#bindingsByIdentity.set(binding.identity, bindings.set(binding.id, binding))
    this.#identityOfBinding.set(binding.id, binding.identity)
  }

  #removeBinding(id: string): void {
    const identity = this.#identityOfBinding.get(id)
    if (identity === undefined) return
    this.#unbound.set(id, identity)
    this.#identityOfBinding.delete(id)
    const bindings = this.#bindingsByIdentity.get(identity)
    if (bindings?.delete(id) === true && bindings.size === 0) this.#bindingsByIdentity.delete(identity)
  }
}

/** The services that a grant names, by whichever form of a resource: the service itself, or one operation of it. */
export function servicesOf({ scope }: Pick<Grant, 'scope'>): ReadonlySet<string> {
  return new Set(
    scope.map(({ resource }) => {
      const slash = resource.indexOf('/')
      return slash < 0 ? resource : resource.slice(0, slash)
    }),
  )
}
