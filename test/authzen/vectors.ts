/** What the specification demands, request by request: AuthZEN Authorization API 1.0 and its certification scenario, in its order. */

export interface Vector {
  readonly says: string
  readonly path: 'evaluation' | 'evaluations' | 'search/subject' | 'search/resource' | 'search/action'
  /** Text is sent as it is. */
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly status?: number
  readonly decision?: boolean
  /** Of `evaluations`, in their order; how many there are counts too. */
  readonly decisions?: readonly boolean[]
  /** Ids or names that must be among the results; with `exactly`, all of them. */
  readonly finds?: readonly string[]
  readonly exactly?: true
}

const alice = { type: 'user', id: 'alice' }
const bob = { type: 'user', id: 'bob' }
const admin = { ...bob, properties: { role: 'admin' } }
const record = (id: string, status?: string) => ({ type: 'record', id, ...(status === undefined ? {} : { properties: { status } }) })
const act = (name: string, properties?: object) => ({ name, ...(properties === undefined ? {} : { properties }) })
const aliceReads = { subject: alice, action: act('read'), resource: record('record-1') }
const without = (...names: readonly string[]) => Object.fromEntries(Object.entries(aliceReads).filter(([name]) => !names.includes(name)))

const basic: readonly Vector[] = [
  { says: 'rule 1: alice reads', path: 'evaluation', body: aliceReads, decision: true },
  { says: 'rule 2: alice writes', path: 'evaluation', body: { ...aliceReads, action: act('write') }, decision: true },
  { says: 'rule 3: bob reads', path: 'evaluation', body: { ...aliceReads, subject: bob }, decision: true },
  { says: 'rule 4: bob does not write', path: 'evaluation', body: { ...aliceReads, subject: bob, action: act('write') }, decision: false },
  {
    says: 'context that nobody asked for changes nothing',
    path: 'evaluation',
    body: { ...aliceReads, context: { time: '2025-06-27T18:03-07:00', ip: '192.168.1.1' } },
    decision: true,
  },
  {
    says: 'rule 5: the archive',
    path: 'evaluation',
    body: { subject: alice, action: act('write'), resource: record('record-2', 'archived') },
    decision: false,
  },
  {
    says: 'rule 6: an admin in the archive',
    path: 'evaluation',
    body: { subject: admin, action: act('write'), resource: record('record-2', 'archived') },
    decision: true,
  },
  { says: 'rule 7: softly', path: 'evaluation', body: { ...aliceReads, action: act('delete', { soft: true }) }, decision: true },
  { says: 'rule 8: not softly', path: 'evaluation', body: { ...aliceReads, action: act('delete', { soft: false }) }, decision: false },
  {
    says: 'properties beyond those of the schema',
    path: 'evaluation',
    body: {
      subject: { ...alice, properties: { department: 'Sales', role: 'manager' } },
      action: act('read', { method: 'GET' }),
      resource: { ...record('record-1'), properties: { status: 'active', owner: 'bob' } },
    },
    decision: true,
  },
  { says: 'unknown members', path: 'evaluation', body: { ...aliceReads, foo: 'bar', futureField: { nested: true } }, decision: true },
  { says: 'an unknown subject', path: 'evaluation', body: { ...aliceReads, subject: { type: 'user', id: 'nobody' } }, decision: false },
  { says: 'an unknown type', path: 'evaluation', body: { ...aliceReads, subject: { type: 'spaceship', id: 'x' } }, decision: false },
  { says: 'an unknown action', path: 'evaluation', body: { ...aliceReads, action: act('fly') }, decision: false },
  {
    says: 'empty properties and context',
    path: 'evaluation',
    body: { ...aliceReads, subject: { ...alice, properties: {} }, context: {} },
    decision: true,
  },
]

