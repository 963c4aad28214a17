import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { activateGrant } from '../../src/control/work-window.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { type ApiHouse, openApiHouse } from '../api/api-house.ts'
import { call } from '../api/calls.ts'
import { ask, callerOf } from '../api/held.ts'
import { shopDocument, shopPolicies } from '../world/shop.ts'
import { post, type Told } from './asking.ts'

const duty = `@id("reads-are-small") @duty("record=durable, answer<=1MB") forbid (principal, action in Effect::Action::"read", resource);`

let api: ApiHouse
/** The agent, its owner, an auditor, and a machine that has nothing to do with it. */
const tokens: Record<string, string> = {}
let grant: string

before(async () => {
  const roles = { ...(shopDocument()['roles'] as object), 'incident-agents': ['aide', 'other'] }
  const identities = [...(shopDocument()['identities'] as object[]), { name: 'other', kind: 'ai-agent', owner: 'ben' }]
  const policyFiles = [{ name: 'shop.cedar', text: shopPolicies + duty }]
  api = await openApiHouse({ document: shopDocument({ roles, identities, policyFiles }) })
  for (const name of ['ana', 'ben', 'eva']) await api.register(name)
  for (const name of ['aide', 'ana', 'eva', 'meter']) tokens[name] = await api.token(name)
  const asked = await ask(api, 'aide', { task: 'incident', statement: 'checkout is slow', scope: ['read|execute:shop'] })
  grant = mustBe(await activateGrant(api.house.desk, await callerOf(api, 'aide'), asked.id)).id
})
after(() => api.close())

const aide = { type: 'ai-agent', id: 'aide' }
const route = (id: string) => ({ type: 'route', id })

function ask1(as: string, question: object): Promise<Told> {
  return post({ port: api.port, token: tokens[as] ?? '' }, 'evaluation', question)
}

const restart = { subject: aide, action: { name: 'restart' }, resource: route('shop/restart') }
const list = { subject: aide, action: { name: 'read' }, resource: route('shop/list-incidents') }

const cases: readonly { says: string; as?: string; question: object; decision: boolean; reason: string }[] = [
  { says: 'what its grant covers, by effect', question: list, decision: true, reason: 'allowed' },
  {
    says: 'the same by the name of the operation',
    question: { ...list, action: { name: 'list-incidents' } },
    decision: true,
    reason: 'allowed',
  },
  {
    says: 'the same on the service',
    question: { ...list, action: { name: 'list-incidents' }, resource: { type: 'service', id: 'shop' } },
    decision: true,
    reason: 'allowed',
  },
  {
    says: 'what a person must be asked about',
    question: { ...restart, context: { arguments: { service: 'checkout' } } },
    decision: false,
    reason: 'action.held',
  },
  {
    says: 'what a guardrail forbids for its argument',
    question: { ...restart, context: { arguments: { service: 'till' } } },
    decision: false,
    reason: 'action.forbidden',
  },
  { says: 'an argument that is missing', question: restart, decision: false, reason: 'action.arguments' },
  {
    says: 'an argument of another type',
    question: { ...restart, context: { arguments: { service: 5 } } },
    decision: false,
    reason: 'action.arguments',
  },
  {
    says: 'an argument that is not declared',
    question: { ...list, context: { arguments: { force: true } } },
    decision: false,
    reason: 'action.arguments',
  },
  {
    says: 'another effect than the operation has',
    question: { ...list, action: { name: 'write' } },
    decision: false,
    reason: 'action.unknown',
  },
  {
    says: 'an operation that is not there',
    question: { ...list, resource: route('shop/nothing') },
    decision: false,
    reason: 'action.unknown',
  },
  {
    says: 'a service that is not there',
    question: { ...list, resource: route('nothing/list') },
    decision: false,
    reason: 'action.unknown',
  },
  {
    says: 'a type of resource that is not there',
    question: { ...list, resource: { type: 'planet', id: 'shop/list-incidents' } },
    decision: false,
    reason: 'action.unknown',
  },
  {
    says: 'what is not covered',
    question: { ...list, action: { name: 'deploy' }, resource: route('shop/deploy'), context: { arguments: { version: '1' } } },
    decision: false,
    reason: 'grant.missing',
  },
  { says: 'under a task of that kind', question: { ...list, context: { task: 'incident' } }, decision: true, reason: 'allowed' },
  { says: 'under a task of another kind', question: { ...list, context: { task: 'release' } }, decision: false, reason: 'grant.missing' },
  {
    says: 'from an address that is none',
    question: { ...list, context: { address: 'nowhere' } },
    decision: false,
    reason: 'action.arguments',
  },
  { says: 'by its owner', as: 'ana', question: list, decision: true, reason: 'allowed' },
  { says: 'by an auditor', as: 'eva', question: list, decision: true, reason: 'allowed' },
  { says: 'by a stranger', as: 'meter', question: list, decision: false, reason: 'not-found' },
  { says: 'about nobody', question: { ...list, subject: { type: 'ai-agent', id: 'nobody' } }, decision: false, reason: 'not-found' },
  {
    says: 'about a namesake of another kind',
    question: { ...list, subject: { type: 'human', id: 'aide' } },
    decision: false,
    reason: 'not-found',
  },
]

