import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { endpoints } from '../../src/api/endpoints.ts'
import { SoftwareAuthenticator } from '../../src/host/software-authenticator.ts'
import { isJsonObject, parseJson } from '../../src/kernel/json.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { gatewayAudience } from '../../src/control/identify.ts'
import { verifyExport } from '../../src/ledger/verify.ts'
import type { ChangeSetList, ChangeSetView, ExportView, PlanView, ProposedView } from '../../src/wire/configuration.ts'
import type { EligibleList, GrantList, GrantView, HeartbeatView, RevocationView } from '../../src/wire/grants.ts'
import type { HoldList, HoldView } from '../../src/wire/holds.ts'
import type {
  CredentialView,
  IdentityList,
  InvitationProposedView,
  InvitationView,
  QuarantineView,
  SecretView,
  WhoamiView,
} from '../../src/wire/identities.ts'
import { verifyProof } from '../../src/ledger/proof-file.ts'
import type { CheckpointView, ConsistencyView, EntryProofView, ExplanationView, LedgerEntryList } from '../../src/wire/ledger.ts'
import type { CreationQuestion, DeviceQuestion, SignatureQuestion, SignedInView } from '../../src/wire/pages.ts'
import type { OAuthError, ProblemView } from '../../src/wire/problems.ts'
import type { ServiceList } from '../../src/wire/services.ts'
import type { DeviceAuthorizationAnswer, TokenAnswer } from '../../src/wire/tokens.ts'
import { shopDocument } from '../world/shop.ts'
import { type ApiHouse, openApiHouse } from './api-house.ts'
import { type Answered, call } from './calls.ts'
import { ask, hold } from './held.ts'

let api: ApiHouse

before(async () => {
  api = await openApiHouse()
  for (const name of ['ana', 'ben', 'eva']) authenticators.set(name, await api.register(name))
})
after(() => api.close())

/** Kinds of the entries from a position on, machinery's own anchors left out. */
async function kindsFrom(size: number): Promise<string[]> {
  mustBe(await api.house.sequencer.flush())
  const rows = await api.house.database.leaves(size, 1_000)
  return rows.flatMap(({ body }) => {
    const entry = body === undefined ? undefined : mustBe(parseJson(body))
    const kind = isJsonObject(entry) && typeof entry['kind'] === 'string' ? entry['kind'] : ''
    return kind.startsWith('journal.') ? [] : [kind]
  })
}

async function size(): Promise<number> {
  return mustBe(await api.house.sequencer.flush()).size
}

interface Asked {
  readonly token?: string
  readonly cookie?: string
  readonly json?: unknown
  readonly form?: Readonly<Record<string, string>>
  /** The status that is wanted; 200 if not said. */
  readonly status?: number
}

interface Told {
  readonly raw: string
  readonly cookie: string
}