const malformed: readonly (readonly [string, unknown])[] = [
  ['no subject', without('subject')],
  ['no action', without('action')],
  ['no resource', without('resource')],
  ['a subject without type', { ...aliceReads, subject: { id: 'alice' } }],
  ['a subject without id', { ...aliceReads, subject: { type: 'user' } }],
  ['an action without name', { ...aliceReads, action: {} }],
  ['a resource without type', { ...aliceReads, resource: { id: 'record-1' } }],
  ['a resource without id', { ...aliceReads, resource: { type: 'record' } }],
  ['a subject that is text', { ...aliceReads, subject: 'alice' }],
  ['an action whose name is a number', { ...aliceReads, action: { name: 123 } }],
  ['an id that is a number', { ...aliceReads, resource: { type: 'record', id: 1 } }],
  ['properties that are a list', { ...aliceReads, subject: { ...alice, properties: [] } }],
  ['a context that is null', { ...aliceReads, context: null }],
  ['a context that is text', { ...aliceReads, context: 'x' }],
  ['an empty type', { ...aliceReads, subject: { type: '', id: 'alice' } }],
  ['a list', [aliceReads]],
  ['no JSON', '{"subject":'],
  ['data after the end', `${JSON.stringify(aliceReads)} {}`],
  ['nothing', ''],
  [
    'a name twice',
    '{"subject":{"type":"user","id":"alice"},"subject":{"type":"user","id":"bob"},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"}}',
  ],
  ['a byte order mark', `\ufeff${JSON.stringify(aliceReads)}`],
]

const evaluations = (more: object, ...items: readonly unknown[]) => ({ ...more, evaluations: items })
const semantic = (name: unknown, more: object = { subject: alice, resource: record('record-1') }) => ({
  ...more,
  options: { evaluations_semantic: name },
})
const [reads, writes, deletes] = ['read', 'write', 'delete'].map((name) => ({ action: act(name) }))

