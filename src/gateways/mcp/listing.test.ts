import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VisibleOperation } from '../../control/visible.ts'
import { mustBe } from '../../kernel/result.ts'
import type { Route, Service } from '../../model/services.ts'
import { readMessage } from './json-rpc.ts'
import { defaultLimits } from './limits.ts'
import { type ListMethod, listResponse, seenBy, type Sight, shownOf, withShown } from './listing.ts'

const impact = { data: 'low', service: 'low', safety: 'none' } as const

function route(name: string, method: string, path = name): Route {
  return { name, method, path, effect: 'read', impact, tier: 0, arguments: [] }
}

const routes = [
  route('look', 'tools/call'),
  route('handover', 'prompts/get'),
  route('books', 'resources/read', 'runbook://*'),
  route('index', 'resources/read', 'index://all'),
]
const service: Service = {
  id: 'ops',
  space: 'main',
  protocol: 'mcp',
  upstream: 'http://127.0.0.1:9',
  port: 0,
  environment: 'test',
  impact,
  labels: [],
  routes,
}

function sight(...names: readonly string[]): Sight {
  const operations = names.map(
    (operation): VisibleOperation => ({ operation, answer: 'yes', grant: 'grn_', endsAt: 1_000, constraints: {} }),
  )
  return { service, operations }
}

const everything = sight('look', 'handover', 'books', 'index')

const seen: readonly (readonly [list: ListMethod, key: string, isSeen: boolean])[] = [
  ['tools/list', 'look', true],
  ['tools/list', 'handover', false],
  ['tools/list', 'Look', false],
  ['prompts/list', 'handover', true],
  ['prompts/list', 'look', false],
  ['resources/list', 'index://all', true],
  ['resources/list', 'index://all/more', false],
  ['resources/list', 'runbook://restart', true],
  ['resources/list', 'runbook://', false],
  ['resources/list', 'vault://keys', false],
  ['resources/templates/list', 'runbook://{name}', true],
  ['resources/templates/list', 'runbook://a/{name}', true],
  ['resources/templates/list', 'run{rest}', false],
  ['resources/templates/list', 'vault://{name}', false],
]
for (const [list, key, isSeen] of seen)
  test(`${list} ${isSeen ? 'shows' : 'does not show'} ${key}`, () => {
    assert.equal(seenBy(everything, list)(key), isSeen)
    assert.equal(seenBy(sight(), list)(key), false)
  })

function response(result: string) {
  return mustBe(readMessage(Buffer.from(`{"jsonrpc":"2.0","id":1,"result":${result}}`), defaultLimits))
}

const freshness = { isStateless: true, now: 0, until: 700 }

function filtered(result: string, list: ListMethod = 'tools/list', fresh = freshness): string {
  const read = response(result)
  return Buffer.from(withShown(read, list, mustBe(shownOf(read, list, everything)), fresh)).toString()
}

const rows: readonly (readonly [says: string, result: string, want: string])[] = [
  [
    'what stays keeps its bytes',
    '{ "tools":[ {"name":"no"},{"name" : "look","n":1.0} ,{"name":"no"}],"ttlMs":5,"cacheScope":"public" }',
    '{ "tools":[{"name" : "look","n":1.0}],"ttlMs":5,"cacheScope":"private" }',
  ],
  ['what is not said of its freshness is said', '{"x":1,"tools":[]}', '{"x":1,"ttlMs":0,"cacheScope":"private","tools":[]}'],
  ['no fresher than the grant', '{"ttlMs":9999,"cacheScope":"private","tools":[]}', '{"ttlMs":700,"cacheScope":"private","tools":[]}'],
  [
    'a member of the same name deeper down is left alone',
    '{"tools":[{"name":"look","tools":[],"ttlMs":1}],"ttlMs":1,"cacheScope":"public"}',
    '{"tools":[{"name":"look","tools":[],"ttlMs":1}],"ttlMs":1,"cacheScope":"private"}',
  ],
]
for (const [says, result, want] of rows) test(says, () => assert.equal(filtered(result), `{"jsonrpc":"2.0","id":1,"result":${want}}`))

test('before 2026-07-28 nothing is said of freshness', () => {
  assert.equal(
    filtered('{"tools":[{"name":"no"}]}', 'tools/list', { ...freshness, isStateless: false }),
    '{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}',
  )
})

test('a list that is none is the server’s fault', () => {
  for (const result of ['{}', '{"tools":{}}', '{"tools":[1]}', '{"tools":[{}]}', '{"tools":[{"name":7}]}', '[]', 'null'])
    assert.equal(shownOf(response(result), 'tools/list', everything).ok, false, result)
})

test('joined, a name has its service before it, and nothing else is changed', () => {
  const shown = mustBe(shownOf(response('{"tools":[{"title":"look","name":"look" }]}'), 'tools/list', everything, 'ops'))
  const bytes = listResponse('"a"', 'tools/list', { ...shown, ttlMs: 9 }, freshness)
  assert.equal(
    Buffer.from(bytes).toString(),
    '{"jsonrpc":"2.0","id":"a","result":{"ttlMs":9,"cacheScope":"private","resultType":"complete","tools":[{"title":"look","name":"ops__look" }]}}',
  )
})
