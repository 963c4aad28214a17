/** Stopping is measured for those who may know, and for nobody else. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isJsonObject, type JsonValue, parseJson } from '../../src/kernel/json.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { type ApiHouse, openApiHouse } from './api-house.ts'
import { asJson, call } from './calls.ts'

let api: ApiHouse
before(async () => {
  api = await openApiHouse()
  for (const name of ['ana', 'ben', 'eva']) await api.register(name)
})
after(() => api.close())

async function as(
  name: string,
  method: 'GET' | 'POST',
  path: string,
): Promise<{ readonly status: number; readonly body: string; readonly type: string }> {
  const sent = method === 'POST' ? asJson({}) : { headers: {} }
  const token = await api.token(name)
  const answered = await call(api.port, { method, path, ...sent, headers: { ...sent.headers, authorization: `Bearer ${token}` } })
  return { status: answered.status, body: answered.body, type: String(answered.headers['content-type']) }
}

function member(text: string, name: string): JsonValue | undefined {
  const read = mustBe(parseJson(text))
  return isJsonObject(read) ? read[name] : undefined
}

test('an auditor has it measured, and reads the figures', async () => {
  const drilled = await as('eva', 'POST', '/v1/drill')
  assert.equal(drilled.status, 200)
  assert.match(drilled.body, /"figures":\[\{"count":1,"gateway":"http","max":\d+,"missed":0,"p50":\d+,"p99":\d+\}\]/)
  assert.ok(Array.isArray(member(drilled.body, 'drilled')))
  const figures = await as('eva', 'GET', '/v1/metrics')
  assert.equal(figures.status, 200)
  assert.match(figures.type, /^text\/plain; version=0\.0\.4/)
  assert.match(figures.body, /^remit_drill_seconds_count\{gateway="http"\} 1$/m)
  assert.match(figures.body, /^remit_gateways_connected 0$/m)
})

for (const [method, path] of [
  ['POST', '/v1/drill'],
  ['GET', '/v1/metrics'],
] as const)
  test(`${method} ${path} is for nobody else`, async () => {
    for (const name of ['meter', 'aide']) {
      const refused = await as(name, method, path)
      assert.equal(refused.status, 403)
      assert.equal(member(refused.body, 'type'), 'urn:remit:refusal:caller.not-allowed')
    }
  })
