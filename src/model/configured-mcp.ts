/** MCP services of a configuration document: where the server is, and what of it may be asked for. What is not declared is no action. */
import { isJsonObject, type JsonValue } from '../kernel/json.ts'
import { nameAt, operationAt, serviceNameAt } from './configured-names.ts'
import { type ConfiguredService, readCredential, readImpact } from './configured-services.ts'
import { type Effect, effects, type Impact, tierOf, undeclaredImpact } from './effects.ts'
import { ownGateway } from './gateways.ts'
import type { Place } from './parse-document.ts'
import { argumentFlaw } from './routes.ts'
import { type ArgumentRule, argumentTypes, clientOffers, type McpMethod, resultTrusts, type Route } from './services.ts'

const toolsMax = 5_000
/** Names of tools and prompts, as the protocol wants them (SEP-986), and room for whatever is in use. */
const toolPattern = /^[A-Za-z0-9_./:-]{1,128}$/
const variablePattern = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
/** A user's name as useradd takes it, a number, or two of them. */
const userPattern = /^(?:[a-z_][a-z0-9_.-]{0,31}|(?:0|[1-9]\d{0,9})(?::(?:0|[1-9]\d{0,9}))?)$/
/** Names of the gateway's own tools begin so, and no others. */
export const ownToolPrefix = 'remit_'
/** Between the name of a joined service and that of its tool. */
export const joint = '__'

export function isMcp(value: JsonValue | undefined): boolean {
  return isJsonObject(value) && value['protocol'] === 'mcp'
}

/** One service whose `protocol` is `mcp`. */
export function readMcpService(place: Place): ConfiguredService {
  const at = place.members([
    'name',
    'protocol',
    'upstream',
    'command',
    'variables',
    'user',
    'asks',
    'joins',
    'gateway',
    'port',
    'environment',
    'impact',
    'labels',
    'credential',
    'tools',
    'resources',
    'prompts',
  ])
  const ways = [at.upstream, at.command, at.joins].filter((each) => each.isThere)
  if (ways.length !== 1) place.fault('an MCP service is reached in one way', 'write upstream, command or joins, one of them')
  const impact = readImpact(at.impact, undeclaredImpact)
  const credential = readCredential(at.credential)
  if (credential !== undefined && !at.upstream.isThere)
    at.credential.fault('only a server that is reached over HTTP takes a credential', 'hand a command its secrets by variables')
  const routes = [
    ...at.tools.items().map((each) => readTool(each, impact)),
    ...at.resources.items().map((each) => readResource(each, impact)),
    ...at.prompts.items().map((each) => readPrompt(each, impact)),
  ]
  if (routes.length > toolsMax) at.tools.fault(`at most ${toolsMax} tools, resources and prompts`, 'leave some out')
  if (at.joins.isThere && routes.length > 0) place.fault('what joins others has no tools of its own', 'declare them where they are')
  reportTwice(place, routes)
  return {
    name: serviceNameAt(at.name),
    protocol: 'mcp',
    ...(at.upstream.isThere ? readEndpoint(at.upstream) : { upstream: '' }),
    ...readCommand(at),
    ...(at.joins.isThere ? { joins: at.joins.items().map(nameAt) } : {}),
    ...(at.gateway.isThere && at.gateway.value !== ownGateway ? { gateway: nameAt(at.gateway) } : {}),
    port: at.port.number(0, 65_535, 0),
    environment: nameAt(at.environment),
    impact,
    labels: at.labels.items().map(nameAt),
    ...(credential === undefined ? {} : { credential }),
    routes,
  }
}

function readEndpoint(place: Place): Pick<ConfiguredService, 'upstream' | 'endpoint'> {
  const text = place.text()
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isEndpoint =
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    url.hash === '' &&
    url.search === '' &&
    url.username === '' &&
    url.password === ''
  if (url !== undefined && isEndpoint) return { upstream: url.origin, endpoint: url.pathname }
  place.fault('this is not the address of an MCP server', 'write scheme, host, port and path, such as http://127.0.0.1:8080/mcp')
  return { upstream: '' }
}

type CommandPlaces = Readonly<Record<'command' | 'variables' | 'user' | 'asks', Place>>

