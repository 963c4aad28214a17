import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { type ApiHouse, openApiHouse } from '../api/api-house.ts'
import { call } from '../api/calls.ts'
import { shopDocument } from '../world/shop.ts'
import { certification, citizens, todo, written } from './applications.ts'
import { post, readObject, type Way } from './asking.ts'
import { vectors } from './vectors.ts'

let api: ApiHouse
let way: Way

before(async () => {
  const roles = { ...(shopDocument()['roles'] as object), 'pdp-clients': ['bot'] }
  api = await openApiHouse({ document: shopDocument({ roles, applications: [certification, todo].map(written) }) })
  way = { port: api.port, token: await api.token('bot'), base: '/applications/certification' }
})
after(() => api.close())

for (const { says, path, body, headers = {}, status = 200, decision, decisions, finds, exactly } of vectors) {
  test(`${path}: ${says}`, async () => {
    const id = `vector ${says}`.replaceAll(/[^ -~]/g, '').slice(0, 200)
    const answered = await post(way, path, body, { 'x-request-id': id, ...headers })
    assert.equal(answered.status, status, answered.body)
    assert.equal(answered.headers['x-request-id'], id)
    if (status !== 200) {
      assert.match(String(answered.headers['content-type']), /^application\/problem\+json/)
      return
    }
    assert.match(String(answered.headers['content-type']), /^application\/json(?:; charset=utf-8)?$/)
    const { json } = answered
    if (decision !== undefined) assert.equal(json['decision'], decision, answered.body)
    if (decisions !== undefined) {
      const given = json['evaluations'] as readonly { decision: boolean }[]
      assert.deepEqual(
        given.map((each) => each.decision),
        decisions,
      )
      assert.equal(json['decision'], undefined)
    }
    if (finds !== undefined) {
      const found = (json['results'] as readonly { id?: string; name?: string }[]).map((each) => each.id ?? each.name)
      assert.deepEqual(exactly ? found : found.filter((each) => finds.includes(String(each))), finds)
      assert.equal((json['page'] as { count: number }).count, found.length)
    }
  })
}

test('a request without an id is answered without one, and the same each time', async () => {
  const answers = await Promise.all(Array.from({ length: 5 }, () => post(way, 'evaluation', vectors[0]?.body)))
  for (const { json, headers } of answers) {
    assert.deepEqual(json, answers[0]?.json)
    assert.equal(headers['x-request-id'], undefined)
  }
})

test('pages hold together: each result once, in order, until the token is empty', async () => {
  const question = { subject: { type: 'user' }, action: { name: 'read' }, resource: { type: 'record', id: 'record-1' } }
  const found: string[] = []
  let page: object = { limit: 1 }
  for (let pages = 0; pages < 10; pages += 1) {
    const { status, json } = await post(way, 'search/subject', { ...question, page })
    assert.equal(status, 200)
    found.push(...(json['results'] as readonly { id: string }[]).map(({ id }) => id))
    const { next_token: token } = json['page'] as { next_token: string }
    if (token === '') break
    page = { token }
  }
  assert.deepEqual(found, ['alice', 'bob'])
})

test('a token is for the search that it came from', async () => {
  const question = { subject: { type: 'user' }, action: { name: 'read' }, resource: { type: 'record', id: 'record-1' } }
  const first = await post(way, 'search/subject', { ...question, page: { limit: 1 } })
  const { next_token: token } = first.json['page'] as { next_token: string }
  const changed: readonly (readonly [string, object])[] = [
    ['search/subject', { ...question, action: { name: 'write' }, page: { token } }],
    ['search/subject', { ...question, context: { x: 1 }, page: { token } }],
    ['search/subject', { ...question, page: { token, limit: 2 } }],
    ['search/subject', { ...question, page: { token: `${token}A` } }],
    ['search/resource', { ...question, subject: { type: 'user', id: 'alice' }, resource: { type: 'record' }, page: { token } }],
  ]
  for (const [path, body] of changed) assert.equal((await post(way, path, body)).status, 400)
  assert.equal((await post({ ...way, base: '/applications/todo' }, 'search/subject', { ...question, page: { token } })).status, 400)
  assert.equal((await post(way, 'search/subject', { ...question, page: { token, limit: 1 } })).status, 200)
})