for (const { says, as = 'aide', question, decision, reason } of cases) {
  test(says, async () => {
    const { status, json } = await ask1(as, question)
    assert.equal(status, 200)
    assert.equal(json['decision'], decision, JSON.stringify(json))
    assert.equal((json['context'] as Record<string, unknown>)['reason'], reason, JSON.stringify(json))
  })
}

test('the duties of an action go out as obligations', async () => {
  const { json } = await ask1('aide', list)
  const { obligations, evidence } = json['context'] as { obligations: unknown; evidence: unknown }
  assert.equal(evidence, 'durable')
  assert.deepEqual(obligations, [
    { type: 'custom', id: 'remit-evidence', vendor: 'remit', duty: 'evidence', value: 'durable' },
    { type: 'custom', id: 'remit-answerBytesMax', vendor: 'remit', duty: 'answerBytesMax', value: 1_000_000 },
  ])
  const held = await ask1('aide', { ...restart, context: { arguments: { service: 'checkout' } } })
  assert.equal((held.json['context'] as { obligations?: unknown }).obligations, undefined)
})

test('whom one may not see is answered exactly as nobody', async () => {
  const [hidden, nobody] = await Promise.all(['aide', 'nobody'].map((id) => ask1('meter', { ...list, subject: { type: 'ai-agent', id } })))
  assert.deepEqual(hidden?.json, nobody?.json)
})

test('a grant may be named, another one is none', async () => {
  const named = await ask1('aide', { ...list, context: { grant } })
  assert.equal(named.json['decision'], true)
  assert.equal((named.json['context'] as Record<string, unknown>)['grant'], grant)
  const other = await ask1('aide', { ...list, context: { grant: 'grn_01ARZ3NDEKTSV4RRFFQ69G5FAV' } })
  assert.equal(other.json['decision'], false)
})

test('asking changes nothing: no session, no use, no entry', async () => {
  const { desk } = api.house
  const changes: unknown[] = []
  desk.store.onCommit((committed) => void changes.push(...committed.changes))
  const before = await entries()
  for (let n = 0; n < 20; n += 1) await ask1('aide', list)
  assert.deepEqual(await entries(), before)
  assert.deepEqual(changes, [])
  assert.deepEqual([...desk.facts.liveSessions()], [])
})

/** Kinds of what the ledger has, but for the anchors of journals, which are written in their own time. */
async function entries(): Promise<readonly string[]> {
  await api.house.sequencer.flush()
  const leaves = await api.house.desk.log.leaves(0, 1_000)
  const kinds = leaves.map(({ body = '' }) => (JSON.parse(body) as { readonly kind: string }).kind)
  return kinds.filter((kind) => kind !== 'journal.anchored')
}

