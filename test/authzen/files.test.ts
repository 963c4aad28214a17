import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { proposeChange } from '../../src/control/change-sets.ts'
import { operator } from '../world/configure.ts'
import { accessCounts } from '../../src/control/authzen-counts.ts'
import { type ApiHouse, openApiHouse } from '../api/api-house.ts'
import { type Answered, call } from '../api/calls.ts'
import { shopDocument } from '../world/shop.ts'
import { files, written } from './applications.ts'
import { post, type Told, type Way } from './asking.ts'

let api: ApiHouse
let way: Way

before(async () => {
  const people = ['ana', 'ben', 'eva', 'zoe'].map((name) => ({ name }))
  api = await openApiHouse({ document: shopDocument({ people, applications: [written(files)] }) })
  for (const name of ['ana', 'ben', 'eva', 'zoe']) await api.register(name)
  way = { port: api.port, token: await api.token('bot'), base: '/applications/files' }
})
after(() => api.close())

const person = (id: string) => ({ type: 'Files::Person', id })
const folder = (id: string) => ({ type: 'Files::Folder', id })
const views = { subject: person('ada'), action: { name: 'view' }, resource: folder('f00') }
const edits = { ...views, action: { name: 'edit' } }

interface Context {
  readonly reason: string
  readonly policies?: readonly { readonly id: string; readonly file: string; readonly line: number; readonly because?: readonly string[] }[]
  readonly obligations?: readonly { readonly type: string; readonly id: string }[]
  readonly errors?: readonly { readonly policy: string }[]
  readonly error?: { readonly status: number; readonly message: string }
}

async function asked(question: object): Promise<{ decision: unknown; context: Context }> {
  const { status, json, body } = await post(way, 'evaluation', question)
  assert.equal(status, 200, body)
  return json as unknown as { decision: unknown; context: Context }
}

test('a yes names every permit and carries the obligations of all of them', async () => {
  const { decision, context } = await asked(views)
  assert.equal(decision, true)
  assert.deepEqual(
    context.policies?.map(({ id, file, line }) => [id, file, line > 1]),
    [
      ['the-team-views', 'files.cedar', true],
      ['sensitive-is-watermarked', 'files.cedar', true],
    ],
  )
  assert.deepEqual(context.obligations, [
    { type: 'custom', id: 'sensitive-is-watermarked', obligation: "watermark with the viewer's name" },
  ])
})

test('a no carries the obligations of the forbids alone', async () => {
  const { decision, context } = await asked({ ...views, context: { purpose: 'training' } })
  assert.equal(decision, false)
  assert.equal(context.reason, 'forbidden')
  assert.deepEqual(
    context.obligations?.map(({ id }) => id),
    ['never-for-training'],
  )
  assert.deepEqual(
    context.policies?.map(({ id }) => id),
    ['never-for-training'],
  )
})

test('an obligation in JSON goes out as the draft has it', async () => {
  const { context } = await asked(edits)
  assert.deepEqual(context.obligations, [
    { type: 'notification', id: 'editing-is-told', to: 'owners@files.example', body: 'a folder was edited' },
  ])
})

test('whoever says that they cannot do an obligation is told no', async () => {
  const declared = (obligations_supported: readonly string[]) => asked({ ...edits, context: { obligations_supported } })
  assert.equal((await declared(['notification'])).decision, true)
  const refused = await declared(['step-up'])
  assert.deepEqual([refused.decision, refused.context.reason, refused.context.obligations], [false, 'obligation-unsupported', undefined])
})

test('a forbid that cannot be evaluated is a no', async () => {
  const body = JSON.stringify(edits).replace(/}$/, ',"context":{"amount":9223372036854775807}}')
  const { status, json } = await post(way, 'evaluation', body)
  assert.equal(status, 200)
  const { decision, context } = json as unknown as { decision: boolean; context: Context }
  assert.equal(decision, false)
  assert.equal(context.reason, 'policy-error')
  assert.deepEqual(
    context.errors?.map(({ policy }) => policy),
    ['no-overflow'],
  )
})

test('which value decided it is said to whoever asks', async () => {
  const { context } = await asked({ ...views, context: { purpose: 'training' }, options: { explain: true } })
  assert.match(context.policies?.[0]?.because?.join(' ') ?? '', /context\.purpose is "training"/)
  assert.equal((await asked(views)).context.policies?.[0]?.because, undefined)
})

test('what is stored is the truth, whatever the request says of it', async () => {
  const lying = { ...edits, subject: { ...person('bob'), properties: { level: 9 } } }
  assert.equal((await asked(lying)).decision, false)
  const unknown = { ...edits, subject: { ...person('new'), properties: { level: 9 } } }
  assert.equal((await asked(unknown)).decision, true)
})

