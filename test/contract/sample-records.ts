/** Records for tests: one of each kind, in any state of its life. */
import { type Id, type IdPrefix, makeId } from '../../src/kernel/ids.ts'
import { Fraction } from '../../src/kernel/json.ts'
import { changeSetLife, exceptionLife, gatewayLife, grantLife, holdLife, sessionLife } from '../../src/model/lives.ts'
import type { RecordKind, Records } from '../../src/model/records.ts'

/** An id that a number stands for: greater numbers, greater ids. */
export function sampleId<P extends IdPrefix>(prefix: P, number: number): Id<P> {
  return makeId(prefix, number, new Uint8Array(10))
}

const space = 'main'
const at = 1_000
const expiresAt = 9_000
const idn = (number: number) => sampleId('idn', number)
const grn = (number: number) => sampleId('grn', number)
const requirement = { selector: { parts: [] }, personsMin: 0 }
const held = {
  service: 'shop',
  operation: 'restart',
  effect: 'execute',
  tier: 1,
  target: 'POST /restart',
  arguments: {},
  headers: [],
} as const
const assertion = { clientDataJSON: 'a', authenticatorData: 'b', signature: 'c' }
const impact = { data: 'low', service: 'low', safety: 'none' } as const

/** One record of each kind, complete and in the first state of its life; different numbers make different records. */
export const sampleRecords: { readonly [K in RecordKind]: (number: number) => Records[K] } = {
  identity: (n) => ({ id: idn(n), space, name: `name-${n}`, kind: 'human', roles: [], state: 'live', signsInBy: [], createdAt: at }),
  credential: (n) => ({ id: sampleId('crd', n), space, identity: idn(1), hash: `hash-${n}`, issuedBy: 'ana', createdAt: at, expiresAt }),
  passkey: (n) => ({
    id: sampleId('pks', n),
    space,
    person: idn(1),
    credentialId: `credential-${n}`,
    publicKey: 'key',
    counter: 0,
    software: false,
    createdAt: at,
  }),
  link: (n) => ({ id: sampleId('lnk', n), space, hash: `hash-${n}`, firstAdministrator: false, issuedBy: 'ana', createdAt: at, expiresAt }),
  signIn: (n) => ({ id: `cookie-${n}`, space, person: idn(1), createdAt: at, expiresAt }),
  device: (n) => ({
    id: sampleId('dvc', n),
    space,
    hash: `hash-${n}`,
    userCode: `CODE-${n}`,
    address: '192.0.2.1',
    state: 'waiting',
    createdAt: at,
    expiresAt,
  }),
  exception: (n) => ({
    id: sampleId('exc', n),
    space,
    identity: idn(1),
    owner: idn(1),
    proposedBy: { name: 'remit' },
    deskActions: ['administer'],
    scope: [],
    blast: { operations: [], effects: [], tier: 3 },
    reason: 'the first',
    remediation: [{ says: 'invite a second person' }],
    content: `content-${n}`,
    digest: `v1:digest-${n}`,
    state: 'proposed',
    createdAt: at,
    answerBy: expiresAt,
    expiresAt,
    renewals: 0,
  }),
  issuer: (n) => ({ id: `issuer-${n}`, space, issuer: 'https://ci.example', audience: 'remit', proves: {} }),
  service: (n) => ({
    id: `service-${n}`,
    space,
    protocol: 'http',
    upstream: 'http://127.0.0.1:1',
    port: 0,
    environment: 'prod',
    impact,
    labels: [],
    routes: [],
  }),
  policySet: (n) => ({ id: `current-${n}`, space, version: 'v', files: [], parsed: [], publishedAt: at, publishedBy: 'ana' }),
  application: (n) => ({
    id: `application-${n}`,
    space,
    version: 'v',
    schema: { name: 'shop.cedarschema', text: 'entity User { level: Long };', json: { '': { entityTypes: {}, actions: {} } } },
    files: [],
    parsed: [],
    links: [],
    entities: [{ uid: { type: 'User', id: 'ana' }, attrs: { level: 2n ** 63n - 1n }, parents: [] }],
    callers: [{ kind: 'role', name: 'shop' }],
    publishedAt: at,
    publishedBy: 'ana',
  }),
  grant: (n) => ({
    id: grn(n),
    space,
    chain: [idn(1), idn(2)],
    task: { kind: 'release', statement: 'ship', claimed: [], proved: [] },
    scope: [],
    tier: 1,
    state: 'requested',
    duration: 60_000,
    durationMax: 60_000,
    requirement,
    policies: [],
    digest: 'd',
    idleMax: 60_000,
    requestedAt: at,
    pendingUntil: expiresAt,
  }),
  uses: (n) => ({ id: `${grn(n)}/0`, space, grant: grn(n), line: 0, spent: 0 }),
  session: (n) => ({
    id: sampleId('ses', n),
    space,
    grant: grn(1),
    identity: idn(1),
    gateway: 'http',
    token: sampleId('tok', n),
    address: '192.0.2.1',
    state: 'live',
    openedAt: at,
    endsAt: expiresAt,
  }),
  binding: (n) => ({ id: sampleId('tok', n), space, identity: idn(1), address: '192.0.2.1', at, expiresAt }),
  hold: (n) => ({
    id: sampleId('hld', n),
    space,
    session: sampleId('ses', 1),
    grant: grn(1),
    digest: 'd',
    action: held,
    requirement,
    policies: [],
    state: 'waiting',
    openedAt: at,
    answerBy: expiresAt,
  }),
  approval: (n) => ({
    id: sampleId('apr', n),
    space,
    subject: grn(1),
    person: idn(1),
    decision: 'approve',
    narrowing: {},
    digest: 'd',
    nonce: 'n',
    passkey: sampleId('pks', 1),
    assertion,
    at,
  }),
  challenge: (n) => ({ id: `challenge-${n}`, space, purpose: 'sign-in', person: idn(1), about: 'x', expiresAt }),
  signal: (n) => ({ id: sampleId('sgn', n), space, kind: 'token-used-elsewhere', identity: idn(1), about: 'x', at }),
  untrustedReading: (n) => ({
    id: `${sampleId('ses', n)}/${idn(1)}`,
    space,
    session: sampleId('ses', n),
    identity: idn(1),
    chain: [idn(1)],
    grant: grn(1),
    gateway: 'http',
    operation: 'mail/read',
    at,
    expiresAt,
  }),
  changeSet: (n) => ({
    id: sampleId('chg', n),
    space,
    state: 'proposed',
    author: { name: 'ana', chain: [idn(1)] },
    base: 'b',
    digest: 'd',
    class: 'widens',
    changes: [],
    requirement: { selector: { parts: [] }, personsMin: 1 },
    tier: 1,
    createdAt: at,
    expiresAt,
  }),
  gateway: (n) => ({
    id: sampleId('gtw', n),
    space,
    name: `edge-${n}`,
    gateway: 'http',
    state: 'invited',
    codeHash: `code-${n}`,
    codeEndsAt: expiresAt,
    invitedAt: at,
  }),
}

