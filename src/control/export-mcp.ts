/** An MCP service as remit.yaml writes it: where the server is, then tools, resources and prompts apart. */
import { canonicalJson, type JsonObject } from '../kernel/json.ts'
import type { Impact } from '../model/effects.ts'
import type { McpMethod, Route, Service } from '../model/services.ts'

/** Where it is, and what of it may be asked for; what every service has, the caller adds. */
export function mcpText({ upstream, endpoint = '', command, variables, user, asks, joins, impact, routes }: Service): JsonObject {
  return {
    ...(upstream === '' ? {} : { upstream: `${upstream}${endpoint}` }),
    ...(command === undefined ? {} : { command: [...command] }),
    ...(variables === undefined ? {} : { variables: [...variables] }),
    ...(user === undefined ? {} : { user }),
    ...(asks === undefined ? {} : { asks: [...asks] }),
    ...(joins === undefined ? {} : { joins: [...joins] }),
    ...listText(
      'tools',
      of(routes, 'tools/call').map((route) => ({ ...named(route, 'tool'), ...more(route, impact) })),
    ),
    ...listText(
      'resources',
      of(routes, 'resources/read').map((route) => ({ name: route.name, uri: route.path, ...more({ ...route, arguments: [] }, impact) })),
    ),
    ...listText(
      'prompts',
      of(routes, 'prompts/get').map((route) => ({ ...named(route, 'prompt'), ...more(route, impact) })),
    ),
  }
}

function of(routes: readonly Route[], method: McpMethod): readonly Route[] {
  return routes.filter((route) => route.method === method)
}

function listText(name: string, items: readonly JsonObject[]): JsonObject {
  return items.length === 0 ? {} : { [name]: [...items] }
}

function named({ name, path }: Route, as: 'tool' | 'prompt'): JsonObject {
  return name === path ? { name } : { name, [as]: path }
}

function more({ effect, impact, arguments: rules, trust }: Route, above: Impact): JsonObject {
  return {
    effect,
    ...(canonicalJson(impact) === canonicalJson(above) ? {} : { impact: { ...impact } }),
    ...(rules.length === 0 ? {} : { arguments: rules.map(({ name, type, required }) => ({ name, type, required })) }),
    ...(trust === undefined ? {} : { trust }),
  }
}
