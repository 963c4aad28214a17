/** What one endpoint offers: the tools, resources and prompts of one service, or of those that it joins, each under the name a client uses. */
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { joint } from '../../model/configured-mcp.ts'
import { argumentFlaw } from '../../model/routes.ts'
import type { ArgumentRule, Route, Service } from '../../model/services.ts'
import { quoted } from './envelope.ts'
import { otherReading } from './uris.ts'

/** A tool, resource or prompt of one server. */
export interface Offered {
  /** The service that has it, never the one that joins. */
  readonly service: string
  readonly route: Route
  /** What the client calls it: with the service's name before it, where several are joined. Of a resource its URI. */
  readonly name: string
  readonly rules: ReadonlyMap<string, ArgumentRule>
}

export interface Offer {
  /** What is joined, or the one service. */
  readonly services: readonly Service[]
  /** Whether names have their service before them. */
  readonly isJoined: boolean
  readonly tools: ReadonlyMap<string, Offered>
  readonly prompts: ReadonlyMap<string, Offered>
  /** By the whole URI. */
  readonly resources: ReadonlyMap<string, Offered>
  /** By what a URI begins with: the longest first. */
  readonly templates: readonly Template[]
  /** Resources and templates as a server sees them that does not tell upper and lower case apart. */
  readonly folded: Pick<Offer, 'resources' | 'templates'>
}

type Template = readonly [start: string, offered: Offered]

/**
 * Makes the table of an endpoint. `services`: the one that it is for, or those that it joins, in which case names are `ops__restart`.
 * URIs are not changed: results are full of them. Refuses `configuration.invalid` where two servers would answer to one name or URI.
 */
export function compileOffer(services: readonly Service[], isJoined: boolean): Result<Offer> {
  const tables = {
    'tools/call': new Map<string, Offered>(),
    'prompts/get': new Map<string, Offered>(),
    'resources/read': new Map<string, Offered>(),
  }
  const templates: Template[] = []
  for (const service of services) {
    for (const route of service.routes) {
      const flaw = argumentFlaw(route.arguments)
      if (flaw !== undefined) return invalid(`${service.id}/${route.name}: ${flaw}`)
      const { method } = route
      if (method !== 'tools/call' && method !== 'prompts/get' && method !== 'resources/read')
        return invalid(`${service.id}/${route.name}: ${method.slice(0, 40)} is no method of MCP that is an action`)
      const name = isJoined && method !== 'resources/read' ? `${service.id}${joint}${route.path}` : route.path
      const offered = { service: service.id, route, name, rules: new Map(route.arguments.map((rule) => [rule.name, rule])) }
      const known = tables[method].get(name)
      if (known !== undefined) return collision(known, offered)
      tables[method].set(name, offered)
      if (method === 'resources/read' && name.endsWith('*')) templates.push([name.slice(0, -1), offered])
    }
  }
  const resources = tables['resources/read']
  const shared = findShared([...resources.values()])
  if (shared !== undefined) return collision(...shared)
  for (const [, { name }] of templates) resources.delete(name)
  templates.sort(([a], [b]) => b.length - a.length)
  const folded = {
    resources: new Map([...resources].map(([uri, offered]) => [uri.toLowerCase(), offered])),
    templates: templates.map(([each, offered]): Template => [each.toLowerCase(), offered]),
  }
  return done({ services, isJoined, tools: tables['tools/call'], prompts: tables['prompts/get'], resources, templates, folded })
}

export interface FoundResource {
  readonly offered: Offered
  /** What follows a template's beginning; absent where the whole URI is declared. */
  readonly rest?: string
}

/** Longer ones are no names, and would stand in every record. */
const uriCharactersMax = 8_192

/** The one resource that a URI names to every reader. Refuses `action.unknown`, `action.arguments`, and `action.ambiguous` for a URI with two readings. */
export function resourceOf(offer: Offer, uri: unknown): Result<FoundResource> {
  if (typeof uri !== 'string') return refuse('action.arguments', { detail: 'uri is no text' })
  if (uri.length > uriCharactersMax) return refuse('action.arguments', { detail: `uri has more than ${uriCharactersMax} characters` })
  const found = findResource(offer, uri)
  if (found === undefined) return refuse('action.unknown', { detail: quoted(uri) })
  const { offered, rest } = found
  if (rest === undefined) return done(found)
  const other = otherReading(uri, rest)
  if (other !== undefined) return refuse('action.ambiguous', { detail: `the URI: ${other}` })
  if (findResource(offer.folded, uri.toLowerCase())?.offered !== offered)
    return refuse('action.ambiguous', { detail: 'the URI names another resource where upper and lower case are not told apart' })
  return done(found)
}

/** The resource that a URI, or a template of one, names: the one of just this URI, else the one whose beginning is the longest. */
export function findResource({ resources, templates }: Pick<Offer, 'resources' | 'templates'>, uri: string): FoundResource | undefined {
  const exact = resources.get(uri)
  if (exact !== undefined) return { offered: exact }
  const [start, offered] = templates.find(([each]) => uri.startsWith(each)) ?? []
  return start === undefined || offered === undefined ? undefined : { offered, rest: uri.slice(start.length) }
}

/** Two resources of different servers that one URI could name. Sorted by their beginnings, one that holds others stands before them. */
function findShared(all: readonly Offered[]): readonly [Offered, Offered] | undefined {
  const open: Offered[] = []
  const sorted = all.toSorted((a, b) => order(start(a), start(b)) || order(b.name.length, a.name.length))
  for (const offered of sorted) {
    while (open.length > 0 && !start(offered).startsWith(start(open.at(-1) ?? offered))) open.pop()
    const other = open.find(({ service }) => service !== offered.service)
    if (other !== undefined) return [other, offered]
    if (offered.name.endsWith('*')) open.push(offered)
  }
  return undefined
}

function start({ name }: Offered): string {
  return name.endsWith('*') ? name.slice(0, -1) : name
}

function order<T extends string | number>(one: T, other: T): number {
  return one < other ? -1 : one > other ? 1 : 0
}

function collision(one: Offered, other: Offered): Result<never> {
  return invalid(`${one.service}/${one.route.name} and ${other.service}/${other.route.name} both answer to ${other.name.slice(0, 200)}`)
}

function invalid(detail: string): Result<never> {
  return refuse('configuration.invalid', { detail })
}