test('metadata stands where the path is inserted, and names where to ask', async () => {
  const get = async (path: string) => call(api.port, { method: 'GET', path, headers: { 'x-request-id': 'm1' } })
  const own = await get('/.well-known/authzen-configuration')
  assert.equal(own.status, 200)
  assert.match(String(own.headers['content-type']), /^application\/json/)
  assert.equal(own.headers['x-request-id'], 'm1')
  assert.equal(readObject(own.body)['policy_decision_point'], api.origin)
  assert.deepEqual(readObject(own.body)['capabilities'], ['urn:openid:authzen:capability:access-request'])
  const base = `${api.origin}/applications/certification`
  const { body } = await get('/.well-known/authzen-configuration/applications/certification')
  assert.deepEqual(readObject(body), {
    policy_decision_point: base,
    access_evaluation_endpoint: `${base}/access/v1/evaluation`,
    access_evaluations_endpoint: `${base}/access/v1/evaluations`,
    search_subject_endpoint: `${base}/access/v1/search/subject`,
    search_resource_endpoint: `${base}/access/v1/search/resource`,
    search_action_endpoint: `${base}/access/v1/search/action`,
    obligations_supported: ['step-up', 'notification', 'session_termination', 'custom'],
  })
  const unknown = await get('/.well-known/authzen-configuration/applications/nothing')
  assert.deepEqual(unknown.body.replaceAll('nothing', 'certification'), body)
})

/** The interop's expectations, person by person: creating, then editing and deleting of one's own and of another's. */
const wanted: Readonly<
  Record<keyof typeof citizens, readonly [create: boolean, own: readonly [boolean, boolean], others: readonly [boolean, boolean]]>
> = {
  rick: [true, [true, true], [true, true]],
  morty: [true, [true, true], [false, false]],
  summer: [true, [true, true], [false, false]],
  beth: [false, [false, false], [false, false]],
  jerry: [false, [false, false], [false, false]],
}

for (const [name, [create, own, others]] of Object.entries(wanted) as [keyof typeof citizens, (typeof wanted)['rick']][]) {
  test(`the Todo scenario: ${name}`, async () => {
    const there = { ...way, base: '/applications/todo' }
    const subject = { type: 'user', id: citizens[name].id }
    const may = async (action: string, resource: object) =>
      (await post(there, 'evaluation', { subject, action: { name: action }, resource, context: {} })).json['decision']
    for (const id of [citizens.beth.id, citizens.beth.email]) assert.equal(await may('can_read_user', { type: 'user', id }), true)
    assert.equal(await may('can_read_todos', { type: 'todo', id: 'todo-1' }), true)
    assert.equal(await may('can_create_todo', { type: 'todo', id: 'todo-1' }), create)
    const todos = (ownerID: string) => ({ type: 'todo', id: '7240d0db-8ff0-41ec-98b2-34a096273b9f', properties: { ownerID } })
    const both = async (ownerID: string) => [await may('can_update_todo', todos(ownerID)), await may('can_delete_todo', todos(ownerID))]
    assert.deepEqual(await both(citizens[name].email), own)
    assert.deepEqual(await both(name === 'rick' ? citizens.morty.email : citizens.rick.email), others)
  })
}

test('the Todo scenario: which todos Morty can complete, in one call with empty defaults', async () => {
  const item = (ownerID: string) => ({ resource: { type: 'todo', id: '7240d0db-8ff0-41ec-98b2-34a096273b9f', properties: { ownerID } } })
  const { json } = await post({ ...way, base: '/applications/todo' }, 'evaluations', {
    subject: { type: 'user', id: citizens.morty.id },
    action: { name: 'can_update_todo' },
    resource: {},
    context: {},
    evaluations: [item(citizens.rick.email), item(citizens.morty.email)],
  })
  assert.deepEqual(
    (json['evaluations'] as readonly { decision: boolean }[]).map(({ decision }) => decision),
    [false, true],
  )
})