test('an action has its full name too', async () => {
  assert.equal((await asked({ ...views, action: { name: 'Files::Action::"view"' } })).decision, true)
})

test('a search goes through many entities page by page, with the obligations of each', async () => {
  const question = { subject: person('ada'), action: { name: 'view' }, resource: { type: 'Files::Folder' } }
  const found: { id: string; context?: Context }[] = []
  let page: object = { limit: 10 }
  let pages = 0
  for (; pages < 10; ) {
    const { json } = await post(way, 'search/resource', { ...question, page })
    pages += 1
    found.push(...(json['results'] as { id: string; context?: Context }[]))
    const { next_token: token } = json['page'] as { next_token: string }
    if (token === '') break
    page = { token }
  }
  assert.equal(pages, 3)
  assert.deepEqual(
    found.map(({ id }) => id),
    Array.from({ length: 25 }, (_, n) => `f${String(n).padStart(2, '0')}`),
  )
  assert.deepEqual(
    found.map(({ context }) => context?.obligations?.length ?? 0),
    Array.from({ length: 25 }, (_, n) => (n % 2 === 0 ? 1 : 0)),
  )
  for (const { id } of found) assert.equal((await asked({ ...views, resource: folder(id) })).decision, true)
})

test('an action search names what the schema lets such a subject do to such a thing', async () => {
  const names = async (resource: object, subject = person('ada')) =>
    ((await post(way, 'search/action', { subject, resource })).json['results'] as { name: string }[]).map(({ name }) => name)
  assert.deepEqual(await names(folder('f01')), ['edit', 'view'])
  assert.deepEqual(await names(folder('f01'), person('bob')), ['view'])
  assert.deepEqual(await names({ type: 'Files::Printer', id: 'p1' }), [])
})

test('answers are counted by application', async () => {
  const before = accessCounts(api.house.desk).filter(({ about }) => about === 'files')
  await asked(views)
  await asked({ ...views, subject: person('nobody') })
  const after = accessCounts(api.house.desk).filter(({ about }) => about === 'files')
  assert.deepEqual(
    after.map(({ count }, place) => count - (before[place]?.count ?? 0)),
    [1, 1, 0],
  )
  const eva = await api.token('eva')
  const { body } = await call(api.port, { method: 'GET', path: '/v1/metrics', headers: { authorization: `Bearer ${eva}` } })
  assert.match(body, /remit_access_answers_total\{about="files",decision="permit"\} \d+/)
})

/** Each against the application that is there, and one that is not. */
const callers: readonly { says: string; as: string | undefined; there: number; nowhere: number }[] = [
  { says: 'nobody', as: undefined, there: 401, nowhere: 401 },
  { says: 'one that it names', as: 'bot', there: 200, nowhere: 404 },
  { says: 'another machine', as: 'meter', there: 404, nowhere: 404 },
  { says: 'a person who has no part in it', as: 'zoe', there: 404, nowhere: 404 },
  { says: 'an auditor', as: 'eva', there: 403, nowhere: 404 },
]
for (const { says, as, there, nowhere } of callers) {
  test(`${says} is answered ${there}`, async () => {
    const token = as === undefined ? {} : { token: await api.token(as) }
    const at = (name: string, body: unknown = views) =>
      post({ port: api.port, base: `/applications/${name}`, ...token }, 'evaluation', body)
    const [real, none, odd] = [await at('files'), await at('nothing'), await at('No%20Name')]
    assert.deepEqual([real.status, none.status, odd.status], [there, nowhere, nowhere])
    if (there === 401) assert.match(String(real.headers['www-authenticate']), /^Bearer/)
    // Not by a body that cannot be read either.
    if (there === 404)
      for (const body of [views, '{', '[]', {}]) assert.deepEqual(strip(await at('files', body)), strip(await at('nothing', body)))
  })
}

function strip({ status, headers: { date: _date, ...headers }, body }: Answered): unknown {
  return { status, headers, body }
}

const deep = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
const withContext = (context: string) => JSON.stringify(views).replace(/}$/, `,"context":${context}}`)