export const recordKinds = Object.keys(sampleRecords) as RecordKind[]

/** A record in any state of its life, with the instants that the state demands. */
export const recordsInState = {
  grant: (n: number, state: Records['grant']['state']): Records['grant'] => ({
    ...sampleRecords.grant(n),
    state,
    ...(state === 'active' ? { expiresAt } : {}),
    ...(state === 'ended' ? { expiresAt, endedAt: at } : {}),
  }),
  hold: (n: number, state: Records['hold']['state']): Records['hold'] => ({
    ...sampleRecords.hold(n),
    state,
    ...(state === 'approved' ? { useBy: expiresAt } : {}),
  }),
  session: (n: number, state: Records['session']['state']): Records['session'] => ({
    ...sampleRecords.session(n),
    state,
    ...(state === 'ended' ? { endedAt: at } : {}),
  }),
  exception: (n: number, state: Records['exception']['state']): Records['exception'] => ({ ...sampleRecords.exception(n), state }),
  changeSet: (n: number, state: Records['changeSet']['state']): Records['changeSet'] => ({ ...sampleRecords.changeSet(n), state }),
  gateway: (n: number, state: Records['gateway']['state']): Records['gateway'] => ({
    ...sampleRecords.gateway(n),
    state,
    ...(state === 'invited' ? {} : { key: `key-${n}`, journal: `vkey-${n}`, enrolledAt: at }),
  }),
}

export const lives = {
  grant: grantLife,
  hold: holdLife,
  session: sessionLife,
  exception: exceptionLife,
  changeSet: changeSetLife,
  gateway: gatewayLife,
}

/** A value as plain arrays and texts, in which different kinds of number and of object stay apart. */
export function tell(value: unknown): unknown {
  if (typeof value === 'bigint') return ['bigint', `${value}`]
  if (value instanceof Fraction) return ['fraction', value.text]
  if (Array.isArray(value)) return ['array', ...value.map(tell)]
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return ['object', ...members.toSorted(([left], [right]) => (left < right ? -1 : 1)).map(([name, member]) => [name, tell(member)])]
}
