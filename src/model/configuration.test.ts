/** The configuration document: every fault told with its place, nothing unknown taken, nothing that makes it throw. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import { readConfiguration } from './configuration.ts'

const exception = {
  identity: 'release-bot',
  owner: 'ana',
  scope: ['read:shop'],
  reason: 'it cannot ask yet',
  remediation: ['teach it to ask'],
  until: '2026-12-31',
}

const good = {
  version: 1,
  space: 'main',
  policyFiles: [{ name: 'a.cedar', text: 'permit' }],
  issuers: [{ name: 'ci', issuer: 'https://ci.example', audience: 'remit', jwks: { keys: [] }, proves: { ticket: 'ticket' } }],
  people: [{ name: 'ana' }, { name: 'ben', disabled: true }],
  roles: { sre: ['ana'], agents: ['aide'] },
  identities: [{ name: 'aide', kind: 'ai-agent', owner: 'ana', disabled: false, signsInBy: [{ issuer: 'ci', subject: 'x' }] }],
  services: [
    {
      name: 'shop',
      upstream: 'http://127.0.0.1:8080',
      port: 0,
      environment: 'prod',
      impact: { data: 'low', service: 'moderate', safety: 'none' },
      labels: ['blue'],
      credential: { header: 'x-api-key', value: 'secret' },
      routes: [
        { name: 'list', method: 'GET', path: '/incidents', effect: 'read', impact: { data: 'high' } },
        {
          name: 'restart',
          method: 'POST',
          path: '/services/{service}/restart',
          effect: 'execute',
          arguments: [{ name: 'reason', in: 'query', type: 'string', required: true }],
        },
      ],
    },
  ],
  exceptions: [],
}

function documentOf(value: unknown): JsonObject {
  const read = parseJson(JSON.stringify(value))
  return read.ok && isJsonObject(read.value) ? read.value : {}
}

function problemsOf(value: unknown) {
  const read = readConfiguration(documentOf(value))
  return 'problems' in read ? read.problems : []
}

/** The document with one place in it changed; the path is of names and numbers. */
function changed(path: readonly (string | number)[], value: unknown): unknown {
  const copy: unknown = structuredClone(good)
  let at = copy as Record<string | number, unknown>
  for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>
  at[path.at(-1) ?? ''] = value
  return copy
}

