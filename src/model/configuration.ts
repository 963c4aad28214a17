/** remit.yaml as a document, read into what Remit keeps: every fault told at once, with its place and what is taken there. */
import { canonicalJson, isJsonObject, type JsonObject } from '../kernel/json.ts'
import { applicationLimits, type WantedApplication } from './applications.ts'
import { readApplication } from './configured-applications.ts'
import { effects, type Impact, type ImpactLevel, impactLevels, tierOf, undeclaredImpact } from './effects.ts'
import { ownGateway } from './gateways.ts'
import { deskServiceName } from './desk-service.ts'
import { type IdentityKind, identityKinds, type IssuedSubject } from './identities.ts'
import { routesFromOpenApi } from './openapi.ts'
import type { PolicyFile } from './policies.ts'
import { compileRoutes, pathParameters } from './routes.ts'
import { isName, isOperationName, isTakenName } from './scope.ts'
import { type ArgumentRule, argumentTypes, type Route } from './services.ts'
import { readSecretReference, secretReferenceForms } from '../kernel/secret-reference.ts'
import { type ConfiguredException, readException } from './configured-exceptions.ts'
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

/** `value` is the secret itself, or the reference by which the gateway looks it up at use. */
export interface ConfiguredCredential {
  readonly header: string
  readonly prefix: string
  readonly value: string
  readonly use: 'value' | 'reference'
}

