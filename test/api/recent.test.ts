/** What was done before a held action: over the API, and on its page in a browser, in both colours and on any width. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test, { after, before } from 'node:test'
import { exchangeToken, tokenTypes } from '../../src/control/exchange-token.ts'
import { controlAudience, gatewayAudience, identifyCaller, TokenReader } from '../../src/control/identify.ts'
import type { Bearer, Verdict } from '../../src/control/ports.ts'
import { requestGrant } from '../../src/control/request-grant.ts'
import { activateGrant } from '../../src/control/work-window.ts'
import { note } from '../../src/control/desk.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { httpGateway } from '../../src/main/house.ts'
import type { ArgumentValue } from '../../src/model/actions.ts'
import type { Provenance } from '../../src/model/provenance.ts'
import type { RecentView } from '../../src/wire/holds.ts'
import { actionOf, materialOf, shopDocument, shopPolicies } from '../world/shop.ts'
import { type ApiHouse, openApiHouse } from './api-house.ts'
import { openBrowser } from './browser.ts'
import { call } from './calls.ts'

type Given = Readonly<Record<string, ArgumentValue>>

/** Payments above 150 are held. */
const policies = shopPolicies
  .replace(
    'action in Effect::Action::"execute", resource in Service::"shop");',
    'action == Action::"http:shop/pay", resource) when { context.arguments.amount > 150 };',
  )
  .replace('http:shop/restart', 'http:shop/pay')
  .replace('context.arguments.service', 'context.arguments.to')

const pay = {
  name: 'pay',
  method: 'POST',
  path: '/payments',
  effect: 'execute',
  arguments: [
    { name: 'to', in: 'body', type: 'string', required: true },
    { name: 'amount', in: 'body', type: 'long', required: true },
    { name: 'subject', in: 'body', type: 'string', required: false },
    { name: 'dry_run', in: 'body', type: 'boolean', required: false },
  ],
}

