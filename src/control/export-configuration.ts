/** What is there, written as the document that would make it so: applied where it came from, it changes nothing. */
import type { JsonObject, JsonValue } from '../kernel/json.ts'
import { canonicalJson } from '../kernel/json.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Application, describeCallers } from '../model/applications.ts'
import { lastName, linkText } from '../model/configured-applications.ts'
import type { Impact } from '../model/effects.ts'
import type { Identity, Issuer } from '../model/identities.ts'
import type { PolicyFile } from '../model/policies.ts'
import { pathParameters } from '../model/routes.ts'
import type { Route, Service } from '../model/services.ts'
import type { Caller, Desk } from './desk.ts'
import { pictureNow } from './kept-picture.ts'
import { callerMay } from './rights.ts'
import { mcpText } from './export-mcp.ts'

export interface Exported {
  readonly document: JsonObject
  /** Without the desk's own. */
  readonly policyFiles: readonly PolicyFile[]
  /** Services whose secret stays where it is: in the document it is `kept`. */
  readonly secrets: readonly string[]
  readonly base: string
}

/** For whoever audits or administers. No secret is in it, sealed or plain. */
export function exportConfiguration(desk: Desk, caller: Caller): Result<Exported> {
  const may = callerMay(desk, caller, 'audit')
  if (!may.ok && !callerMay(desk, caller, 'administer').ok) return may
  const { facts, space } = desk
  const identities = [...facts.identities()].toSorted((left, right) => (left.name < right.name ? -1 : 1))
  const issuers = [...facts.issuers()].toSorted((left, right) => (left.id < right.id ? -1 : 1))
  const services = facts.services().toSorted((left, right) => (left.id < right.id ? -1 : 1))
  const applications = facts.applications.all().toSorted((left, right) => (left.id < right.id ? -1 : 1))
  const document: JsonObject = {
    version: 1,
    space,
    ...listed('issuers', issuers.map(issuerText)),
    ...listed('people', identities.filter(({ kind }) => kind === 'human').map(personText)),
    roles: rolesText(desk, identities),
    ...listed(
      'identities',
      identities.filter(({ kind }) => kind !== 'human').map((each) => identityText(desk, each)),
    ),
    ...listed('services', services.map(serviceText)),
    ...listed('applications', applications.map(applicationText)),
  }
  const shipped = new Set(desk.shipped.map(({ name }) => name))
  return done({
    document,
    policyFiles: (facts.policies?.files ?? []).filter(({ name }) => !shipped.has(name)),
    secrets: services.filter(({ credential }) => credential !== undefined && credential.reference === undefined).map(({ id }) => id),
    base: pictureNow(desk).digest,
  })
}

function listed(name: string, items: readonly JsonValue[]): JsonObject {
  return items.length === 0 ? {} : { [name]: items }
}

function issuerText({ id, issuer, audience, jwksUri, jwks, proves }: Issuer): JsonObject {
  return {
    name: id,
    issuer,
    audience,
    ...(jwksUri === undefined ? {} : { jwksUri }),
    ...(jwks === undefined ? {} : { jwks }),
    ...(Object.keys(proves).length === 0 ? {} : { proves: { ...proves } }),
  }
}

function personText({ name, state }: Identity): JsonObject {
  return { name, ...(state === 'disabled' ? { disabled: true } : {}) }
}

function identityText({ facts }: Desk, { name, kind, owner, state, signsInBy }: Identity): JsonObject {
  return {
    name,
    kind,
    owner: owner === undefined ? '' : (facts.identity(owner)?.name ?? ''),
    ...(state === 'disabled' ? { disabled: true } : {}),
    ...(signsInBy.length === 0 ? {} : { signsInBy: signsInBy.map(({ issuer, subject }) => ({ issuer, subject })) }),
  }
}

/** Those that somebody has, and those that a policy names, so that they stay declared. */
function rolesText({ facts }: Desk, identities: readonly Identity[]): JsonObject {
  const members = new Map<string, string[]>()
  const rules = facts.rules === undefined ? [] : [facts.rules.eligibility, facts.rules.guardrails, facts.rules.desk]
  for (const uid of rules.flatMap(({ policies }) => policies.flatMap((policy) => policy.mentions)))
    if (uid.type === 'Role') members.set(uid.id, [])
  for (const { kind, name } of facts.applications.all().flatMap(({ callers }) => callers)) if (kind === 'role') members.set(name, [])
  for (const { name, roles } of identities) for (const role of roles) members.set(role, [...(members.get(role) ?? []), name])
  return Object.fromEntries([...members].toSorted(([left], [right]) => (left < right ? -1 : 1)))
}

function serviceText(service: Service): JsonObject {
  const { id, protocol, upstream, gateway, enforcedBy, port, environment, impact, labels, credential, routes } = service
  return {
    name: id,
    ...(protocol === 'http' ? { upstream } : { protocol, ...mcpText(service) }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(enforcedBy === undefined ? {} : { enforcedBy }),
    ...(port === 0 ? {} : { port }),
    environment,
    impact: { ...impact },
    ...(labels.length === 0 ? {} : { labels: [...labels] }),
    ...(credential === undefined ? {} : { credential: credentialText(credential) }),
    ...(protocol === 'http' ? { routes: routes.map((route) => routeText(route, impact)) } : {}),
  }
}

/** Its files under names of their own, so that two applications do not share one. Integers stand in the texts, where nothing rounds them. */
function applicationText({ id, schema, files, entities, links, callers }: Application): JsonObject {
  return {
    name: id,
    schema: { name: lastName(schema.name), text: schema.text },
    policyFiles: files.map(({ name, text }) => ({ name: lastName(name), text })),
    ...listText('entities', entities),
    ...listText('links', links.map(linkText)),
    callers: describeCallers(callers),
  }
}

/** One to a line, so that a difference between two of them can be read. */
function listText(name: string, items: readonly JsonObject[]): JsonObject {
  if (items.length === 0) return {}
  return { [name]: { name: `${name}.json`, text: `[\n${items.map((each) => canonicalJson(each)).join(',\n')}\n]\n` } }
}

const ways: Readonly<Record<string, string>> = { 'Bearer ': 'bearer', 'Basic ': 'basic', '': 'value' }

function credentialText({ header, prefix, reference }: NonNullable<Service['credential']>): JsonValue {
  if (reference === undefined) return 'kept'
  return { ...(header === 'authorization' ? {} : { header }), [ways[prefix] ?? 'value']: { reference } }
}

function routeText(route: Route, above: Impact): JsonObject {
  const { name, method, path, effect, impact, upgrade } = route
  return {
    name,
    method,
    path,
    effect,
    ...(canonicalJson(impact) === canonicalJson(above) ? {} : { impact: { ...impact } }),
    ...(isImplied(route) ? {} : { arguments: route.arguments.map((each) => ({ ...each })) }),
    ...(upgrade === undefined ? {} : { upgrade }),
  }
}

/** Path parameters that are plain text need no words. */
function isImplied({ path, arguments: rules }: Route): boolean {
  const parameters = pathParameters(path)
  const implied = (parameters.ok ? parameters.value : []).map((name) => ({ name, in: 'path', type: 'string', required: true }))
  return canonicalJson(rules) === canonicalJson(implied)
}