/** Calls an endpoint and holds it to what it says it records. */
async function say<T = unknown>(method: 'GET' | 'POST', path: string, asked: Asked = {}): Promise<T & Told> {
  const { token, cookie, json, form, status = 200 } = asked
  const endpoint = endpoints.find(
    (each) => each.method === method && new RegExp(`^${each.path.replace(/:\w+/g, '[^/]+')}$`).test(path.split('?')[0] ?? ''),
  )
  assert.ok(endpoint !== undefined, path)
  const before = await size()
  const answered: Answered = await call(api.port, {
    method,
    path,
    headers: {
      ...(method === 'POST' ? { origin: api.origin } : {}),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(cookie === undefined ? {} : { cookie }),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    ...(form === undefined ? {} : { body: new URLSearchParams(form).toString() }),
  })
  assert.equal(answered.status, status, `${method} ${path}: ${answered.body}`)
  const kinds = await kindsFrom(before)
  const declared: readonly string[] = 'nothing' in endpoint.records ? [] : endpoint.records
  for (const kind of kinds)
    assert.ok(declared.includes(kind) || alongside.includes(kind), `${endpoint.path} recorded ${kind} and does not say so`)
  if (status < 300 && declared.length > 0 && !sometimes.includes(endpoint.path))
    assert.ok(
      kinds.some((kind) => declared.includes(kind)),
      `${endpoint.path} says that it records ${declared.join(', ')}`,
    )
  const isJson = /^application\/(?:problem\+)?json/.test(String(answered.headers['content-type']))
  const told: Told = { raw: answered.body, cookie: String(answered.headers['set-cookie'] ?? '') }
  return { ...(isJson ? (JSON.parse(answered.body) as T & object) : ({} as T & object)), ...told }
}

/** A token for a proof is not recorded; what a client gets for its code is, and is tried in `oauth-tokens.test.ts`. */
const sometimes = ['/oauth/token']

/** What ends with something else is recorded with it. */
const alongside = ['grant.ended', 'grant.withdrawn', 'session.ended', 'hold.withdrawn']

test('a grant, from asking to its end', async () => {
  const bot = await api.token('bot')
  assert.equal((await say<WhoamiView>('GET', '/v1/whoami', { token: bot })).identity.owner, 'ana')
  const eligible = await say<EligibleList>('GET', '/v1/eligible?task=release', { token: bot })
  assert.ok(eligible.eligible.some((each) => each.resource === 'shop/deploy'))
  const asked = await say<GrantView>('POST', '/v1/grants', {
    token: bot,
    json: { task: 'release', statement: 'ship 4.2', ticket: 'REL-1', scope: ['shop/deploy,uses=2'], duration: '20m' },
    status: 201,
  })
  assert.deepEqual(
    [asked.state, asked.approval, asked.duration, asked.task.ticket, asked.locked],
    ['pending', 'role:release-manager', '20m', 'REL-1', undefined],
  )
  assert.equal(asked.page, `${api.origin}/requests/${asked.id}`)
  const waiting = call(api.port, {
    method: 'GET',
    path: `/v1/grants/${asked.id}?wait=60&state=pending`,
    headers: { authorization: `Bearer ${bot}` },
  })
  const cookie = await api.cookie('eva')
  await approve(asked.id, cookie)
  // The wait ends with the change, long before its time is over.
  assert.match((await waiting).body, /"state":"approved"/)
  assert.deepEqual(
    (await say<GrantView>('GET', `/v1/grants/${asked.id}`, { token: bot })).approvals.map((each) => each.person),
    ['eva'],
  )
  assert.equal((await say<GrantView>('POST', `/v1/grants/${asked.id}/activate`, { token: bot })).state, 'active')
  assert.equal((await say<HeartbeatView>('POST', `/v1/grants/${asked.id}/heartbeat`, { token: bot })).state, 'active')
  const extension = { duration: '5m', reason: 'slow' }
  const more = await say<GrantView>('POST', `/v1/grants/${asked.id}/extend`, { token: bot, json: extension })
  assert.deepEqual([more.state, more.continues, more.duration], ['pending', asked.id, '5m'])
  assert.equal(
    (await say<ProblemView>('POST', `/v1/grants/${asked.id}/extend`, { token: bot, json: extension, status: 403 })).type,
    'urn:remit:refusal:grant.extension-refused',
  )
  const ended = await say<GrantView>('POST', `/v1/grants/${asked.id}/done`, { token: bot, json: { reason: 'shipped' } })
  assert.deepEqual([ended.state, ended.ending], ['ended', { how: 'completed', by: 'bot', reason: 'shipped' }])
  assert.equal((await say<GrantList>('GET', `/v1/grants?state=ended&mine=true`, { token: bot })).grants.length, 1)
  assert.equal((await say<GrantList>('GET', '/v1/grants?state=pending,active', { token: bot })).grants.length, 0)
})

async function approve(subject: string, cookie: string, { name, page } = { name: 'eva', page: '/requests' }): Promise<void> {
  const { origin } = api
  const person = await authenticator(name)
  const [, digest = ''] = /data-digest="([^"]+)"/.exec((await say('GET', `${page}/${subject}`, { cookie })).raw) ?? []
  const stale = { subject, digest: `${digest}0`, decision: 'approve', narrowing: {} }
  await say<ProblemView>('POST', '/pages/answers/begin', { cookie, json: stale, status: 403 })
  const asked = await say<SignatureQuestion>('POST', '/pages/answers/begin', {
    cookie,
    json: { subject, digest, decision: 'approve', narrowing: {} },
  })
  const response = person.sign(asked.publicKey, origin)
  await say<SignedInView>('POST', '/pages/answers/finish', { cookie, json: { challenge: asked.challenge, response } })
  assert.match(
    (await say<ProblemView>('POST', '/pages/answers/finish', { cookie, json: { challenge: asked.challenge, response }, status: 403 })).type,
    /approval\.signature/,
  )
}

const authenticators = new Map<string, SoftwareAuthenticator>()

