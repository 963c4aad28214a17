/** The route table of a service: which declared operation a method and a path name, if any. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { ArgumentRule, Route } from './services.ts'

/** A route made ready for matching. */
export interface Operation {
  readonly route: Route
  /** The path's parameters in the order in which they stand. */
  readonly pathRules: readonly ArgumentRule[]
  readonly queryRules: ReadonlyMap<string, ArgumentRule>
  readonly bodyRules: ReadonlyMap<string, ArgumentRule>
}

export interface RouteMatch {
  readonly operation: Operation
  /** Decoded texts of the path's parameters, in the order of `pathRules`. */
  readonly values: readonly string[]
}

export interface RouteTable {
  readonly exact: RouteNode
  /** The same routes with every literal in lowercase, and with numbers in place of methods. */
  readonly folded: RouteNode
  readonly hasUppercase: boolean
}

interface RouteNode {
  readonly literals: Map<string, RouteNode>
  parameter?: RouteNode
  /** What `{rest*}` leads to. */
  rest?: RouteNode
  /** By method. Empty where no route ends. */
  readonly operations: Map<string, Operation>
  /** The same for a node of `exact` and its twin in `folded`. */
  shape: string
}

const segmentsMax = 64
const routesMax = 5_000
const methods = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'QUERY',
  'SEARCH',
  'REPORT',
  'PROPFIND',
  'PROPPATCH',
  'MKCOL',
  'COPY',
  'MOVE',
  'LOCK',
  'UNLOCK',
])

/**
 * Makes a table of routes, or refuses `configuration.invalid`: two routes that answer to the same requests (or to requests that
 * differ by upper and lower case only), a path that is not canonical, a parameter without an argument rule or a rule without its
 * parameter, a method that no gateway forwards (TRACE would show the upstream's secret to the client).
 */
export function compileRoutes(routes: readonly Route[]): Result<RouteTable> {
  if (routes.length > routesMax) return refuse('configuration.invalid', { detail: `at most ${routesMax} routes` })
  const table = { exact: emptyNode(''), folded: emptyNode(''), hasUppercase: false }
  const names = new Set<string>()
  for (const route of routes) {
    if (names.has(route.name)) return flaw(route, 'its name is used twice')
    names.add(route.name)
    const added = addRoute(table, route)
    if (!added.ok) return added
  }
  return done(table)
}

/**
 * The operation that a method and decoded path segments name. The most specific literal wins, from left to right; a node without the
 * method is no match. Refuses `action.unknown`, and `action.ambiguous` where a reader that ignores upper and lower case would find another route.
 */
export function findOperation(table: RouteTable, method: string, segments: readonly string[]): Result<RouteMatch> {
  if (segments.length > segmentsMax) return refuse('action.unknown')
  const values: string[] = []
  const node = walk(table.exact, { segments, at: 0, values })
  if (node === undefined) return refuse('action.unknown')
  if (values.length > 0) {
    const lower = segments.map((segment) => segment.toLowerCase())
    if (table.hasUppercase || lower.some((segment, place) => segment !== segments[place])) {
      const other = walk(table.folded, { segments: lower, at: 0, values: [] })
      if (other?.shape !== node.shape)
        return refuse('action.ambiguous', { detail: 'the path names another operation where upper and lower case are not told apart' })
    }
  }
  const operation = node.operations.get(method)
  return operation === undefined ? refuse('action.unknown') : done({ operation, values })
}