function readCommand({
  command,
  variables,
  user,
  asks,
}: CommandPlaces): Pick<ConfiguredService, 'command' | 'variables' | 'user' | 'asks'> {
  if (!command.isThere) {
    for (const each of [variables, user, asks])
      if (each.isThere) each.fault('only a server that the gateway starts has this', 'write it beside command, or leave it out')
    return {}
  }
  const words = command.items().map((each) => each.text())
  if (words.length === 0 || words.some((word) => word.includes('\0')))
    command.fault('this names no program', 'write a list: the program, then its arguments')
  const names = variables.items().map((each) => {
    const name = each.text()
    if (name !== '' && !variablePattern.test(name)) each.fault(`"${name.slice(0, 60)}" is no name of a variable`, 'write it like OPS_TOKEN')
    return name
  })
  const asked = asks.items().map((each) => each.oneOf(clientOffers))
  const offers = clientOffers.filter((offer) => asked.includes(offer))
  return {
    command: words,
    ...(names.length === 0 ? {} : { variables: names }),
    ...(user.isThere ? { user: userAt(user) } : {}),
    ...(offers.length === 0 ? {} : { asks: offers }),
  }
}

/** Whether the gateway's machine knows it is found out there. */
function userAt(place: Place): string {
  const name = place.text()
  if (name !== '' && !userPattern.test(name))
    place.fault(`"${name.slice(0, 60)}" is no user of a machine`, 'write a name such as nobody, a number in quotes, or "uid:gid"')
  return name
}

interface Said {
  readonly name: Place
  readonly effect: Effect
  readonly impact: Impact
  readonly arguments: readonly ArgumentRule[]
  readonly trust: Place
}

function routeOf(method: McpMethod, path: string, said: Said): Route {
  const { effect, impact } = said
  const trust = said.trust.oneOf(resultTrusts, 'untrusted')
  return {
    name: operationAt(said.name),
    method,
    path,
    effect,
    impact,
    tier: tierOf(impact, effect),
    arguments: said.arguments,
    ...(trust === 'untrusted' ? {} : { trust }),
  }
}

/** `tool` is its name at the server, where that is no name of an operation. */
function readTool(place: Place, above: Impact): Route {
  const at = place.members(['name', 'tool', 'effect', 'impact', 'arguments', 'trust'])
  const named = at.tool.isThere ? at.tool : at.name
  const said = { ...at, effect: at.effect.oneOf(effects), impact: readImpact(at.impact, above), arguments: readArguments(at.arguments) }
  const tool = serverNameAt(named)
  if (tool.startsWith(ownToolPrefix))
    named.fault(`"${tool}" is a name of Remit's own`, `tools of servers have names that do not begin with ${ownToolPrefix}`)
  return routeOf('tools/call', tool, said)
}

/** A resource is read, unless it says otherwise; what its template leaves open is an argument, `rest`. */
function readResource(place: Place, above: Impact): Route {
  const at = place.members(['name', 'uri', 'effect', 'impact', 'trust'])
  const uri = at.uri.text()
  if (uri !== '' && !/^[a-z][a-z0-9+.-]*:[^*\s\p{Cc}]*\*?$/iu.test(uri))
    at.uri.fault('this is not the URI of resources', 'write it like runbook://restart, or runbook://* for all that begin so')
  const rest: readonly ArgumentRule[] = uri.endsWith('*') ? [{ name: 'rest', in: 'call', type: 'string', required: true }] : []
  const said = { ...at, effect: at.effect.oneOf(effects, 'read'), impact: readImpact(at.impact, above), arguments: rest }
  return routeOf('resources/read', uri, said)
}

function readPrompt(place: Place, above: Impact): Route {
  const at = place.members(['name', 'prompt', 'effect', 'impact', 'arguments', 'trust'])
  const effect = at.effect.oneOf(effects, 'read')
  const said = { ...at, effect, impact: readImpact(at.impact, above), arguments: readArguments(at.arguments) }
  return routeOf('prompts/get', serverNameAt(at.prompt.isThere ? at.prompt : at.name), said)
}

function serverNameAt(place: Place): string {
  const name = place.text()
  if (name !== '' && !toolPattern.test(name))
    place.fault(`"${name.slice(0, 60)}" is not a name of a tool`, 'write letters, digits and _ - . / :, at most 128 of them')
  return name
}

function readArguments(place: Place): readonly ArgumentRule[] {
  const rules = place.items().map((each): ArgumentRule => {
    const at = each.members(['name', 'type', 'required'])
    return { name: at.name.text(), in: 'call', type: at.type.oneOf(argumentTypes, 'string'), required: at.required.flag(false) }
  })
  const flaw = argumentFlaw(rules)
  if (flaw !== undefined) place.fault(flaw, 'name each once, with letters, digits and _ $ . [ ] -, at most 64 of them')
  return rules
}

function reportTwice(place: Place, routes: readonly Route[]): void {
  for (const keys of [routes.map(({ name }) => name), routes.map(({ method, path }) => `${method} ${path}`)]) {
    const seen = new Set<string>()
    const twice = keys.find((key) => seen.size === seen.add(key).size)
    if (twice !== undefined) place.fault(`"${twice}" is declared twice`, 'declare it once')
  }
}
