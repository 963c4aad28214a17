/** remit.yaml as a document, read into what Remit keeps: every fault told at once, with its place and what is taken there. */
import { canonicalJson, isJsonObject, type JsonObject } from '../kernel/json.ts'
import { applicationLimits, type WantedApplication } from './applications.ts'
import { readApplication } from './configured-applications.ts'
import { type IdentityKind, identityKinds, type IssuedSubject } from './identities.ts'
import type { PolicyFile } from './policies.ts'
import { isName, isTakenName } from './scope.ts'
import { type ConfiguredException, readException } from './configured-exceptions.ts'
import { isMcp, joint, readMcpService } from './configured-mcp.ts'
import { nameAt } from './configured-names.ts'
import { type ConfiguredService, readService } from './configured-services.ts'
import { type DocumentProblem, Place } from './parse-document.ts'

export interface ConfiguredPerson {
  readonly name: string
  /** Somebody who left: everything that was theirs ends, and what they owned is refused until it has another owner. */
  readonly disabled: boolean
}

export interface ConfiguredIdentity {
  readonly name: string
  readonly kind: IdentityKind
  readonly owner: string
  readonly disabled: boolean
  readonly signsInBy: readonly IssuedSubject[]
}

export interface ConfiguredIssuer {
  readonly name: string
  readonly issuer: string
  readonly audience: string
  readonly jwksUri?: string
  readonly jwks?: string
  readonly proves: Readonly<Record<string, string>>
}

export interface Configuration {
  readonly space: string
  readonly issuers: readonly ConfiguredIssuer[]
  readonly people: readonly ConfiguredPerson[]
  /** Role → names of its members. */
  readonly roles: Readonly<Record<string, readonly string[]>>
  readonly identities: readonly ConfiguredIdentity[]
  readonly services: readonly ConfiguredService[]
  readonly exceptions: readonly ConfiguredException[]
  readonly applications: readonly WantedApplication[]
  /** Absent when the document says nothing of policies: those in force stay. */
  readonly policyFiles?: readonly PolicyFile[]
}

export type ConfigurationRead = { readonly configuration: Configuration } | { readonly problems: readonly DocumentProblem[] }

/** Reads the whole document. Nothing is taken from one that has a fault. */
export function readConfiguration(document: JsonObject): ConfigurationRead {
  const problems: DocumentProblem[] = []
  const root = new Place(document, '', problems)
  const at = root.members([
    'version',
    'space',
    'policies',
    'policyFiles',
    'issuers',
    'people',
    'roles',
    'identities',
    'services',
    'exceptions',
    'applications',
  ])
  if (at.version.value !== 1) at.version.fault('this version is not known', 'write version: 1')
  const people = at.people.items().map(readPerson)
  const issuers = at.issuers.items().map(readIssuer)
  const identities = at.identities.items().map(readIdentity)
  const services = at.services.items().map((place) => (isMcp(place.value) ? readMcpService(place) : readService(place)))
  const exceptions = at.exceptions.items().map(readException)
  const applications = at.applications.items().map((each) => readApplication(each, { policyFile: readPolicyFile, name: nameAt, problems }))
  if (applications.length > applicationLimits.applicationsMax)
    at.applications.fault(`at most ${applicationLimits.applicationsMax} applications`, 'leave some out')
  const configuration: Configuration = {
    space: at.space.isThere ? nameAt(at.space) : 'main',
    issuers,
    people,
    identities,
    services,
    exceptions,
    applications,
    roles: Object.fromEntries(at.roles.entries().map(([role, members]) => [roleName(role, members), members.items().map(nameAt)])),
    ...(at.policyFiles.isThere ? { policyFiles: at.policyFiles.items().map(readPolicyFile) } : {}),
  }
  checkNames(at, configuration)
  return problems.length > 0 ? { problems } : { configuration }
}

type Top = Readonly<Record<'people' | 'issuers' | 'identities' | 'services' | 'roles' | 'applications', Place>>

/** What can only be seen with everything read: names used twice, owners, members and issuers that do not exist. */
function checkNames(at: Top, { people, identities, roles, issuers, services, applications }: Configuration): void {
  const persons = new Set(people.map((person) => person.name))
  const named = [...people, ...identities].map(({ name }) => name)
  const known = new Set(named)
  reportTwice(at.identities, named)
  const taken = named.find((name) => isTakenName(name))
  if (taken !== undefined) at.identities.fault(`"${taken}" is a name under which Remit itself acts`, 'choose another name')
  reportTwice(
    at.services,
    services.map((service) => service.name),
  )
  checkJoins(at.services, services)
  reportTwice(
    at.issuers,
    issuers.map((issuer) => issuer.name),
  )
  reportTwice(
    at.applications,
    applications.map((application) => application.name),
  )
  const places = at.identities.items()
  for (const [place, identity] of identities.entries()) {
    const here = places[place]
    if (!persons.has(identity.owner)) {
      here?.fault(`its owner "${identity.owner}" is not among the people`, 'name a live person under people, or correct the owner')
    }
    for (const by of identity.signsInBy) {
      if (!issuers.some((issuer) => issuer.name === by.issuer)) here?.fault(`there is no issuer "${by.issuer}"`, 'declare it under issuers')
    }
  }
  for (const [role, members] of Object.entries(roles)) {
    const stranger = members.find((member) => !known.has(member))
    if (stranger !== undefined) at.roles.fault(`"${stranger}" in role ${role} is nobody`, 'declare the name under people or identities')
  }
}