/** The names of a path's parameters, `{rest*}` by its bare name; refuses what is not canonical. */
export function pathParameters(path: string): Result<readonly string[]> {
  const found: string[] = []
  if (!path.startsWith('/')) return refuse('configuration.invalid', { detail: 'a path starts with /' })
  const segments = path.slice(1).split('/')
  for (const [place, segment] of segments.entries()) {
    const last = place === segments.length - 1
    const [, name, star] = /^\{([A-Za-z_][A-Za-z0-9_.-]{0,63})(\*?)\}$/.exec(segment) ?? []
    if (name !== undefined) {
      if (star === '*' && !last) return refuse('configuration.invalid', { detail: `{${name}*} stands at the end or nowhere` })
      if (found.includes(name)) return refuse('configuration.invalid', { detail: `the parameter ${name} stands twice` })
      found.push(name)
    } else if (segment === '.' || segment === '..' || (segment === '' && !last) || !/^[A-Za-z0-9._~!$&'()*+,=:@-]*$/.test(segment)) {
      return refuse('configuration.invalid', { detail: `"${segment.slice(0, 40)}" is neither a plain segment nor {name}` })
    }
  }
  if (segments.length > segmentsMax) return refuse('configuration.invalid', { detail: `at most ${segmentsMax} segments` })
  return done(found)
}

interface Walk {
  readonly segments: readonly string[]
  readonly at: number
  readonly values: string[]
}

/** Depth first, literals before parameters before the rest. Each node is visited at most once, so backtracking costs no more than the table. */
function walk(node: RouteNode, { segments, at, values }: Walk): RouteNode | undefined {
  const segment = segments[at]
  if (segment === undefined) return node.operations.size > 0 ? node : undefined
  const literal = node.literals.get(segment)
  if (literal !== undefined) {
    const found = walk(literal, { segments, at: at + 1, values })
    if (found !== undefined) return found
  }
  if (segment === '') return undefined
  if (node.parameter !== undefined) {
    values.push(segment)
    const found = walk(node.parameter, { segments, at: at + 1, values })
    if (found !== undefined) return found
    values.pop()
  }
  if (node.rest === undefined) return undefined
  values.push(segments.slice(at).join('/'))
  return node.rest
}

function addRoute(
  table: { readonly exact: RouteNode; readonly folded: RouteNode; hasUppercase: boolean },
  route: Route,
): Result<undefined> {
  if (!methods.has(route.method)) return flaw(route, `the method ${route.method.slice(0, 20)} is not forwarded`)
  if (route.upgrade !== undefined && route.method !== 'GET') return flaw(route, 'only GET asks for another protocol')
  const parameters = pathParameters(route.path)
  if (!parameters.ok) return flaw(route, parameters.refusal.detail ?? 'its path is malformed')
  const operation = compileOperation(route, parameters.value)
  if (!operation.ok) return operation
  const segments = route.path.slice(1).split('/')
  const exact = reach(table.exact, segments)
  const lower = segments.map((segment) => (segment.startsWith('{') ? segment : segment.toLowerCase()))
  const folded = reach(table.folded, lower)
  // The twins share a shape. A second exact node with the same folded twin means two paths that differ by case alone.
  if (folded.shape !== '' && folded.shape !== exact.shape) return flaw(route, 'another path differs from it by upper and lower case only')
  exact.shape = route.path.replaceAll(/\{[^}]*?(\*?)\}/g, '{$1}')
  folded.shape = exact.shape
  table.hasUppercase ||= lower.some((segment, place) => segment !== segments[place])
  const known = exact.operations.get(route.method)
  if (known !== undefined) return flaw(route, `${known.route.name} answers to the same requests`)
  exact.operations.set(route.method, operation.value)
  folded.operations.set(route.method, operation.value)
  return done(undefined)
}

function reach(root: RouteNode, segments: readonly string[]): RouteNode {
  let node = root
  for (const segment of segments) {
    if (segment.endsWith('*}')) node = node.rest ??= emptyNode('')
    else if (segment.startsWith('{')) node = node.parameter ??= emptyNode('')
    else {
      const next = node.literals.get(segment) ?? emptyNode('')
      node.literals.set(segment, next)
      node = next
    }
  }
  return node
}

function emptyNode(shape: string): RouteNode {
  return { literals: new Map(), operations: new Map(), shape }
}

function compileOperation(route: Route, parameters: readonly string[]): Result<Operation> {
  const rulesIn = (place: ArgumentRule['in']) => route.arguments.filter((rule) => rule.in === place)
  const wrong = argumentFlaw(route.arguments)
  if (wrong !== undefined) return flaw(route, wrong)
  const pathRules: ArgumentRule[] = []
  for (const parameter of parameters) {
    const rule = rulesIn('path').find(({ name }) => name === parameter)
    if (rule === undefined) return flaw(route, `the path's parameter ${parameter} is not among its arguments`)
    if (rule.type === 'strings') return flaw(route, `the path's parameter ${parameter} is one value, never strings`)
    pathRules.push(rule)
  }
  const stray = rulesIn('path').find(({ name }) => !parameters.includes(name))
  if (stray !== undefined) return flaw(route, `the argument ${stray.name} does not stand in its path`)
  const byName = (rules: readonly ArgumentRule[]) => new Map(rules.map((rule) => [rule.name, rule]))
  return done({ route, pathRules, queryRules: byName(rulesIn('query')), bodyRules: byName(rulesIn('body')) })
}

/** What is wrong with the names of an operation's arguments. Those of all places share one namespace, as policies and grants see them. */
export function argumentFlaw(rules: readonly ArgumentRule[]): string | undefined {
  const names = new Set<string>()
  for (const { name } of rules) {
    if (names.has(name)) return `the argument ${name} is declared twice`
    if (name === '__proto__' || !/^[A-Za-z_$][\w$.[\]-]{0,63}$/.test(name)) return `"${name.slice(0, 40)}" is not a name for an argument`
    names.add(name)
  }
  return undefined
}

function flaw(route: Route, says: string): Result<never> {
  return refuse('configuration.invalid', {
    detail: `route ${route.name.slice(0, 80)} (${route.method} ${route.path.slice(0, 200)}): ${says}`,
  })
}