/** The passkey of this person; of whoever has none yet, one made through the pages. */
async function authenticator(name: string): Promise<SoftwareAuthenticator> {
  const known = authenticators.get(name)
  if (known !== undefined) return known
  const made = new SoftwareAuthenticator()
  const path = await api.invitation(name)
  const link = path.slice('/register/'.length)
  assert.match((await say('GET', path)).raw, new RegExp(`Welcome, ${name}`))
  const asked = await say<CreationQuestion>('POST', '/pages/registration/begin', { json: { link } })
  const response = made.register(asked.publicKey, api.origin)
  const registered = await say<SignedInView>('POST', '/pages/registration/finish', { json: { link, challenge: asked.challenge, response } })
  assert.equal(registered.person, name)
  assert.match(registered.cookie, /^remit-person-main=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=3600$/)
  await say<ProblemView>('GET', path, { status: 404 })
  authenticators.set(name, made)
  return made
}

test('signing in, seeing what waits, signing out', async () => {
  await authenticator('zed')
  const ben = await authenticator('ben')
  const asked = await say<SignatureQuestion>('POST', '/pages/sign-in/begin', { json: {} })
  assert.deepEqual(asked.publicKey.allowCredentials, [])
  assert.equal(asked.publicKey.userVerification, 'required')
  const signedIn = await say<SignedInView>('POST', '/pages/sign-in/finish', {
    json: { challenge: asked.challenge, response: ben.sign(asked.publicKey, api.origin) },
  })
  const [cookie = ''] = signedIn.cookie.split(';')
  const held = await hold(api)
  assert.match((await say('GET', '/waiting', { cookie })).raw, new RegExp(`/holds/${held.id}`))
  const page = await say('GET', `/holds/${held.id}`, { cookie })
  assert.match(page.raw, /restart-needs-a-person/)
  await say('POST', '/sign-out', { cookie, form: {}, status: 303 })
  await say('GET', '/waiting', { cookie, status: 303 })
})

test('somebody who is part of it sees it, and is told why they cannot answer', async () => {
  const { id } = await ask(api, 'bot', { task: 'release', statement: 'ship', scope: ['shop/deploy'] })
  const cookie = await api.cookie('ana')
  const page = await say('GET', `/requests/${id}`, { cookie })
  assert.match(page.raw, /You cannot answer this/)
  assert.doesNotMatch(page.raw, /data-remit="answer"/)
})

test('a command line signs its person in', async () => {
  const started = await say<DeviceAuthorizationAnswer>('POST', '/oauth/device_authorization', { form: {} })
  assert.equal(started.verification_uri_complete, `${api.origin}/device?code=${started.user_code}`)
  const poll = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: started.device_code }
  const other = await say<DeviceAuthorizationAnswer>('POST', '/oauth/device_authorization', { form: {} })
  assert.equal(
    (await say<OAuthError>('POST', '/oauth/token', { form: { ...poll, device_code: other.device_code }, status: 400 })).error,
    'authorization_pending',
  )
  assert.equal(
    (await say<OAuthError>('POST', '/oauth/token', { form: { ...poll, device_code: other.device_code }, status: 400 })).error,
    'slow_down',
  )
  const cookie = await api.cookie('eva')
  assert.match((await say('GET', `/device?code=${started.user_code}`, { cookie })).raw, new RegExp(started.user_code))
  const eva = await authenticator('eva')
  const asked = await say<DeviceQuestion>('POST', '/pages/device/begin', { cookie, json: { code: started.user_code.toLowerCase() } })
  assert.equal(asked.address, '127.0.0.1')
  await say<SignedInView>('POST', '/pages/device/finish', {
    cookie,
    json: { challenge: asked.challenge, response: eva.sign(asked.publicKey, api.origin) },
  })
  const token = await say<TokenAnswer>('POST', '/oauth/token', { form: poll })
  assert.equal(token.token_type, 'Bearer')
  const whoami = await say<WhoamiView>('GET', '/v1/whoami', { token: token.access_token })
  assert.deepEqual([whoami.identity.name, whoami.token.provedBy, whoami.desk], ['eva', 'passkey', ['approve', 'audit']])
})

test('tokens are exchanged, and what is no proof is one and the same no', async () => {
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: await api.secret('bot'),
    subject_token_type: 'urn:remit:token-type:api-secret',
  }
  const token = await say<TokenAnswer>('POST', '/oauth/token', { form })
  assert.deepEqual(
    [token.token_type, token.expires_in > 800, token.issued_token_type],
    ['Bearer', true, 'urn:ietf:params:oauth:token-type:access_token'],
  )
  const wrong = [
    { ...form, subject_token: `${form.subject_token.slice(0, -1)}${form.subject_token.endsWith('A') ? 'B' : 'A'}` },
    { ...form, subject_token: 'x' },
    { ...form, subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' },
  ]
  const answers = await Promise.all(wrong.map((each) => say<OAuthError>('POST', '/oauth/token', { form: each, status: 400 })))
  for (const answered of answers) assert.equal(answered.raw, answers[0]?.raw)
  assert.equal(
    (await say<OAuthError>('POST', '/oauth/token', { form: { ...form, grant_type: 'password' }, status: 400 })).error,
    'unsupported_grant_type',
  )
  assert.equal(
    (await say<OAuthError>('POST', '/oauth/token', { form: { ...form, audience: gatewayAudience('main', 'nowhere') }, status: 400 })).error,
    'invalid_request',
  )
  await say<OAuthError>('POST', '/oauth/token', { form: { ...form, scope: 'everything' }, status: 400 })
})

