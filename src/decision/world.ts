/** Remit's nouns as policies see them: identities, roles, services and operations as Cedar entities. */
import type { IdentityId } from '../kernel/ids.ts'
import { type Effect, type Impact, impactNumber, type Tier, tierOf } from '../model/effects.ts'
import type { Identity, Issuer } from '../model/identities.ts'
import { deskService } from '../model/desk-service.ts'
import type { Route, Service } from '../model/services.ts'
import type { EntityInput } from './cedar/entities.ts'
import { type CedarRecord, CedarSet, type CedarValue, type Uid } from './cedar/values.ts'
import {
  cedarNouns,
  deskOperationUid,
  deskUid,
  effectUid,
  identityUid,
  type NamedService,
  operationUid,
  resourceUid,
  roleUid,
  serviceUid,
} from './names.ts'
import type { SchemaWorld } from './schema.ts'

/** An identity, its roles and its owner. */
export function identityEntities(identity: Identity, ownerOf: (id: IdentityId) => Identity | undefined): EntityInput[] {
  return [identityEntityMaker(ownerOf)(identity)]
}

/** Makes the entities of many identities: those with the same roles, or the same owner, share what says so. */
export function identityEntityMaker(ownerOf: (id: IdentityId) => Identity | undefined): (identity: Identity) => EntityInput {
  const owned = new Map<IdentityId, CedarRecord>()
  const withRoles = new Map<string, { readonly roles: readonly string[]; readonly parents: readonly Uid[] }>()
  const attributesOf = (id: IdentityId | undefined): CedarRecord => {
    const known = id === undefined ? unowned : owned.get(id)
    if (known !== undefined || id === undefined) return known ?? unowned
    const owner = ownerOf(id)
    const attributes: CedarRecord = owner === undefined ? unowned : new Map([['owner', identityUid(owner)]])
    owned.set(id, attributes)
    return attributes
  }
  const parentsOf = (roles: readonly string[]): readonly Uid[] => {
    const key = roles.join()
    const known = withRoles.get(key)
    if (known !== undefined && isSame(known.roles, roles)) return known.parents
    const parents = roles.map(roleUid)
    withRoles.set(key, { roles, parents })
    return parents
  }
  return (identity) => ({ uid: identityUid(identity), attributes: attributesOf(identity.owner), parents: parentsOf(identity.roles) })
}

const unowned: CedarRecord = new Map()

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((each, place) => each === right[place])
}

type Described = Pick<Service, 'id' | 'protocol' | 'environment' | 'impact' | 'labels' | 'routes'>

/** A service with its operations: each operation is a resource below the service and an action below its effect. */
export function serviceEntities(service: Described): EntityInput[] {
  const uid = serviceUid(service)
  const own = describe(service, service.impact, serviceTier(service))
  const entities: EntityInput[] = [{ uid, attributes: own, parents: [] }]
  for (const route of service.routes) {
    entities.push({ uid: resourceUid(service, route.name), attributes: describe(service, route.impact, route.tier), parents: [uid] })
    entities.push({ uid: operationUid(service, route.name), attributes: new Map(), parents: [effectUid(route.effect)] })
  }
  return entities
}

/** The entities that are always there: effects under `any`, and the desk of this space as something to ask for and to guard. */
export function standingEntities(effects: readonly Effect[], space: string): EntityInput[] {
  const any = effectUid('any')
  const operations = deskService.routes.map((route) => ({
    uid: deskOperationUid(route.name),
    attributes: new Map(),
    parents: [deskUid(space)],
  }))
  return [
    { uid: any, attributes: new Map(), parents: [] },
    ...effects.map((effect) => ({ uid: effectUid(effect), attributes: new Map(), parents: [any] })),
    ...serviceEntities({ ...deskService, labels: [] }),
    ...operations,
  ]
}

/** A service's tier is that of the dearest thing one can do on it. */
function serviceTier(service: Described): Tier {
  return service.routes.reduce<Tier>((tier, route: Route) => (route.tier > tier ? route.tier : tier), tierOf(service.impact, 'read'))
}

function describe(service: Described, impact: Impact, tier: Tier): CedarRecord {
  return new Map<string, CedarValue>([
    ['environment', service.environment],
    ['tier', BigInt(tier)],
    ['impact', impactRecord(impact)],
    ['labels', new CedarSet(service.labels)],
  ])
}

function impactRecord(impact: Impact): CedarRecord {
  return new Map<string, CedarValue>([
    ['data', BigInt(impactNumber(impact.data))],
    ['service', BigInt(impactNumber(impact.service))],
    ['safety', BigInt(impactNumber(impact.safety))],
  ])
}

/** What the schema of policies is generated from. */
export function schemaWorld(
  services: Iterable<Pick<Service, 'id' | 'protocol' | 'environment' | 'labels' | 'routes'>>,
  issuers: Iterable<Pick<Issuer, 'proves'>>,
): SchemaWorld {
  const facts = new Set([...issuers].flatMap((issuer) => Object.keys(issuer.proves)))
  facts.delete('ticket')
  return {
    facts: [...facts].toSorted(),
    services: [...services].map((service) => ({
      name: service.id,
      protocol: service.protocol,
      environment: service.environment,
      labels: service.labels,
      operations: service.routes.map((route) => ({ name: route.name, effect: route.effect, arguments: route.arguments })),
    })),
  }
}

/** Roles that Remit's own policies speak of: they are there without being declared. */
const deskRoles = ['auditors', 'operators', 'administrators']

/**
 * Names of which all are known, so that a rule about any other could never match: services and their operations, and roles, where they
 * are given. The desk is one of the services, for guardrails.
 */
export function knownNames(
  services: Iterable<NamedService & Pick<Service, 'routes'>>,
  roles?: Iterable<string>,
): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>()
  const add = (type: string, name: string) => names.set(type, (names.get(type) ?? new Set()).add(name))
  for (const { service, operation } of Object.values(cedarNouns)) for (const type of [service, operation]) names.set(type, new Set())
  for (const service of [deskService, ...services]) {
    const nouns = cedarNouns[service.protocol]
    add(nouns.service, service.id)
    for (const route of service.routes) add(nouns.operation, `${service.id}/${route.name}`)
  }
  return roles === undefined ? names : names.set('Role', new Set([...deskRoles, ...roles]))
}
