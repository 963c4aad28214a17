/** Route tables: the most specific literal wins, look-alikes are refused, and every table means one thing. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { mustBe } from '../kernel/result.ts'
import { compileRoutes, findOperation, pathParameters } from './routes.ts'
import type { Route } from './services.ts'

const impact = { data: 'low', service: 'low', safety: 'none' } as const

function route(name: string, method: string, path: string): Route {
  const parameters = [...path.matchAll(/\{([^}*]+)\*?\}/g)].map(([, parameter = '']) => parameter)
  return {
    name,
    method,
    path,
    effect: 'read',
    impact,
    tier: 0,
    arguments: [...new Set(parameters)].map((parameter) => ({ name: parameter, in: 'path', type: 'string', required: true })),
  }
}

const table = mustBe(
  compileRoutes([
    route('root', 'GET', '/'),
    route('list', 'GET', '/users'),
    route('listSlash', 'GET', '/teams/'),
    route('one', 'GET', '/users/{id}'),
    route('remove', 'DELETE', '/users/{user}'),
    route('export', 'POST', '/users/export'),
    route('keys', 'GET', '/users/{id}/keys'),
    route('exportLog', 'GET', '/users/export/log'),
    route('files', 'GET', '/files/{rest*}'),
    route('wipe', 'POST', '/files/admin/wipe'),
    route('mixed', 'GET', '/Reports/{id}'),
  ]),
)

const found: readonly (readonly [method: string, path: string, want: string, values?: readonly string[]])[] = [
  ['GET', '/', 'root'],
  ['GET', '/users', 'list'],
  ['GET', '/users/7', 'one', ['7']],
  ['DELETE', '/users/7', 'remove', ['7']],
  ['POST', '/users/export', 'export'],
  ['GET', '/users/7/keys', 'keys', ['7']],
  ['GET', '/users/export/log', 'exportLog'],
  ['GET', '/users/export/keys', 'keys', ['export']],
  ['GET', '/teams/', 'listSlash'],
  ['GET', '/files/a', 'files', ['a']],
  ['GET', '/files/a/b/c', 'files', ['a/b/c']],
  ['GET', '/files/a/', 'files', ['a/']],
  ['GET', '/files/admin', 'files', ['admin']],
  ['GET', '/Reports/X', 'mixed', ['X']],
]

for (const [method, path, want, values = []] of found) {
  test(`${method} ${path} is ${want}`, () => {
    const match = mustBe(findOperation(table, method, path.slice(1).split('/')))
    assert.equal(match.operation.route.name, want)
    assert.deepEqual(match.values, values)
  })
}

const notFound: readonly (readonly [method: string, path: string, code: string])[] = [
  ['HEAD', '/users', 'action.unknown'],
  ['OPTIONS', '/users', 'action.unknown'],
  ['get', '/users', 'action.unknown'],
  ['GET', '/users/', 'action.unknown'],
  ['GET', '/teams', 'action.unknown'],
  ['GET', '/Users', 'action.unknown'],
  ['GET', '/users//keys', 'action.unknown'],
  ['GET', '/files', 'action.unknown'],
  ['GET', '/files/', 'action.unknown'],
  // The literal route has no GET, and a router that prefers paths to methods would not fall back either.
  ['GET', '/users/export', 'action.unknown'],
  // A router that ignores case would do what the literal route says.
  ['GET', '/users/EXPORT', 'action.ambiguous'],
  ['DELETE', '/users/Export', 'action.ambiguous'],
  ['GET', '/files/ADMIN/wipe', 'action.ambiguous'],
  ['GET', '/files/admin/WIPE', 'action.ambiguous'],
  ['GET', `/files/${'a/'.repeat(70)}`, 'action.unknown'],
]

for (const [method, path, code] of notFound) {
  test(`${method} ${path.slice(0, 40)} is ${code}`, () => {
    const result = findOperation(table, method, path.slice(1).split('/'))
    assert.ok(!result.ok, JSON.stringify(result.ok && result.value.operation.route.name))
    assert.equal(result.refusal.code, code)
  })
}

const bad: readonly (readonly [says: string, routes: readonly Route[], detail: RegExp])[] = [
  ['two routes for the same requests', [route('a', 'GET', '/x/{id}'), route('b', 'GET', '/x/{name}')], /route b .*a answers to the same/],
  ['paths that differ by case alone', [route('a', 'GET', '/x'), route('b', 'POST', '/X')], /upper and lower case only/],
  ['a name twice', [route('a', 'GET', '/x'), route('a', 'GET', '/y')], /used twice/],
  ['TRACE', [route('a', 'TRACE', '/x')], /not forwarded/],
  ['CONNECT', [route('a', 'CONNECT', '/x')], /not forwarded/],
  ['a method in lowercase', [route('a', 'get', '/x')], /not forwarded/],
  ['a path without a slash', [route('a', 'GET', 'x')], /starts with/],
  ['a dot segment', [route('a', 'GET', '/x/../y')], /plain segment/],
  ['an empty segment', [route('a', 'GET', '/x//y')], /plain segment/],
  ['a parameter within a segment', [route('a', 'GET', '/x{id}')], /plain segment/],
  ['percent-encoding', [route('a', 'GET', '/caf%C3%A9')], /plain segment/],
  ['a rest in the middle', [route('a', 'GET', '/{rest*}/x')], /at the end/],
  ['a parameter twice', [route('a', 'GET', '/{id}/{id}')], /stands twice/],
  ['a parameter that is no argument', [{ ...route('a', 'GET', '/{id}'), arguments: [] }], /not among its arguments/],
  [
    'an argument that is no parameter',
    [{ ...route('a', 'GET', '/x'), arguments: [{ name: 'id', in: 'path', type: 'string', required: true }] }],
    /does not stand/,
  ],
  [
    'a list in the path',
    [{ ...route('a', 'GET', '/{id}'), arguments: [{ name: 'id', in: 'path', type: 'strings', required: true }] }],
    /never strings/,
  ],
  [
    'one name in two places',
    [
      {
        ...route('a', 'GET', '/x'),
        arguments: [
          { name: 'id', in: 'query', type: 'string', required: true },
          { name: 'id', in: 'body', type: 'string', required: true },
        ],
      },
    ],
    /declared twice/,
  ],
  [
    'a name that is no name',
    [{ ...route('a', 'GET', '/x'), arguments: [{ name: '__proto__', in: 'query', type: 'string', required: true }] }],
    /not a name/,
  ],
]

for (const [says, routes, detail] of bad) {
  test(`no table with ${says}`, () => {
    const result = compileRoutes(routes)
    assert.ok(!result.ok)
    assert.equal(result.refusal.code, 'configuration.invalid')
    assert.match(result.refusal.detail ?? '', detail)
  })
}

/** The same rule said slowly: of the routes that fit, the one whose kinds of segments come first in order. */
function slowly(routes: readonly Route[], path: readonly string[]): string | undefined {
  const kindOf = (segment: string) => (segment.endsWith('*}') ? 2 : segment.startsWith('{') ? 1 : 0)
  const fits = (route_: Route) => {
    const wanted = route_.path.slice(1).split('/')
    const rest = wanted.at(-1)?.endsWith('*}') === true
    if (rest ? path.length < wanted.length : path.length !== wanted.length) return false
    return wanted.every((segment, place) => (kindOf(segment) === 0 ? segment === path[place] : path[place] !== ''))
  }
  const rank = (route_: Route) => route_.path.slice(1).split('/').map(kindOf).join('')
  return routes.filter(fits).toSorted((one, other) => (rank(one) < rank(other) ? -1 : 1))[0]?.name
}

test('random tables answer as the slow rule does', () => {
  const segment = fc.constantFrom('a', 'b', 'c', '{p}')
  const path = fc.tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.boolean()).map(([segments, rest]) => {
    const named = segments.map((text, place) => (text === '{p}' ? `{p${place}}` : text))
    return `/${[...named, ...(rest ? ['{rest*}'] : [])].join('/')}`
  })
  const request = fc
    .array(fc.constantFrom('a', 'b', 'c', 'd', ''), { minLength: 1, maxLength: 6 })
    .filter((segments) => !segments.slice(0, -1).includes(''))
  fc.assert(
    fc.property(fc.uniqueArray(path, { maxLength: 12 }), request, (paths, segments) => {
      const routes = paths.map((text, place) => route(`r${place}`, 'GET', text))
      const compiled = compileRoutes(routes)
      assert.ok(compiled.ok)
      const result = findOperation(compiled.value, 'GET', segments)
      assert.equal(result.ok ? result.value.operation.route.name : undefined, slowly(routes, segments))
    }),
    { numRuns: 3_000 },
  )
})

test('the parameters of a path, in their order', () => {
  assert.deepEqual(mustBe(pathParameters('/a/{b}/c/{d*}')), ['b', 'd'])
})
