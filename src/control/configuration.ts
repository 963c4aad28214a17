/** A configuration that somebody wants: a document read, its secrets sealed at once, so that nothing after this holds them plain. */
import type { JsonObject } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { Secret } from '../kernel/secret.ts'
import type { Pruning, WantedConfiguration } from '../model/change-sets.ts'
import { readConfiguration } from '../model/configuration.ts'
import type { ConfiguredService } from '../model/configured-services.ts'
import type { Issuer } from '../model/identities.ts'
import type { Service, UpstreamCredential } from '../model/services.ts'
import { asProblem, type ConfigurationProblem, fault } from './configuration-problems.ts'
import type { Desk } from './desk.ts'
import type { SealedPlace } from './ports.ts'

/** Reads the whole document, or refuses `configuration.invalid` with every fault of it. */
export function readWanted(desk: Desk, document: JsonObject, prune: Pruning): Result<WantedConfiguration> {
  const read = readConfiguration(document)
  if ('problems' in read) return invalid(read.problems.map((problem) => asProblem(problem)))
  const { space, people, identities, roles, issuers, services, policyFiles, exceptions, applications } = read.configuration
  if (space !== desk.space)
    return invalid(fault('/space', `this Remit keeps the space "${desk.space}"`, 'apply it where its space is kept').problems)
  const lost = services.findIndex((service) => service.credential === 'kept' && keptCredential(desk, service) === undefined)
  if (lost >= 0) {
    const says = 'there is no credential to keep for this service at this upstream'
    return invalid(fault(`/services/${lost}/credential`, says, 'write bearer, basic or value, with env:NAME or file:PATH').problems)
  }
  return done({
    people,
    identities,
    roles,
    issuers: issuers.map(({ name, ...issuer }): Issuer => ({ id: name, space: desk.space, ...issuer })),
    services: services.map((service) => sealedService(desk, service)),
    ...(exceptions.length === 0 ? {} : { exceptions }),
    ...(applications.length === 0 ? {} : { applications }),
    ...(policyFiles === undefined ? {} : { policyFiles }),
    prune,
  })
}

export function invalid(problems: readonly ConfigurationProblem[]): Result<never> {
  const [first] = problems
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  const place = first?.pointer ?? (first === undefined ? '' : `${first.file}:${first.line}:${first.column}`)
  return refuse(problems.every(({ pointer }) => pointer === undefined) ? 'policy.invalid' : 'configuration.invalid', {
    detail: `${place}: ${first?.message ?? ''}${more}`,
    problems,
  })
}

/** A secret that did not change keeps its sealed form, so that a repeat is no change; also one that waits in a proposal. */
function sealedService(desk: Desk, configured: ConfiguredService): Service {
  const { name, credential, ...rest } = configured
  const service: Service = { id: name, space: desk.space, ...rest }
  if (credential === undefined) return service
  if (credential === 'kept') {
    const kept = keptCredential(desk, configured)
    return kept === undefined ? service : { ...service, credential: kept }
  }
  const { header, prefix, value, use } = credential
  const place = { space: desk.space, service: name, origin: configured.upstream, use }
  const kept = sealedSoFar(desk, name).find(({ sealed }) => isSealed(desk, { sealed, value, place }))
  const { sealed, since } = kept ?? { sealed: desk.vault.seal(new Secret(value), place), since: desk.clock.now() }
  const known = { header, prefix, sealed, ...(since === undefined ? {} : { since }) }
  return { ...service, credential: { ...known, ...(use === 'reference' ? { reference: value } : {}) } }
}

/** It holds for one origin alone: moved elsewhere it would not open. */
function keptCredential({ facts }: Desk, { name, upstream }: ConfiguredService): Service['credential'] {
  const before = facts.service(name)
  return before?.upstream === upstream ? before.credential : undefined
}

function sealedSoFar({ facts }: Desk, name: string): readonly UpstreamCredential[] {
  const waiting = [...facts.changes.waiting()].flatMap(({ wanted }) => wanted?.services.filter(({ id }) => id === name) ?? [])
  return [facts.service(name), ...waiting].flatMap((service) => (service?.credential === undefined ? [] : [service.credential]))
}

interface Sealed {
  readonly sealed: string
  readonly value: string
  readonly place: SealedPlace
}

/** What was sealed in an earlier form is sealed anew when it is given again. */
function isSealed({ vault }: Desk, { sealed, value, place }: Sealed): boolean {
  const opened = vault.open(sealed, place)
  return opened.ok && opened.value.is(value) && vault.isCurrent(sealed)
}