describe('a configuration', () => {
  test('that is right is read whole, with what stands above it where it is silent', () => {
    const read = readConfiguration(documentOf(good))
    if ('problems' in read) return assert.fail(JSON.stringify(read.problems))
    const [shop] = read.configuration.services
    assert.deepEqual(
      shop?.routes.map(({ name, tier, impact }) => [name, tier, impact.data, impact.service]),
      [
        ['list', 2, 'high', 'moderate'],
        ['restart', 1, 'low', 'moderate'],
      ],
    )
    assert.deepEqual(
      shop?.routes[1]?.arguments.map(({ name, in: where, required }) => [name, where, required]),
      [
        ['reason', 'query', true],
        ['service', 'path', true],
      ],
    )
    assert.deepEqual(shop?.credential, { header: 'x-api-key', prefix: '', value: 'secret', use: 'value' })
    assert.equal(read.configuration.people[1]?.disabled, true)
  })

  test('takes a credential by the reference under which it is kept elsewhere', () => {
    const read = readConfiguration(documentOf(changed(['services', 0, 'credential'], { basic: { reference: 'vault:secret/shop#login' } })))
    const [shop] = 'configuration' in read ? read.configuration.services : []
    assert.deepEqual(shop?.credential, { header: 'authorization', prefix: 'Basic ', value: 'vault:secret/shop#login', use: 'reference' })
  })

  test('takes a service that a proxy enforces, and nothing for it that only a gateway of Remit would use', () => {
    const { credential: _own, port: _none, ...shop } = good.services[0] ?? {}
    const proxied = { ...shop, enforcedBy: 'proxy' }
    const read = readConfiguration(documentOf({ ...good, services: [proxied] }))
    assert.equal('configuration' in read && read.configuration.services[0]?.enforcedBy, 'proxy')
    const plain = readConfiguration(documentOf({ ...good, services: [{ ...proxied, enforcedBy: 'gateway' }] }))
    assert.equal('configuration' in plain && 'enforcedBy' in (plain.configuration.services[0] ?? {}), false)
    const wrong = readConfiguration(documentOf({ ...good, services: [{ ...proxied, port: 1, credential: 'kept' }] }))
    assert.deepEqual('problems' in wrong && wrong.problems.map(({ pointer }) => pointer).toSorted(), [
      '/services/0/credential',
      '/services/0/port',
    ])
  })

  test('prices what nobody declared as dangerous', () => {
    const [shop] = good.services
    const { impact: _none, ...bare } = shop ?? {}
    const read = readConfiguration(
      documentOf({ ...good, services: [{ ...bare, routes: [{ name: 'act', method: 'POST', path: '/x', effect: 'execute' }] }] }),
    )
    assert.equal('configuration' in read && read.configuration.services[0]?.routes[0]?.tier, 3)
  })

  const faults: readonly (readonly [says: string, path: readonly (string | number)[], value: unknown, pointer: string, told: RegExp])[] = [
    ['another version', ['version'], 2, '/version', /version: 1/],
    ['a misspelt part', ['identitys'], [], '/identitys', /did you mean "identities"/],
    ['a misspelt member of a person', ['people', 0, 'disable'], true, '/people/0/disable', /did you mean "disabled"/],
    ['a person without a name', ['people', 0], {}, '/people/0/name', /text/],
    ['a name in capitals', ['people', 0, 'name'], 'Ana', '/people/0/name', /lowercase/],
    ['a human among the identities', ['identities', 0, 'kind'], 'human', '/identities/0/kind', /service-account/],
    ['a misspelt kind', ['identities', 0, 'kind'], 'ai-agnet', '/identities/0/kind', /did you mean "ai-agent"/],
    ['an owner who is nobody', ['identities', 0, 'owner'], 'zoe', '/identities/0', /people/],
    ['an owner who is a machine', ['identities', 0, 'owner'], 'aide', '/identities/0', /people/],
    ['an issuer that is not declared', ['identities', 0, 'signsInBy', 0, 'issuer'], 'gitlab', '/identities/0', /issuers/],
    ['a name twice', ['people', 1, 'name'], 'aide', '/identities', /own name/],
    ['a stranger in a role', ['roles', 'sre'], ['zoe'], '/roles', /declare/],
    ['a role by a bad name', ['roles', 'S R E'], ['ana'], '/roles/S R E', /lowercase/],
    ['an upstream with a path', ['services', 0, 'upstream'], 'http://127.0.0.1:8080/api', '/services/0/upstream', /origin|scheme/],
    ['an upstream with a password', ['services', 0, 'upstream'], 'http://a:b@127.0.0.1', '/services/0/upstream', /scheme/],
    ['an upstream of another kind', ['services', 0, 'upstream'], 'ftp://127.0.0.1', '/services/0/upstream', /scheme/],
    ['an effect that is none', ['services', 0, 'routes', 0, 'effect'], 'reed', '/services/0/routes/0/effect', /did you mean "read"/],
    ['an impact that is none', ['services', 0, 'impact', 'data'], 'huge', '/services/0/impact/data', /critical/],
    ['a port beyond all ports', ['services', 0, 'port'], 65_536, '/services/0/port', /65535/],
    ['an enforcer that is none', ['services', 0, 'enforcedBy'], 'proxi', '/services/0/enforcedBy', /did you mean "proxy"/],
    ['a secret for what a proxy enforces', ['services', 0, 'enforcedBy'], 'proxy', '/services/0/credential', /to the proxy/],
    [
      'two routes for one request',
      ['services', 0, 'routes', 1],
      { name: 'again', method: 'GET', path: '/incidents', effect: 'read' },
      '/services/0/routes',
      /./,
    ],
    [
      'a credential in two ways',
      ['services', 0, 'credential'],
      { bearer: 'a', value: 'b' },
      '/services/0/credential',
      /bearer, basic or value/,
    ],
    [
      'a secret that breaks the line',
      ['services', 0, 'credential'],
      { bearer: 'a\r\nx: y' },
      '/services/0/credential/bearer',
      /line breaks/,
    ],
    [
      'a reference that is none',
      ['services', 0, 'credential'],
      { bearer: { reference: 'vault:../x#y' } },
      '/services/0/credential/bearer/reference',
      /name a secret/,
    ],
    ['an issuer without keys', ['issuers', 0], { name: 'ci', issuer: 'x', audience: 'y' }, '/issuers/0', /jwks/],
    ['an issuer with keys twice', ['issuers', 0, 'jwksUri'], 'https://ci.example/keys', '/issuers/0', /one of them/],
    ['a fact that policies do not know', ['issuers', 0, 'proves'], { mood: 'mood' }, '/issuers/0/proves/mood', /known are/],
    ['an exception without a way out', ['exceptions'], [{ ...exception, remediation: [] }], '/exceptions/0/remediation', /1 to 20 steps/],
    ['an exception that permits nothing', ['exceptions'], [{ ...exception, scope: [] }], '/exceptions/0', /scope or desk/],
    ['an exception without an end', ['exceptions'], [{ ...exception, until: 'never' }], '/exceptions/0/until', /2026-12-31/],
    ['an exception of every effect', ['exceptions'], [{ ...exception, scope: ['any:shop'] }], '/exceptions/0/scope/0', /not an effect/],
    [
      'an exception of a right that is none',
      ['exceptions'],
      [{ ...exception, scope: [], desk: ['rule'] }],
      '/exceptions/0/desk/0',
      /approve/,
    ],
    ['an empty policy file', ['policyFiles', 0, 'text'], '', '/policyFiles/0/text', /1 MB/],
  ]
  for (const [says, path, value, pointer, told] of faults) {
    test(`with ${says} is refused there`, () => {
      const problems = problemsOf(changed(path, value))
      const there = problems.filter((problem) => problem.pointer === pointer)
      assert.notEqual(there.length, 0, JSON.stringify(problems, null, 1))
      assert.ok(
        there.some((problem) => told.test(`${problem.message} ${problem.remedy}`)),
        JSON.stringify(there, null, 1),
      )
    })
  }

  test('takes keys with numbers of any size, as they were written', () => {
    const [ci] = good.issuers
    const text = JSON.stringify({ ...good, issuers: [{ ...ci, jwks: { keys: [], serial: 1 } }] }).replace(
      '"serial":1',
      '"serial":9007199254740993,"part":1.50',
    )
    const document = parseJson(text)
    const read = document.ok && isJsonObject(document.value) ? readConfiguration(document.value) : undefined
    assert.equal(
      read !== undefined && 'configuration' in read && read.configuration.issuers[0]?.jwks,
      '{"keys":[],"part":1.50,"serial":9007199254740993}',
    )
  })

  test('never makes the reader throw, whatever is in it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => void readConfiguration(documentOf(value))),
      { numRuns: 2_000 },
    )
    const paths = placesOf(good)
    fc.assert(
      fc.property(
        fc.constantFrom(...paths),
        fc.jsonValue({ maxDepth: 3 }),
        (path, value) => void readConfiguration(documentOf(changed(path, value))),
      ),
      { numRuns: 3_000 },
    )
  })

  test('never takes a member that it does not know, at any depth', () => {
    const mappings = placesOf(good).filter((path) => isMapping(path) && !['roles', 'proves', 'keys', 'jwks'].includes(String(path.at(-1))))
    const strange = fc.constantFrom('admin', 'Name', 'name ', '__proto__', 'constructor', 'then', 'x')
    fc.assert(
      fc.property(fc.constantFrom([], ...mappings), strange, (path, name) => {
        const text = JSON.stringify(good)
        const copy: unknown = JSON.parse(text)
        let at = copy as Record<string | number, unknown>
        for (const step of path) at = at[step] as Record<string | number, unknown>
        Object.defineProperty(at, name, { value: 1, enumerable: true, configurable: true, writable: true })
        const pointer = [...path, name].map((step) => `/${step}`).join('')
        assert.ok(
          problemsOf(copy).some((problem) => problem.pointer === pointer),
          pointer,
        )
      }),
      { numRuns: 500 },
    )
  })
})

function isMapping(path: readonly (string | number)[]): boolean {
  let at: unknown = good
  for (const step of path) at = (at as Record<string | number, unknown>)[step]
  return typeof at === 'object' && at !== null && !Array.isArray(at)
}

/** Every place in a document, as a path of names and numbers. */
function placesOf(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return []
  const steps: (string | number)[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value)
  return steps.flatMap((step) => [[...path, step], ...placesOf((value as Record<string | number, unknown>)[step], [...path, step])])
}