test('owner, operator, auditor and administrator each do theirs', async () => {
  const [ana, ben, eva, bot] = [await api.token('ana'), await api.token('ben'), await api.token('eva'), await api.token('bot')]
  const issued = await say<SecretView>('POST', '/v1/identities/aide/secrets', { token: ana, json: { lifetime: '1d' }, status: 201 })
  assert.match(issued.secret, /^rmt_crd_/)
  assert.ok((await say<CredentialView>('POST', `/v1/credentials/${issued.credential}/revoke`, { token: ana })).revokedAt)
  const held = await hold(api)
  const explained = await say<ExplanationView>('GET', `/v1/decisions/${held.decision}`, { token: ana })
  assert.match(explained.words.join('\n'), /aide \(ai-agent\) asked for POST \/services\/checkout\/restart/)
  assert.equal((await say<HoldView>('GET', `/v1/holds/${held.id}`, { token: ana })).target, 'POST /services/checkout/restart')
  assert.ok((await say<HoldList>('GET', '/v1/holds?state=waiting', { token: ana })).holds.some((each) => each.id === held.id))
  const revoked = await say<RevocationView>('POST', `/v1/grants/${held.grant.id}/revoke`, { token: ben, json: { reason: 'enough' } })
  assert.deepEqual([revoked.grant.ending?.how, revoked.confirmed.map((each) => each.gateway)], ['revoked', ['http']])
  const contained = await say<QuarantineView>('POST', '/v1/identities/meter/quarantine', { token: ben, json: { reason: 'odd' } })
  assert.equal(contained.identity.quarantine?.by, 'ben')
  await say('POST', '/v1/identities/meter/release', { token: ben, json: { reason: 'looked into' } })
  const cookie = await api.cookie('ben')
  const unsigned = await say<InvitationProposedView>('POST', '/v1/invitations', { token: ana, json: { name: 'uma' }, status: 202 })
  await approve(unsigned.changeSet.id, cookie, { name: 'ben', page: '/changes' })
  const invited = await say<InvitationView>('POST', '/v1/invitations', { token: ana, json: { name: 'uma' }, status: 201 })
  assert.match(invited.link, new RegExp(`^${api.origin}/register/[\\w-]{43}$`))
  assert.deepEqual(
    (await say<ServiceList>('GET', '/v1/services', { token: bot })).services.map((each) => [each.name, each.url]),
    [['shop', 'http://127.0.0.1:1']],
  )
  assert.doesNotMatch((await say<ServiceList>('GET', '/v1/services', { token: bot })).raw, /upstream|sealed|secret/)
  assert.equal((await say<IdentityList>('GET', '/v1/identities', { token: eva })).identities.length >= 6, true)
  const document = JSON.parse(
    JSON.stringify(shopDocument({ people: [{ name: 'ana' }, { name: 'ben' }, { name: 'eva' }, { name: 'max' }] })),
  ) as object
  const plan = await say<PlanView>('POST', '/v1/configuration/plan', { token: ana, json: { document } })
  assert.deepEqual([plan.changes.map((each) => [each.name, each.class]), plan.class], [[['max', 'widens']], 'widens'])
  const { changeSet } = await say<ProposedView>('POST', '/v1/change-sets', { token: ana, json: { document, base: plan.base } })
  assert.equal(changeSet?.state, 'proposed', 'another person may answer')
  assert.match((await say('GET', '/waiting', { cookie })).raw, new RegExp(`/changes/${changeSet.id}`))
  await approve(changeSet.id, cookie, { name: 'ben', page: '/changes' })
  assert.equal((await say<ChangeSetView>('GET', `/v1/change-sets/${changeSet.id}`, { token: ana })).ending, 'approved by ben')
  assert.equal((await say<ChangeSetList>('GET', '/v1/change-sets', { token: eva })).changeSets.length > 1, true, 'an auditor sees them all')
  await say('GET', `/v1/change-sets/${changeSet.id}`, { token: bot, status: 404 })
  const refusal = { token: bot, json: { document }, status: 403 }
  assert.equal((await say<ProblemView>('POST', '/v1/change-sets', refusal)).type, 'urn:remit:refusal:caller.not-allowed')
  const faulty = await say<ProblemView>('POST', '/v1/change-sets', { token: ana, json: { document: { version: 2 } }, status: 422 })
  assert.deepEqual([faulty.type, faulty.problems?.[0]?.pointer], ['urn:remit:refusal:configuration.invalid', '/version'])
  const exported = await say<ExportView>('GET', '/v1/configuration', { token: ana })
  assert.doesNotMatch(exported.raw, /upstream-secret|sealed/)
  const same = await say<PlanView>('POST', '/v1/configuration/plan', { token: ana, json: { document: exported.document } })
  assert.deepEqual(same.changes, [], 'what was exported says nothing new')
})

