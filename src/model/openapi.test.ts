/** OpenAPI documents: what becomes of an operation, and every place that cannot be read exactly. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import { mustBe } from '../kernel/result.ts'
import { routesFromOpenApi } from './openapi.ts'

/** A document with these paths, as the strict parser reads it. */
function documentOf(paths: object, more: object = {}): JsonObject {
  const value = mustBe(parseJson(JSON.stringify({ openapi: '3.1.0', paths, ...more })))
  assert.ok(isJsonObject(value))
  return value
}

const text = { type: 'string' }

test('a document becomes routes', () => {
  const document = documentOf(
    {
      'x-note': 'skipped',
      '/incidents': {
        summary: 'all of them',
        get: {
          operationId: 'listIncidents',
          parameters: [
            { name: 'limit', in: 'query', schema: { type: 'integer' } },
            { name: 'tag', in: 'query', schema: { type: 'array', items: text } },
            { name: 'state', in: 'query', required: true, schema: { enum: ['open', 'closed'] } },
            { name: 'X-Trace', in: 'header', schema: text },
            { $ref: '#/components/parameters/since' },
          ],
        },
        post: {
          operationId: 'openIncident',
          requestBody: { $ref: '#/components/requestBodies/incident' },
          'x-remit-impact': { data: 'low', service: 'none' },
        },
        trace: undefined,
      },
      '/incidents/{id}': {
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer' } }],
        get: { operationId: 'readIncident', parameters: [{ name: 'id', in: 'path', required: true, schema: text }] },
        delete: { operationId: 'dropIncident' },
        options: { operationId: 'askIncident', 'x-remit-skip': true },
      },
      '/services/{name}/restart': {
        post: {
          operationId: 'restart',
          'x-remit-effect': 'execute',
          'x-remit-impact': { data: 'none', service: 'high', safety: 'none' },
          parameters: [{ name: 'name', in: 'path', required: true, schema: { allOf: [{ $ref: '#/components/schemas/name' }] } }],
        },
      },
      '/blob': { put: { operationId: 'putBlob', requestBody: { content: { 'application/octet-stream': {} } } } },
      '/free': {
        patch: {
          operationId: 'free',
          requestBody: { 'x-remit-opaque': true, content: { 'application/json': { schema: { oneOf: [text] } } } },
        },
      },
    },
    {
      servers: [{ url: 'https://shop.test/v1/' }, { url: '/v1' }],
      components: {
        parameters: { since: { name: 'since', in: 'query', schema: { type: ['number', 'null'] } } },
        schemas: {
          name: text,
          base: { type: 'object', required: ['title'], properties: { title: text, id: { type: 'string', readOnly: true } } },
        },
        requestBodies: {
          incident: {
            required: true,
            content: {
              'application/json': {
                schema: {
                  allOf: [
                    { $ref: '#/components/schemas/base' },
                    {
                      required: ['urgent'],
                      properties: {
                        urgent: { type: 'boolean' },
                        cost: { type: 'number' },
                        nested: { type: 'object', 'x-remit-ignore': true },
                      },
                    },
                  ],
                },
              },
            },
          },
        },
      },
    },
  )
  const path = (name: string, type: string) => ({ name, in: 'path', required: true, type })
  assert.deepEqual(mustBe(routesFromOpenApi(document)), [
    {
      name: 'listIncidents',
      method: 'GET',
      path: '/v1/incidents',
      effect: 'read',
      arguments: [
        { name: 'limit', in: 'query', required: false, type: 'long' },
        { name: 'tag', in: 'query', required: false, type: 'strings' },
        { name: 'state', in: 'query', required: true, type: 'string' },
        { name: 'since', in: 'query', required: false, type: 'decimal' },
      ],
    },
    {
      name: 'openIncident',
      method: 'POST',
      path: '/v1/incidents',
      effect: 'write',
      // What was not said is high.
      impact: { data: 'low', service: 'none', safety: 'high' },
      arguments: [
        { name: 'title', in: 'body', required: true, type: 'string' },
        { name: 'urgent', in: 'body', required: true, type: 'boolean' },
        { name: 'cost', in: 'body', required: false, type: 'decimal' },
      ],
    },
    { name: 'readIncident', method: 'GET', path: '/v1/incidents/{id}', effect: 'read', arguments: [path('id', 'string')] },
    { name: 'dropIncident', method: 'DELETE', path: '/v1/incidents/{id}', effect: 'delete', arguments: [path('id', 'long')] },
    {
      name: 'restart',
      method: 'POST',
      path: '/v1/services/{name}/restart',
      effect: 'execute',
      impact: { data: 'none', service: 'high', safety: 'none' },
      arguments: [path('name', 'string')],
    },
    { name: 'putBlob', method: 'PUT', path: '/v1/blob', effect: 'write', arguments: [] },
    { name: 'free', method: 'PATCH', path: '/v1/free', effect: 'write', arguments: [] },
  ])
})