/** What is sent raw, and what comes of it: a status, or for 200 the decision. */
const hostile: readonly (readonly [says: string, body: string | Uint8Array, status: number, decision?: boolean])[] = [
  ['a context 5,000 deep', withContext(deep(5_000)), 400],
  ['a context as deep as is taken', withContext(deep(30)), 200, true],
  ['a list 5,000 deep', `${'['.repeat(5_000)}${']'.repeat(5_000)}`, 400],
  ['an integer at 2^63 - 1', withContext('{"amount":9223372036854775807}'), 200, true],
  ['an integer at 2^63', withContext('{"amount":9223372036854775808}'), 400],
  ['an integer at -2^63', withContext('{"amount":-9223372036854775808}'), 200, true],
  ['an integer below -2^63', withContext('{"amount":-9223372036854775809}'), 400],
  ['a fraction where a Long is', withContext('{"amount":1.5}'), 200, false],
  ['an exponent', withContext('{"amount":1e3}'), 200, false],
  ['null where a Long is', withContext('{"amount":null}'), 200, false],
  ['__proto__ in the context', withContext('{"__proto__":{"purpose":"training"}}'), 200, true],
  ['constructor in the context', withContext('{"constructor":1,"toString":2,"hasOwnProperty":3}'), 200, true],
  ['__proto__ at the top', JSON.stringify(views).replace(/}$/, ',"__proto__":{"context":{}}}'), 200, true],
  ['a type that is __proto__', JSON.stringify({ ...views, subject: { type: '__proto__', id: 'x' } }), 200, false],
  ['an action that is constructor', JSON.stringify({ ...views, action: { name: 'constructor' } }), 200, false],
  ['an id with what Cedar quotes', JSON.stringify({ ...views, subject: person('ada"::"\\\u0000\n') }), 200, false],
  ['an action as a subject', JSON.stringify({ ...views, subject: { type: 'Files::Action', id: 'view' } }), 200, false],
  ['a lone surrogate', '{"subject":{"type":"\\ud800","id":"x"}}', 400],
  ['a duplicate deep down', withContext('{"nested":{"deep":"a","deep":"b"}}'), 400],
  ['bytes that are no UTF-8', Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400],
  ['an id of 2,001 characters', JSON.stringify({ ...views, subject: person('x'.repeat(2_001)) }), 400],
  ['an id of 2,000 characters', JSON.stringify({ ...views, subject: person('x'.repeat(2_000)) }), 200, false],
  ['a type of 201 characters', JSON.stringify({ ...views, subject: { type: 'x'.repeat(201), id: 'x' } }), 400],
  [
    'one entity described in two ways',
    JSON.stringify({
      subject: { ...person('p'), properties: { level: 1 } },
      action: { name: 'view' },
      resource: { ...person('p'), properties: { level: 2 } },
    }),
    200,
    false,
  ],
  ['more bytes than are taken', withContext(`{"purpose":"${'x'.repeat(70_000)}"}`), 413],
]
for (const [says, body, status, decision] of hostile) {
  test(`hostile: ${says}`, async () => {
    const answered = await post(way, 'evaluation', body)
    assert.equal(answered.status, status, answered.body)
    if (decision !== undefined) assert.equal(answered.json['decision'], decision, answered.body)
  })
}

test('hostile: request ids', async () => {
  const ids: readonly (readonly [string, number])[] = [
    ['a'.repeat(200), 200],
    ['a'.repeat(201), 400],
    ['bfe9eb29-ab87-4ca3-be83-a1d5d8305716', 200],
    ['with space and "quotes"', 200],
    ['\u00e9', 400],
  ]
  for (const [id, status] of ids) {
    const answered: Told = await post(way, 'evaluation', views, { 'x-request-id': id })
    assert.equal(answered.status, status, id)
    assert.equal(answered.headers['x-request-id'], status === 200 ? id : undefined)
  }
  const { status, headers } = await post(way, 'evaluation', '{', { 'x-request-id': 'r1' })
  assert.deepEqual([status, headers['x-request-id']], [400, 'r1'])
})

test('an obligation that cannot be read is not published', async () => {
  const { desk } = api.house
  for (const text of ['', '{', '{"type":"dance"}', '{"type":"notification","to":"x"}', '{"type":"custom","id":"mine"}', '{"type":5}']) {
    const policy = `@id("o") @obligation(${JSON.stringify(text)}) permit (principal, action, resource);`
    const document = shopDocument({
      applications: [written({ ...files, name: 'other', policyFiles: [{ name: 'o.cedar', text: policy }] })],
    })
    const proposed = await proposeChange(desk, operator, { document, prune: 'nothing' })
    assert.ok(!proposed.ok, text)
    const [problem] = proposed.refusal.problems ?? []
    assert.deepEqual([problem?.file, problem?.line, problem?.message], ['o.cedar', 1, 'the @obligation of "o" cannot be read'], text)
  }
})

test('nothing of this was our fault', () => {
  assert.deepEqual(
    api.logged.filter(({ says }) => /failed|could not/.test(says)),
    [],
  )
})