/** A result without what it obliges to. */
function bare(result: object): object {
  const { context: _context, ...rest } = result as { context?: unknown }
  return rest
}

test('searches find what evaluations permit, and no more than the caller may see', async () => {
  const way = (as: string) => ({ port: api.port, token: tokens[as] ?? '' })
  const resources = await post(way('aide'), 'search/resource', { subject: aide, action: { name: 'read' }, resource: { type: 'route' } })
  assert.deepEqual((resources.json['results'] as object[]).map(bare), [{ type: 'route', id: 'shop/list-incidents' }])
  const actions = await post(way('aide'), 'search/action', { subject: aide, resource: { type: 'service', id: 'shop' } })
  assert.deepEqual((actions.json['results'] as object[]).map(bare), [{ name: 'list-incidents' }])
  const subjects = (as: string) =>
    post(way(as), 'search/subject', { subject: { type: 'ai-agent' }, action: { name: 'read' }, resource: route('shop/list-incidents') })
  for (const as of ['aide', 'ana', 'eva'])
    assert.deepEqual(((await subjects(as)).json['results'] as object[]).map(bare), [{ type: 'ai-agent', id: 'aide' }], as)
  assert.deepEqual((await subjects('meter')).json['results'], [])
})

test('what could be asked for is told so, asked for, and permitted afterwards', async () => {
  const bot = await api.token('bot')
  const way = { port: api.port, token: bot }
  const question = {
    subject: { type: 'service-account', id: 'bot' },
    action: { name: 'deploy' },
    resource: route('shop/deploy'),
    context: { arguments: { version: '4.2' } },
  }
  const denied = await post(way, 'evaluation', question)
  assert.equal(denied.json['decision'], false)
  const { reason, access_request: told } = denied.json['context'] as { reason: string; access_request: Record<string, unknown> }
  assert.equal(reason, 'grant.missing')
  assert.equal(told['endpoint'], `${api.origin}/access/v1/requests`)
  assert.equal(told['template'], 'release')
  const denial = { expires_at: told['expires_at'], binding_token: told['binding_token'], template: told['template'], reason }
  const stated = { ...question, context: { ...question.context, business_justification: 'ship 4.2' } }
  for (const [says, body] of Object.entries({
    'another action': { ...stated, action: { name: 'list-incidents' }, denial },
    'other arguments': { ...stated, context: { arguments: { version: '4.3' } }, denial },
    'another time': { ...stated, denial: { ...denial, expires_at: '2999-01-01T00:00:00.000Z' } },
    'no binding': { ...stated, denial: { expires_at: denial.expires_at } },
  })) {
    const refused = await post(way, 'requests', body)
    assert.deepEqual([refused.status, refused.json['type']], [400, 'urn:remit:refusal:access.denial'], says)
  }
  const stranger = await post({ port: api.port, token: tokens['meter'] ?? '' }, 'requests', { ...stated, denial })
  assert.equal(stranger.status, 400)
  const asked = await post(way, 'requests', { ...stated, denial })
  assert.equal(asked.status, 202, asked.body)
  const { task } = asked.json as { task: { id: string; status: string; status_endpoint: string } }
  assert.equal(task.status, 'pending')
  assert.equal(task.status_endpoint, `${api.origin}/access/v1/requests/${task.id}`)
  const grants = api.house.desk.facts.grant(task.id as 'grn_')
  assert.equal(grants?.task.statement, 'ship 4.2')
  const seen = (token: string) =>
    call(api.port, { method: 'GET', path: `/access/v1/requests/${task.id}`, headers: { authorization: `Bearer ${token}` } })
  assert.equal((await seen(bot)).status, 200)
  assert.equal((await seen(tokens['meter'] ?? '')).status, 404)
})