function document() {
  const shop = {
    name: 'shop',
    upstream: 'http://127.0.0.1:9',
    environment: 'prod',
    impact: { data: 'low', service: 'moderate', safety: 'none' },
    routes: [pay, { name: 'put-telemetry', method: 'PUT', path: '/telemetry', effect: 'write' }],
  }
  return shopDocument({
    people: ['ana', 'ben', 'eva', 'zoe'].map((name) => ({ name })),
    policyFiles: [{ name: 'shop.cedar', text: policies.replace(/@id\("nobody-restarts[^]*?;\n/, forbidTill) }],
    roles: {
      sre: ['ben'],
      'release-manager': ['eva'],
      operators: ['ben'],
      auditors: ['eva'],
      'incident-agents': ['aide', 'ana', 'zoe'],
      'release-bots': ['bot'],
      meters: ['meter'],
    },
    services: [shop],
  })
}

const forbidTill = `@id("nobody-pays-the-till")
forbid (principal, action == Action::"http:shop/pay", resource) when { context.arguments.to == "till" };
`

const faults = readFileSync(new URL('page-faults.js', import.meta.url), 'utf8')

let api: ApiHouse
/** Of the hold that is asked about, and of one that aide has for zoe. */
let id: string
let ofZoe: string

async function bearerOf(statement: string, forWhom?: string): Promise<Bearer> {
  const { desk } = api.house
  const secret = await api.secret('aide')
  const proof =
    forWhom === undefined
      ? { subjectToken: secret, subjectTokenType: tokenTypes.secret }
      : {
          subjectToken: await api.token(forWhom),
          subjectTokenType: tokenTypes.access,
          actorToken: secret,
          actorTokenType: tokenTypes.secret,
        }
  const token = async (more: object = {}) => reveal(mustBe(await exchangeToken(desk, { ...proof, ...more, address: '127.0.0.1' })).token)
  const caller = mustBe(await identifyCaller(desk, new TokenReader(desk, controlAudience(desk.space)), await token(), '127.0.0.1'))
  const asked = mustBe(await requestGrant(desk, caller, { task: 'incident', statement, scope: ['execute:shop'] }))
  const grant = mustBe(await activateGrant(desk, caller, asked.id))
  const audience = gatewayAudience(desk.space, httpGateway)
  return mustBe(await api.gateway.identify(await token({ audience, grant: grant.id }), '127.0.0.1'))
}

async function payNow(bearer: Bearer, given: Given, provenance?: Provenance): Promise<Verdict> {
  const body = JSON.stringify(given)
  const action = { ...actionOf(api.house.desk.facts.service('shop'), 'pay', given), ...(provenance === undefined ? {} : { provenance }) }
  const verdict = await api.gateway.authorize({ bearer, action, material: materialOf(action, body), body: Buffer.from(body) })
  const outcome = { result: 'answered', status: 200, requestBytes: 1, responseBytes: 1, milliseconds: 1 } as const
  if (verdict.outcome === 'allow') api.gateway.finish(verdict.decision, outcome)
  return verdict
}

function heldId(verdict: Verdict): string {
  if (verdict.outcome !== 'held') throw new Error(`it was not held: ${JSON.stringify(verdict)}`)
  return verdict.hold
}

before(async () => {
  api = await openApiHouse({ document: document() })
  for (const name of ['ana', 'eva', 'zoe']) await api.register(name)
  const rent = await bearerOf('pay <b>the rent</b>', 'ana')
  await payNow(rent, { to: 'landlord', amount: 40, dry_run: true })
  await payNow(rent, { to: 'landlord', amount: 120, dry_run: true, subject: 'x'.repeat(5_000) })
  await payNow(rent, { to: 'till', amount: 1 })
  const forZoe = await bearerOf('pay what zoe owes', 'zoe')
  await payNow(forZoe, { to: 'a friend of zoe', amount: 60 })
  ofZoe = heldId(await payNow(forZoe, { to: 'a friend of zoe', amount: 200 }))
  const alone = await bearerOf('pay the bill in the mail')
  id = heldId(
    await payNow(
      alone,
      { to: 'eve', amount: 5_000, subject: '<img src=x onerror=alert(1)>\u202e' },
      { to: { kind: 'untrusted', call: 3, source: 'mail/<b>read</b>' }, amount: { kind: 'never' } },
    ),
  )
})
after(() => api.close())

async function recentFor(
  name: string,
  hold: string,
): Promise<{ readonly status: number; readonly view: RecentView; readonly bytes: number }> {
  const headers = { authorization: `Bearer ${await api.token(name)}` }
  const { status, body } = await call(api.port, { method: 'GET', path: `/v1/holds/${hold}/recent`, headers })
  return { status, view: JSON.parse(body) as RecentView, bytes: body.length }
}

test('an auditor sees what the agent did for whomever, the newest first, and what is different now', async () => {
  const { status, view, bytes } = await recentFor('eva', id)
  assert.equal(status, 200)
  assert.deepEqual(
    view.actions.map(({ outcome, arguments: given }) => [outcome, given['to'], given['amount']]),
    [
      ['held', { value: 'a friend of zoe' }, { value: 200 }],
      ['answered', { value: 'a friend of zoe' }, { value: 60 }],
      ['denied', { value: 'till' }, { value: 1 }],
      ['answered', { value: 'landlord' }, { value: 120 }],
      ['answered', { value: 'landlord' }, { value: 40 }],
    ],
  )
  assert.deepEqual(
    view.compared.map(({ argument, is, before }) => [argument, is, before.map((each) => ('value' in each ? each.value : each.length))]),
    [
      ['to', 'new', ['a friend of zoe', 'landlord']],
      ['amount', 'beyond', [40, 120]],
      ['subject', 'new', [5_002]],
      ['dry_run', 'absent', [true]],
    ],
  )
  assert.deepEqual(view.counts, {
    thisGrant: { allowed: 0, held: 0, denied: 0 },
    otherGrants: { allowed: 3, held: 1, denied: 1, grants: 2 },
  })
  assert.equal(view.actions[4]?.task?.statement, 'pay <b>the rent</b>')
  assert.deepEqual(view.looked.elsewhere, [])
  assert.ok(bytes < 10_000, `${bytes} bytes: a long value is not repeated`)
})

test('a party of one chain sees nothing of what the agent does for another; the agent sees its own', async () => {
  const ofTheirs = (await recentFor('zoe', ofZoe)).view
  assert.deepEqual(
    [ofTheirs.actions.map(({ arguments: given }) => given['amount']), ofTheirs.counts.otherGrants.allowed, ofTheirs.comparedWith],
    [[{ value: 60 }], 0, 1],
  )
  const headers = { cookie: await api.cookie('zoe') }
  const { status, body } = await call(api.port, { method: 'GET', path: `/holds/${ofZoe}`, headers })
  assert.equal(status, 200)
  assert.match(body, /a friend of zoe/)
  assert.doesNotMatch(body, /landlord|the rent|till/, 'nor on its page')
  assert.equal((await recentFor('zoe', id)).status, 404)
  assert.equal((await recentFor('meter', id)).status, 404)
  assert.equal((await recentFor('aide', id)).view.actions.length, 5)
})

test('gateways elsewhere are named to whoever may audit, and to others it is said that there are some', async () => {
  const { desk } = api.house
  const now = desk.clock.now()
  const gateway = {
    id: desk.chance.id('gtw', now),
    space: 'main',
    name: 'edge-1',
    gateway: 'http',
    codeHash: 'x',
    codeEndsAt: now,
    invitedAt: now,
  }
  for (const more of [
    { state: 'invited' },
    { state: 'enrolled', key: 'k', enrolledAt: now },
    { state: 'removed', key: 'k', enrolledAt: now, removedAt: now },
  ] as const) {
    const put = desk.store.change(async (tx) => {
      await tx.put('gateway', { ...gateway, ...more })
      await note(tx, { kind: `gateway.${more.state}`, actor: 'remit', subject: gateway.id })
      return done(undefined)
    })
    mustBe(await put)
    const told = [(await recentFor('eva', id)).view, (await recentFor('aide', id)).view].map(({ looked }) => looked.elsewhere)
    assert.deepEqual(told, more.state === 'enrolled' ? [['edge-1'], ['other gateways']] : [[], []])
  }
})

test('journals that cannot be read are a no over the API, and said on the page', async () => {
  const { disk } = api.house.journal
  const { list } = disk
  disk.list = () => Promise.reject(new Error('the disk is gone'))
  try {
    assert.equal((await recentFor('eva', id)).status, 503)
    const cookie = await api.cookie('eva')
    const { status, body } = await call(api.port, { method: 'GET', path: `/holds/${id}`, headers: { cookie } })
    assert.equal(status, 200)
    assert.match(body, /could not be looked at now[^]*may have done much or nothing/)
    assert.match(body, /class="target"/, 'the rest of the page is there')
  } finally {
    disk.list = list
  }
  assert.deepEqual(
    api.logged.splice(0).map(({ says }) => says),
    ['what was done before a hold could not be read', 'what was done before a hold could not be read'],
  )
})

const order = [
  'aide wants to execute pay on shop',
  'Who, and for what task',
  'pay the bill in the mail',
  'Exactly this request',
  'Untrusted: what stands in to',
  'seen in result 3, from mail/<b>read</b>',
  'What it did the last times',
  'beyond what it was: 40 to 120',
  'dry_run is not given now',
  'pay <b>the rent</b>',
  'Why it is held',
  'Your answer',
  'Approve and sign',
]

test('the page is in the order of judging, fits, is legible in both colours, and goes by keyboard', async () => {
  const person = await openBrowser()
  const { page, complaints } = person
  try {
    await page.goto(api.origin + (await api.invitation('ben')))
    await page.click('text=Create the passkey')
    await page.waitForURL('**/waiting')
    assert.match(await page.innerText('main'), /POST \/payments\s+to eve, amount 5000/, 'two that are held can be told apart')
    await page.goto(`${api.origin}/holds/${id}`)
    const text = await page.innerText('main')
    let at = -1
    for (const part of order) {
      const place = text.indexOf(part, at + 1)
      assert.ok(place > at, `${part} comes next in: ${text}`)
      at = place
    }
    assert.equal(await page.locator('main img, main b:text-is("the rent"), main b:text-is("read")').count(), 0, 'nothing is markup')
    for (const [colorScheme, width] of [
      ['light', 390] as const,
      ['light', 1_280] as const,
      ['dark', 1_280] as const,
      ['dark', 390] as const,
    ]) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 900 })
      const found = await page.evaluate<object>(`${faults}; faultsOfPage()`)
      assert.deepEqual(found, { illegible: [], nameless: [] }, `${colorScheme}, ${width} pixels wide`)
      assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= width, `it fits into ${width} pixels`)
    }
    const reached: string[] = []
    for (let tabs = 0; tabs < 20 && !reached.includes('Deny and sign'); tabs += 1) {
      await page.keyboard.press('Tab')
      reached.push(await page.evaluate<string>('document.activeElement.innerText.trim()'))
    }
    assert.deepEqual(
      reached.filter((each) => /answer|sign$/.test(each)),
      ['to your answer', 'Approve and sign', 'Deny and sign'],
    )
    await page.keyboard.press('Enter')
    await page.waitForSelector('h1 .badge:has-text("denied")')
    assert.match(await page.innerText('main'), /beyond what it was: 40 to 120/, 'what was shown then is there to be read later')
    assert.deepEqual(complaints, [])
  } finally {
    await person.close()
  }
})