test('an auditor reads the ledger, and a stranger verifies what was exported', async () => {
  const eva = await api.token('eva')
  const checkpoint = await say<CheckpointView>('GET', '/v1/ledger/checkpoint')
  const page = await say<LedgerEntryList>('GET', '/v1/ledger/entries?from=0&max=5', { token: eva })
  assert.deepEqual([page.entries.length, page.next, page.size >= checkpoint.size], [5, 5, true])
  const exported = await say('GET', '/v1/ledger/export', { token: eva })
  async function* lines() {
    yield* exported.raw.split('\n').slice(0, -1)
  }
  const report = await verifyExport(lines(), [checkpoint.key])
  assert.deepEqual([report.ok, report.keyGiven], [true, true], JSON.stringify(report))
})

test('one entry is proved to a stranger, its body erased, and what is left still proved', async () => {
  const [ana, eva, bot] = [await api.token('ana'), await api.token('eva'), await api.token('bot')]
  const { key, size } = await say<CheckpointView>('GET', '/v1/ledger/checkpoint')
  const rows = await api.house.database.leaves(0, 1_000)
  const of = (kind: string) => rows.find((row) => row.body?.includes(`"kind":"${kind}"`))?.index ?? assert.fail(`no ${kind}`)
  const asked = of('grant.requested')
  const proved = await say<EntryProofView>('GET', `/v1/ledger/entries/${asked}/proof`, { token: eva })
  const report = verifyProof(proved.proof, [key])
  assert.deepEqual([report.failures, report.index, report.body?.['kind']], [[], asked, 'grant.requested'])
  await say('GET', `/v1/ledger/entries/${asked}/proof`, { token: bot, status: 403 })
  await say('GET', `/v1/ledger/entries/${size + 1_000}/proof`, { token: eva, status: 404 })
  const consistency = await say<ConsistencyView>('GET', `/v1/ledger/consistency?first=1&second=${size}`)
  assert.ok(consistency.path.length > 0)
  await say('GET', `/v1/ledger/consistency?first=${size}&second=1`, { status: 404 })

  const erase = (index: number, status: number, token = ana) =>
    say('POST', `/v1/ledger/entries/${index}/erase`, { token, json: { reason: 'a password was pasted in' }, status })
  await erase(asked, 403, eva)
  await erase(asked, 403, bot)
  await erase(of('configuration.applied'), 409)
  await erase(of('passkey.registered'), 409)
  await erase(size + 1_000, 404)
  assert.match((await erase(asked, 200)).raw, /grant\.requested/)
  await erase(asked, 404)
  const after = verifyProof((await say<EntryProofView>('GET', `/v1/ledger/entries/${asked}/proof`, { token: eva })).proof, [key])
  assert.deepEqual([after.failures, after.body], [[], undefined])
  const exported = await say('GET', '/v1/ledger/export', { token: eva })
  const whole = await verifyExport(exported.raw.split('\n').slice(0, -1), [key])
  assert.deepEqual([whole.failures, whole.erased], [[], 1])
  const again =
    (await api.house.database.leaves(0, 1_000)).find((row) => row.body?.includes('"ledger.body-erased"'))?.index ?? assert.fail()
  await erase(again, 409)
})

test('a passkey without user verification signs nothing', async () => {
  const eva = await authenticator('eva')
  const asked = await say<SignatureQuestion>('POST', '/pages/sign-in/begin', { json: {} })
  eva.userVerified = false
  try {
    const refused = await say<ProblemView>('POST', '/pages/sign-in/finish', {
      json: { challenge: asked.challenge, response: eva.sign(asked.publicKey, api.origin) },
      status: 403,
    })
    assert.equal(refused.type, 'urn:remit:refusal:passkey.refused')
  } finally {
    eva.userVerified = true
  }
})