const batch: readonly Vector[] = [
  {
    says: 'defaults for subject and action',
    path: 'evaluations',
    body: evaluations({ subject: alice, action: act('read') }, { resource: record('record-1') }, { resource: record('record-2') }),
    decisions: [true, true],
  },
  {
    says: 'in the order asked',
    path: 'evaluations',
    body: evaluations({ subject: bob, resource: record('record-1') }, reads, writes),
    decisions: [true, false],
  },
  {
    says: 'properties of each resource',
    path: 'evaluations',
    body: evaluations(
      { subject: alice, action: act('write') },
      { resource: record('record-1', 'active') },
      { resource: record('record-2', 'archived') },
    ),
    decisions: [true, false],
  },
  {
    says: 'properties of each subject',
    path: 'evaluations',
    body: evaluations({ action: act('write'), resource: record('record-2', 'archived') }, { subject: alice }, { subject: admin }),
    decisions: [false, true],
  },
  {
    says: 'without any default',
    path: 'evaluations',
    body: evaluations({}, aliceReads, { subject: bob, action: act('write'), resource: record('record-1') }),
    decisions: [true, false],
  },
  {
    says: 'a context from the top, and one of its own',
    path: 'evaluations',
    body: evaluations(
      { subject: alice, action: act('read'), context: { time: '2025-06-27T18:03-07:00' } },
      { resource: record('record-1') },
      { resource: record('record-2'), context: { time: '2025-06-27T19:00-07:00', source: 'batch-override' } },
    ),
    decisions: [true, true],
  },
  {
    says: 'a type from the top, below an id of its own',
    path: 'evaluations',
    body: evaluations(
      { subject: alice, action: act('write'), resource: { type: 'record' } },
      { resource: { id: 'record-1', properties: { status: 'active' } } },
      { resource: record('record-2', 'archived') },
    ),
    decisions: [true, false],
  },
  {
    says: "an item's own action takes the place of the default with its properties",
    path: 'evaluations',
    body: evaluations({ ...aliceReads, action: act('delete', { soft: true }) }, {}, { action: act('delete') }),
    decisions: [true, false],
  },
  {
    says: 'an item that lacks something',
    path: 'evaluations',
    body: evaluations({ subject: alice, action: act('read') }, { resource: record('record-1') }, {}),
    decisions: [true, false],
  },
  {
    says: 'an item that is none',
    path: 'evaluations',
    body: evaluations(aliceReads, {}, 5, null, [], 'x'),
    decisions: [true, false, false, false, false],
  },
  { says: 'no evaluations', path: 'evaluations', body: aliceReads, decision: true },
  { says: 'an empty list of evaluations', path: 'evaluations', body: { ...aliceReads, evaluations: [] }, decision: true },
  { says: 'neither', path: 'evaluations', body: { evaluations: [] }, status: 400 },
  { says: 'evaluations that are no list', path: 'evaluations', body: { ...aliceReads, evaluations: {} }, status: 400 },
  { says: 'a default that is text', path: 'evaluations', body: evaluations({ subject: 'alice' }, aliceReads), status: 400 },
  {
    says: 'more than are taken',
    path: 'evaluations',
    body: evaluations(aliceReads, ...Array.from({ length: 1_001 }, () => ({}))),
    status: 400,
  },
  {
    says: 'as many as are taken',
    path: 'evaluations',
    body: evaluations(aliceReads, ...Array.from({ length: 1_000 }, () => ({}))),
    decisions: Array.from({ length: 1_000 }, () => true),
  },
  {
    says: 'execute_all',
    path: 'evaluations',
    body: evaluations(semantic('execute_all'), reads, deletes, writes),
    decisions: [true, false, true],
  },
  {
    says: 'deny_on_first_deny',
    path: 'evaluations',
    body: evaluations(semantic('deny_on_first_deny'), reads, deletes, writes),
    decisions: [true, false],
  },
  {
    says: 'deny_on_first_deny meets an error',
    path: 'evaluations',
    body: evaluations(semantic('deny_on_first_deny'), reads, { action: {} }, writes),
    decisions: [true, false],
  },
  {
    says: 'permit_on_first_permit',
    path: 'evaluations',
    body: evaluations(semantic('permit_on_first_permit'), deletes, reads, writes),
    decisions: [false, true],
  },
  { says: 'an unknown semantic', path: 'evaluations', body: evaluations(semantic('permit_sometimes'), reads), status: 400 },
  { says: 'a semantic that is a number', path: 'evaluations', body: evaluations(semantic(1), reads), status: 400 },
  { says: 'options that are no object', path: 'evaluations', body: evaluations({ ...aliceReads, options: 'x' }, reads), status: 400 },
  {
    says: 'options that nobody knows',
    path: 'evaluations',
    body: evaluations({ ...aliceReads, options: { another_option: 'value' } }, {}),
    decisions: [true],
  },
]