const get = (more: object) => ({ '/a': { get: { operationId: 'a', ...more } } })
const query = (more: object) => get({ parameters: [{ name: 'q', in: 'query', schema: text, ...more }] })
const body = (schema: object) => ({ '/a': { post: { operationId: 'a', requestBody: { content: { 'application/json': { schema } } } } } })

const refused: readonly (readonly [says: string, document: JsonObject, detail: string])[] = [
  ['Swagger 2.0', documentOf({}, { openapi: '2.0' }), '#/openapi: only OpenAPI 3.0 and 3.1'],
  ['no version', documentOf({}, { openapi: undefined }), '#/openapi: only OpenAPI'],
  ['an operation without a name', documentOf({ '/a': { get: {} } }), '#/paths/~1a/get/operationId: a name'],
  ['a name with a slash', documentOf(get({ operationId: 'a/b' })), '#/paths/~1a/get/operationId: a name'],
  [
    'a name twice',
    documentOf({ '/a': { get: { operationId: 'a' } }, '/b': { get: { operationId: 'a' } } }),
    '#/paths/~1b/get/operationId: "a" is used twice',
  ],
  ['TRACE', documentOf({ '/a': { trace: { operationId: 'a' } } }), '#/paths/~1a/trace: TRACE is never forwarded'],
  ['a method that is none', documentOf({ '/a': { GET: { operationId: 'a' } } }), '#/paths/~1a/GET: this is not read'],
  ['servers of an operation', documentOf(get({ servers: [{ url: '/v2' }] })), '#/paths/~1a/get/servers: an operation has no servers'],
  ['servers of a path', documentOf({ '/a': { servers: [] } }), '#/paths/~1a/servers: this is not read'],
  ['servers that differ', documentOf({}, { servers: [{ url: '/v1' }, { url: '/v2' }] }), '#/servers: the servers have different paths'],
  [
    'a server with variables in its path',
    documentOf({}, { servers: [{ url: 'https://a.test/{v}' }] }),
    '#/servers/0/url: its path is not a plain path',
  ],
  [
    'a path with half a parameter',
    documentOf({ '/a.{format}': { get: { operationId: 'a' } } }),
    '#/paths/~1a.{format}/get: its path cannot be read',
  ],
  [
    'a parameter that is not declared',
    documentOf({ '/a/{id}': { get: { operationId: 'a' } } }),
    '#/paths/~1a~1{id}/get: the path’s parameter id is not declared',
  ],
  [
    'a parameter that is not in the path',
    documentOf(get({ parameters: [{ name: 'id', in: 'path', schema: text }] })),
    '#/paths/~1a/get: id does not stand in the path',
  ],
  [
    'a required cookie',
    documentOf(get({ parameters: [{ name: 'sid', in: 'cookie', required: true }] })),
    '#/paths/~1a/get/parameters/0: cookies never pass',
  ],
  ['a place that is none', documentOf(get({ parameters: [{ name: 'a', in: 'body' }] })), '#/paths/~1a/get/parameters/0/in: one of path'],
  ['a parameter without a schema', documentOf(query({ schema: undefined })), '#/paths/~1a/get/parameters/0: a schema is needed'],
  [
    'a list of numbers',
    documentOf(query({ schema: { type: 'array', items: { type: 'integer' } } })),
    '#/paths/~1a/get/parameters/0/schema: a list is taken of strings only',
  ],
  [
    'a list in one parameter',
    documentOf(query({ explode: false, schema: { type: 'array', items: text } })),
    '#/paths/~1a/get/parameters/0: a list is taken as repeated',
  ],
  ['another style', documentOf(query({ style: 'deepObject' })), '#/paths/~1a/get/parameters/0/style: only the usual style'],
  [
    'an object as a parameter',
    documentOf(query({ schema: { type: 'object' } })),
    '#/paths/~1a/get/parameters/0/schema: this type cannot be an argument',
  ],
  [
    'two types',
    documentOf(query({ schema: { type: ['string', 'integer'] } })),
    '#/paths/~1a/get/parameters/0/schema: this type cannot be an argument',
  ],
  [
    'a nested member',
    documentOf(body({ properties: { a: { type: 'object' } } })),
    '#/paths/~1a/post/requestBody/content/application~1json/schema/properties/a: this type',
  ],
  [
    'alternatives',
    documentOf(body({ anyOf: [] })),
    '#/paths/~1a/post/requestBody/content/application~1json/schema/anyOf: arguments cannot be read',
  ],
  [
    'one name in two places',
    documentOf({
      '/a/{id}': {
        put: {
          operationId: 'a',
          parameters: [{ name: 'id', in: 'path', schema: text }],
          requestBody: { content: { 'application/json': { schema: { properties: { id: text } } } } },
        },
      },
    }),
    '#/paths/~1a~1{id}/put: id is in the path and in the body',
  ],
  [
    'an upgrade to something else',
    documentOf(get({ 'x-remit-upgrade': 'h2c' })),
    '#/paths/~1a/get/x-remit-upgrade: websocket is the only change of protocol',
  ],
  ['an effect that is none', documentOf(get({ 'x-remit-effect': 'destroy' })), '#/paths/~1a/get/x-remit-effect: one of observe'],
  ['a level that is none', documentOf(get({ 'x-remit-impact': { data: 'huge' } })), '#/paths/~1a/get/x-remit-impact/data: one of none'],
  [
    'an impact on something else',
    documentOf(get({ 'x-remit-impact': { money: 'high' } })),
    '#/paths/~1a/get/x-remit-impact/money: impact is on',
  ],
  [
    'a reference to another file',
    documentOf(get({ parameters: [{ $ref: 'other.json#/a' }] })),
    '#/paths/~1a/get/parameters/0/$ref: only references within',
  ],
  [
    'a reference to nothing',
    documentOf(get({ parameters: [{ $ref: '#/components/none' }] })),
    '#/paths/~1a/get/parameters/0/$ref: it points at nothing',
  ],
  [
    'references in a circle',
    documentOf(body({ $ref: '#/components/a' }), { components: { a: { $ref: '#/components/b' }, b: { $ref: '#/components/a' } } }),
    'schema: the references go round in a circle',
  ],
  [
    'schemas that hold themselves',
    documentOf(body({ $ref: '#/components/a' }), { components: { a: { allOf: [{ $ref: '#/components/a' }] } } }),
    'the schemas lie too deep',
  ],
  ['parameters that are no list', documentOf(get({ parameters: {} })), '#/paths/~1a/get/parameters: a list is needed'],
  ['paths that are no object', documentOf([]), '#/paths: an object is needed'],
]

for (const [says, document, detail] of refused) {
  test(`refused: ${says}`, () => {
    const result = routesFromOpenApi(document)
    assert.ok(!result.ok, JSON.stringify(result))
    assert.equal(result.refusal.code, 'configuration.invalid')
    assert.ok(result.refusal.detail?.replace("path's", 'path’s').includes(detail), JSON.stringify(result))
  })
}

test('a GET that opens a WebSocket: what goes through it is not read, so that its effect is write unless it says another', () => {
  const routes = mustBe(
    routesFromOpenApi(
      documentOf({
        '/live': { get: { operationId: 'live', 'x-remit-upgrade': 'websocket' } },
        '/watch': { get: { operationId: 'watch', 'x-remit-upgrade': 'websocket', 'x-remit-effect': 'observe' } },
      }),
    ),
  )
  assert.deepEqual(
    routes.map(({ name, effect, upgrade }) => [name, effect, upgrade]),
    [
      ['live', 'write', 'websocket'],
      ['watch', 'observe', 'websocket'],
    ],
  )
})