/** What a service joins is there, an MCP service, joins nothing itself, and no two of its tools come to the same name. */
function checkJoins(place: Place, services: readonly ConfiguredService[]): void {
  const places = place.items()
  for (const [index, { joins }] of services.entries()) {
    if (joins === undefined) continue
    const joined = joins.map((name) => services.find((service) => service.name === name))
    for (const [at, service] of joined.entries()) {
      if (service?.protocol === 'mcp' && service.joins === undefined) continue
      places[index]?.fault(
        `"${joins[at] ?? ''}" is no MCP service that can be joined`,
        'name services with protocol: mcp that join nothing',
      )
    }
    const offered = joined.flatMap((service) =>
      (service?.routes ?? []).map(({ method, path }) => `${method} ${service?.name ?? ''}${joint}${path}`),
    )
    const seen = new Set<string>()
    const twice = offered.find((name) => seen.size === seen.add(name).size)
    if (twice !== undefined) places[index]?.fault(`two of what it joins would be "${twice}"`, 'rename one of the services')
  }
}

function reportTwice(place: Place, names: readonly string[]): void {
  const seen = new Set<string>()
  const twice = names.find((name) => seen.size === seen.add(name).size)
  if (twice !== undefined) place.fault(`the name "${twice}" is used twice`, 'give each its own name')
}

function roleName(role: string, place: Place): string {
  if (!isName(role)) place.fault(`"${role.slice(0, 60)}" is not a name`, 'use lowercase letters, digits and . _ -')
  return role
}

/** Written to a folder it is neither hidden there nor passed over when the folder is read again. */
const policyFileName = /(?:^|\/)[^./\\\p{Cc}][^/\\\p{Cc}]*\.cedar$/u

function readPolicyFile(place: Place): PolicyFile {
  const { name, text } = place.members(['name', 'text'])
  const body = typeof text.value === 'string' ? text.value : ''
  if (body === '' || body.length > 1_000_000) text.fault('a policy file has some text, and at most 1 MB', 'split it')
  const called = name.text()
  if (called !== '' && (called.length > 1_000 || !policyFileName.test(called)))
    name.fault('this is not the name of a policy file', 'name it like shop.cedar, or policies/shop.cedar')
  return { name: called, text: body }
}

function readIssuer(place: Place): ConfiguredIssuer {
  const at = place.members(['name', 'issuer', 'audience', 'jwksUri', 'jwks', 'proves'])
  const jwks = isJsonObject(at.jwks.value) ? canonicalJson(at.jwks.value) : at.jwks.isThere ? at.jwks.text() : undefined
  const jwksUri = at.jwksUri.isThere ? at.jwksUri.text() : undefined
  if ((jwks === undefined) === (jwksUri === undefined)) place.fault('an issuer needs its keys', 'write jwksUri or jwks, one of them')
  const proves = at.proves.entries().map(([fact, claim]) => {
    if (!['ticket', 'ci.run', 'ci.environment'].includes(fact))
      claim.fault(`"${fact}" is no fact that policies know`, 'known are ticket, ci.run, ci.environment')
    return [fact, claim.text()] as const
  })
  return {
    name: nameAt(at.name),
    issuer: at.issuer.text(),
    audience: at.audience.text(),
    ...(jwks === undefined ? {} : { jwks }),
    ...(jwksUri === undefined ? {} : { jwksUri }),
    proves: Object.fromEntries(proves),
  }
}

function readPerson(place: Place): ConfiguredPerson {
  const { name, disabled } = place.members(['name', 'disabled'])
  return { name: nameAt(name), disabled: disabled.flag(false) }
}

const nonHumanKinds = identityKinds.filter((kind) => kind !== 'human')

function readIdentity(place: Place): ConfiguredIdentity {
  const at = place.members(['name', 'kind', 'owner', 'disabled', 'signsInBy'])
  const signsInBy = at.signsInBy.items().map((each) => {
    const { issuer, subject } = each.members(['issuer', 'subject'])
    return { issuer: issuer.text(), subject: subject.text() }
  })
  return {
    name: nameAt(at.name),
    kind: at.kind.oneOf(nonHumanKinds),
    owner: nameAt(at.owner),
    disabled: at.disabled.flag(false),
    signsInBy,
  }
}