export interface ConfiguredService {
  readonly name: string
  readonly upstream: string
  /** Absent where it is the one that Remit has in its own process. */
  readonly gateway?: string
  /** Absent where a gateway of Remit's forwards. */
  readonly enforcedBy?: 'proxy'
  readonly port: number
  readonly environment: string
  readonly impact: Impact
  readonly labels: readonly string[]
  /** `kept` is the one that is there already, for this upstream. */
  readonly credential?: ConfiguredCredential | 'kept'
  readonly routes: readonly Route[]
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
  const services = at.services.items().map(readService)
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

function reportTwice(place: Place, names: readonly string[]): void {
  const seen = new Set<string>()
  const twice = names.find((name) => seen.size === seen.add(name).size)
  if (twice !== undefined) place.fault(`the name "${twice}" is used twice`, 'give each its own name')
}

function nameAt(place: Place): string {
  const name = place.text()
  if (name !== '' && !isName(name))
    place.fault(`"${name.slice(0, 60)}" is not a name`, 'use lowercase letters, digits and . _ - and at most 64 of them')
  return name
}

function operationAt(place: Place): string {
  const name = place.text()
  if (name !== '' && !isOperationName(name))
    place.fault(`"${name.slice(0, 60)}" is not a name`, 'use letters, digits and . _ - and at most 64 of them')
  return name
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

function readService(place: Place): ConfiguredService {
  const at = place.members([
    'name',
    'upstream',
    'gateway',
    'enforcedBy',
    'port',
    'environment',
    'impact',
    'labels',
    'credential',
    'openapi',
    'routes',
  ])
  if (at.name.value === deskServiceName) at.name.fault(`"${deskServiceName}" is Remit's own desk`, 'choose another name')
  const impact = readImpact(at.impact, undeclaredImpact)
  const credential = readCredential(at.credential)
  const isProxied = at.enforcedBy.oneOf(['gateway', 'proxy'] as const, 'gateway') === 'proxy'
  if (isProxied) checkProxied(at)
  return {
    name: nameAt(at.name),
    upstream: readOrigin(at.upstream),
    ...(at.gateway.isThere && at.gateway.value !== ownGateway ? { gateway: nameAt(at.gateway) } : {}),
    ...(isProxied ? { enforcedBy: 'proxy' } : {}),
    port: at.port.number(0, 65_535, 0),
    environment: nameAt(at.environment),
    impact,
    labels: at.labels.items().map(nameAt),
    ...(credential === undefined ? {} : { credential }),
    routes: readRoutes(at.openapi, at.routes, impact),
  }
}

/** What only a gateway of Remit's would use: declared, it would look as if Remit did it. */
function checkProxied({ port, credential }: Readonly<Record<'port' | 'credential', Place>>): void {
  if (port.isThere) port.fault('Remit opens no port for what a proxy enforces', 'leave port or enforcedBy out')
  if (credential.isThere)
    credential.fault('Remit sends nothing to what a proxy enforces', 'give the credential to the proxy and leave it out here')
}

function readOrigin(place: Place): string {
  const text = place.text()
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isOrigin =
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '' &&
    url.username === '' &&
    url.password === ''
  if (!isOrigin) place.fault('this is not an origin', 'write scheme, host and port, such as http://127.0.0.1:8080, and nothing after them')
  return isOrigin ? url.origin : ''
}

/** Undeclared impact is high; what is declared in part keeps the rest of what stands above it. */
function readImpact(place: Place, above: Impact): Impact {
  if (!place.isThere) return above
  const { data, service, safety } = place.members(['data', 'service', 'safety'])
  const level = (at: Place, otherwise: ImpactLevel) => at.oneOf(impactLevels, otherwise)
  return { data: level(data, above.data), service: level(service, above.service), safety: level(safety, above.safety) }
}

/**
 * `bearer`, `basic` (user:password) or a plain `value`: the secret as text, resolved by whoever sent the document, or
 * `{ reference }` for one that is looked up at use.
 */
function readCredential(place: Place): ConfiguredService['credential'] {
  if (!place.isThere) return undefined
  if (place.value === 'kept') return 'kept'
  const at = place.members(['header', 'bearer', 'basic', 'value'])
  const given = (['bearer', 'basic', 'value'] as const).filter((name) => at[name].isThere)
  const [way] = given
  if (way === undefined || given.length > 1) {
    place.fault('a credential is written in one way', 'write bearer, basic or value, with env:NAME or file:PATH')
    return undefined
  }
  const header = at.header.text('authorization').toLowerCase()
  if (!/^[a-z0-9-]{1,64}$/.test(header))
    at.header.fault('this is not the name of a header', 'write something like authorization or x-api-key')
  if (isJsonObject(at[way].value)) return { header, prefix: prefixes[way], value: readReference(at[way]), use: 'reference' }
  const secret = at[way].text()
  if (/[^\x21-\x7e ]/.test(secret))
    at[way].fault('the secret has a character that no header carries', 'use visible ASCII without line breaks')
  return { header, prefix: prefixes[way], value: way === 'basic' ? Buffer.from(secret).toString('base64') : secret, use: 'value' }
}

const prefixes = { bearer: 'Bearer ', basic: 'Basic ', value: '' } as const

function readReference(place: Place): string {
  const { reference } = place.members(['reference'])
  const text = reference.text()
  if (text !== '' && readSecretReference(text) === undefined)
    reference.fault('this does not name a secret', `write ${secretReferenceForms}, with plain letters and no . or .. between slashes`)
  return text
}

function readRoutes(openapi: Place, routes: Place, impact: Impact): readonly Route[] {
  if (openapi.isThere && isJsonObject(openapi.value)) {
    const read = routesFromOpenApi(openapi.value)
    if (!read.ok) openapi.fault(read.refusal.detail ?? 'this OpenAPI document cannot be read', 'mend the place that is named')
    const drafts = read.ok ? read.value : []
    return drafts.map((draft) => ({ ...draft, impact: draft.impact ?? impact, tier: tierOf(draft.impact ?? impact, draft.effect) }))
  }
  if (openapi.isThere) openapi.fault('this should be the name of an OpenAPI document', 'write openapi: ./service.openapi.yaml')
  const read = routes.items().map((route) => readRoute(route, impact))
  const compiled = compileRoutes(read)
  if (!compiled.ok) routes.fault(compiled.refusal.detail ?? 'these routes cannot stand together', 'mend the route that is named')
  return read
}

function readRoute(place: Place, above: Impact): Route {
  const at = place.members(['name', 'method', 'path', 'effect', 'impact', 'arguments', 'upgrade'])
  const effect = at.effect.oneOf(effects)
  const impact = readImpact(at.impact, above)
  const path = at.path.text()
  const method = at.method.text()
  return {
    name: operationAt(at.name),
    method,
    path,
    effect,
    impact,
    tier: tierOf(impact, effect),
    arguments: readArguments(at.arguments, path),
    ...(at.upgrade.isThere ? { upgrade: at.upgrade.oneOf(['websocket'] as const) } : {}),
  }
}

/** Declared arguments, and a required text for each path parameter that nobody declared. */
function readArguments(place: Place, path: string): readonly ArgumentRule[] {
  const declared = place.items().map((each): ArgumentRule => {
    const at = each.members(['name', 'in', 'type', 'required'])
    const where = at.in.oneOf(['path', 'query', 'body'] as const)
    return { name: at.name.text(), in: where, type: at.type.oneOf(argumentTypes, 'string'), required: at.required.flag(where === 'path') }
  })
  const parameters = pathParameters(path)
  const missing = (parameters.ok ? parameters.value : []).filter(
    (name) => !declared.some((rule) => rule.in === 'path' && rule.name === name),
  )
  return [...declared, ...missing.map((name): ArgumentRule => ({ name, in: 'path', type: 'string', required: true }))]
}