const search: readonly Vector[] = [
  { says: 'who reads', path: 'search/subject', body: { ...aliceReads, subject: { type: 'user' } }, finds: ['alice', 'bob'], exactly: true },
  {
    says: 'who reads, with a context',
    path: 'search/subject',
    body: { ...aliceReads, subject: { type: 'user' }, context: { time: 'x' } },
    finds: ['alice', 'bob'],
  },
  {
    says: 'an id that is there is ignored',
    path: 'search/subject',
    body: { ...aliceReads, subject: bob },
    finds: ['alice', 'bob'],
    exactly: true,
  },
  {
    says: 'who writes the archive',
    path: 'search/subject',
    body: { subject: { type: 'user' }, action: act('write'), resource: record('record-2', 'archived') },
    finds: ['bob'],
    exactly: true,
  },
  {
    says: 'what alice reads',
    path: 'search/resource',
    body: { ...aliceReads, resource: { type: 'record' } },
    finds: ['record-1', 'record-2'],
    exactly: true,
  },
  {
    says: 'what an admin writes',
    path: 'search/resource',
    body: { subject: admin, action: act('write'), resource: { type: 'record' } },
    finds: ['record-2'],
    exactly: true,
  },
  { says: 'what alice does', path: 'search/action', body: without('action'), finds: ['read', 'write'], exactly: true },
  {
    says: 'what alice does, with a context',
    path: 'search/action',
    body: { ...without('action'), context: { time: 'x' } },
    finds: ['read', 'write'],
  },
  { says: 'an action that is there is ignored', path: 'search/action', body: { ...aliceReads, action: 7 }, finds: ['read', 'write'] },
  {
    says: 'what an admin does to the archive',
    path: 'search/action',
    body: { subject: admin, resource: record('record-2', 'archived') },
    finds: ['read', 'write'],
    exactly: true,
  },
  {
    says: 'a page',
    path: 'search/subject',
    body: { ...aliceReads, subject: { type: 'user' }, page: { limit: 1 } },
    finds: ['alice'],
    exactly: true,
  },
  {
    says: 'a page of none',
    path: 'search/subject',
    body: { ...aliceReads, subject: { type: 'user' }, page: { limit: 0 } },
    finds: [],
    exactly: true,
  },
  {
    says: 'an empty token is none',
    path: 'search/subject',
    body: { ...aliceReads, subject: { type: 'user' }, page: { token: '' } },
    finds: ['alice', 'bob'],
    exactly: true,
  },
  {
    says: 'an unknown subject',
    path: 'search/action',
    body: { ...without('action'), subject: { type: 'user', id: 'nonexistent-user' } },
    finds: [],
    exactly: true,
  },
  {
    says: 'an unknown type of subject',
    path: 'search/subject',
    body: { ...aliceReads, subject: { type: 'spaceship' } },
    finds: [],
    exactly: true,
  },
  {
    says: 'an unknown type of resource',
    path: 'search/resource',
    body: { ...aliceReads, resource: { type: 'spaceship' } },
    finds: [],
    exactly: true,
  },
  {
    says: 'an unknown action',
    path: 'search/resource',
    body: { ...aliceReads, action: act('fly'), resource: { type: 'record' } },
    finds: [],
    exactly: true,
  },
  { says: 'no action', path: 'search/subject', body: { subject: { type: 'user' }, resource: record('record-1') }, status: 400 },
  { says: 'no subject', path: 'search/resource', body: { action: act('read'), resource: { type: 'record' } }, status: 400 },
  { says: 'no resource', path: 'search/action', body: { subject: alice }, status: 400 },
  { says: 'a resource without id', path: 'search/subject', body: { ...aliceReads, resource: { type: 'record' } }, status: 400 },
  { says: 'a subject without id', path: 'search/resource', body: { ...aliceReads, subject: { type: 'user' } }, status: 400 },
  { says: 'a page that is text', path: 'search/subject', body: { ...aliceReads, page: 'x' }, status: 400 },
  { says: 'a limit below none', path: 'search/subject', body: { ...aliceReads, page: { limit: -1 } }, status: 400 },
  { says: 'a limit that is a fraction', path: 'search/subject', body: { ...aliceReads, page: { limit: 1.5 } }, status: 400 },
  { says: 'a token of nobody', path: 'search/subject', body: { ...aliceReads, page: { token: 'a3M9NDU2O3N6PTI=' } }, status: 400 },
]

export const vectors: readonly Vector[] = [
  ...basic,
  ...malformed.map(([says, body]): Vector => ({ says, path: 'evaluation', body, status: 400 })),
  { says: 'another content type', path: 'evaluation', body: aliceReads, headers: { 'content-type': 'text/plain' }, status: 400 },
  {
    says: 'another charset',
    path: 'evaluation',
    body: aliceReads,
    headers: { 'content-type': 'application/json; charset=utf-16' },
    status: 400,
  },
  {
    says: 'the charset said',
    path: 'evaluation',
    body: aliceReads,
    headers: { 'content-type': 'application/json; charset=UTF-8' },
    decision: true,
  },
  ...batch,
  ...search,
]
