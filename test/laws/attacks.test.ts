/** What somebody tried who wanted a yes without the persons for it, or a wider change under a narrower name: one test for each way. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { exportedFiles } from '../../src/cli/export-files.ts'
import { planChange } from '../../src/control/change-sets.ts'
import type { Caller } from '../../src/control/desk.ts'
import { exportConfiguration } from '../../src/control/export-configuration.ts'
import { proposeException } from '../../src/control/exceptions.ts'
import { firstLink, invite, makeInvitation } from '../../src/control/people.ts'
import { quarantine, release } from '../../src/control/quarantine.ts'
import { replacePasskeys } from '../../src/control/replace-passkeys.ts'
import { answerableGrant, describeRequirement, isLocked } from '../../src/control/rights.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { configure, operator, propose } from '../world/configure.ts'
import { ask, atWork, callOf, held, hour, refused } from '../world/deeds.ts'
import { asDocument, shopDocument, shopPolicies } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

const week = 7 * 24 * hour
const people = [{ name: 'ana' }, { name: 'ben' }, { name: 'eva' }, { name: 'mal' }, { name: 'pip' }]
const roles = {
  sre: ['ben', 'mal', 'pip'],
  'release-manager': ['eva', 'mal', 'pip'],
  operators: ['ben'],
  auditors: ['eva'],
  'incident-agents': ['aide', 'ana'],
  'release-bots': ['bot'],
  meters: ['meter'],
}
const three = (more: object = {}) => shopDocument({ people, roles, ...more })
const exception = (over: object = {}) => ({
  identity: 'bot',
  owner: 'ana',
  scope: ['shop/put-telemetry'],
  reason: 'the old meter',
  remediation: ['replace it'],
  ...over,
})

async function letIn(world: World, by: Caller, name: string): Promise<void> {
  await world.register(name, reveal(mustBe(await invite(world.desk, by, name)).link))
}

/** Everybody who was there from the start came in long ago; mal and pip are configured, and have no passkey. */
async function house(): Promise<World> {
  const world = await openWorld({ document: shopDocument({ roles: { ...roles, sre: ['ben'], 'release-manager': ['eva'] } }) })
  world.clock.advance(week + hour)
  await configure(world, three())
  return world
}

describe('whoever was let in by a party', () => {
  let world: World
  before(async () => {
    world = await house()
    await letIn(world, await world.caller('ana'), 'mal')
  })
  after(() => world.close())
  const expiresAt = () => world.clock.now() + 24 * hour

  test('answers no request of theirs, nor of what they own', async () => {
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
    refused(await world.answer('mal', grant.id, 'approve'), 'approval.let-in-lately')
    refused(await world.answer('mal', grant.id, 'deny'), 'approval.let-in-lately')
    assert.equal(mustBe(await world.answer('eva', grant.id, 'approve')).grant?.state, 'approved')
  })

  test('answers no held action of theirs', async () => {
    const grant = await atWork(world, 'aide', ['shop/restart'])
    const hold = held(await world.gateway.authorize(callOf(world, await world.bearer('aide', grant.id), 'restart', { service: 'web' })))
    refused(await world.answer('mal', hold, 'approve'), 'approval.let-in-lately')
    assert.equal(mustBe(await world.answer('ben', hold, 'approve')).hold?.state, 'approved')
  })

  test('answers no exception that they propose or answer for', async () => {
    for (const owner of ['ana', 'ben']) {
      const asked = mustBe(
        await proposeException(world.desk, await world.caller('ana'), { ...exception({ owner }), expiresAt: expiresAt() }),
      )
      refused(await world.answer('mal', asked.id, 'approve'), 'approval.let-in-lately')
    }
  })

  test('answers no change that they propose', async () => {
    const set = await propose(world, await world.caller('ana'), { document: three({ roles: { ...roles, auditors: ['eva', 'ana'] } }) })
    refused(await world.answer('mal', set.id, 'approve'), 'approval.let-in-lately')
  })

  test('lets in nobody who could answer in their place', async () => {
    const may = { ...exception({ identity: 'mal', owner: 'mal', deskActions: ['administer'] }), expiresAt: expiresAt() }
    const { scope: _, ...atDesk } = may
    const asked = mustBe(await proposeException(world.desk, await world.caller('ana'), atDesk as never))
    mustBe(await world.answer('ben', asked.id, 'approve'))
    await letIn(world, await world.caller('mal'), 'pip')
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
    refused(await world.answer('pip', grant.id, 'approve'), 'approval.let-in-lately')
  })

  test('is not the only one left because the others were stopped, disabled or made parties', async () => {
    const now = () => world.clock.now()
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
    for (const name of ['ben', 'eva']) mustBe(await quarantine(world.desk, await world.caller('ana'), name, 'odd'))
    assert.equal(isLocked(world.desk, answerableGrant(grant), now()), true, 'it locks, and does not fall open')
    refused(await world.answer('mal', grant.id, 'approve'), 'approval.let-in-lately')
    for (const name of ['ben', 'eva']) mustBe(await release(world.desk, await world.caller('ana'), name, 'fine'))
    for (const name of ['ben', 'eva']) mustBe(await replacePasskeys(world.desk, await world.caller('ana'), name, 'lost'))
    refused(await world.answer('mal', grant.id, 'approve'), 'approval.let-in-lately')
    const gone = people.map(({ name }) => ({ name, disabled: name === 'ben' || name === 'eva' }))
    const set = await propose(world, await world.caller('ana'), { document: three({ people: gone }) })
    assert.equal(set.state, 'applied', 'that narrows')
    refused(await world.answer('mal', grant.id, 'approve'), 'approval.let-in-lately')
    world.clock.advance(week + 1)
    const later = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
    assert.equal(mustBe(await world.answer('mal', later.id, 'approve')).grant?.state, 'approved', 'it ends by itself')
  })
})

test('in a house of two the one who was let in answers, and the record and the ledger say by whom', async () => {
  const two = (more: object = {}) =>
    shopDocument({
      people: [{ name: 'ana' }, { name: 'ben' }],
      identities: [
        { name: 'aide', kind: 'ai-agent', owner: 'ana' },
        { name: 'bot', kind: 'service-account', owner: 'ana' },
        { name: 'meter', kind: 'api-client', owner: 'ana' },
      ],
      roles: { ...roles, sre: ['ben'], 'release-manager': ['ben'], auditors: [], 'incident-agents': ['aide'] },
      ...more,
    })
  const world = await openWorld({ document: two({ people: [{ name: 'ana' }], roles: {}, policyFiles: [] }) })
  try {
    const ana = await world.caller('ana')
    const set = await propose(world, ana, { document: two() })
    assert.equal(set.ending, 'applied alone: nobody else could be asked')
    await letIn(world, ana, 'ben')
    const grant = mustBe(await ask(world, 'bot', ['shop/deploy'], { task: 'release' }))
    const answered = mustBe(await world.answer('ben', grant.id, 'approve'))
    assert.deepEqual([answered.grant?.state, answered.approval.letInBy], ['approved', 'ana'])
    mustBe(await world.house.sequencer.flush())
    const { size } = await world.house.database.tree()
    const bodies = (await world.house.database.leaves(Math.max(0, size - 20), 20)).map((leaf) => leaf.body ?? '')
    assert.ok(bodies.some((body) => body.includes('"approval.signed"') && body.includes('"letInBy":"ana"')))
    mustBe(await replacePasskeys(world.desk, await world.caller('ana'), 'ben', 'lost'))
    refused(await world.answer('ben', grant.id, 'approve'), 'approval.closed')
  } finally {
    await world.close()
  }
})

const socket = { name: 'watch', method: 'GET', path: '/watch', effect: 'read', upgrade: 'websocket' }
const feed = {
  name: 'feed',
  upstream: 'http://127.0.0.1:8',
  port: 7002,
  environment: 'test',
  impact: { data: 'low', service: 'low', safety: 'none' },
  routes: [{ name: 'read', method: 'GET', path: '/', effect: 'read' }, socket],
}
const doubled = `${shopPolicies}
@id("meters-look") @approval("role:sre, role:sre")
permit (principal in Role::"meters", action == Action::"request", resource == Route::"feed/read");
`

describe('a change under a milder name', () => {
  let world: World
  const shop = (shopDocument()['services'] as readonly object[])[0] ?? {}
  const base = (over: object = {}) =>
    shopDocument({ services: [{ ...shop, port: 7001 }, feed], policyFiles: [{ name: 'shop.cedar', text: doubled }], ...over })
  before(async () => {
    world = await openWorld({ document: base() })
  })
  after(() => world.close())
  const plan = async (document: ReturnType<typeof base>, prune: 'nothing' | 'policies' | 'everything' = 'policies') =>
    planChange(world.desk, await world.caller('ana'), { document, prune })

  test('two services that change places are not where they were: what clients send to one is done by the other', async () => {
    const swapped = base({
      services: [
        { ...shop, port: 7002 },
        { ...feed, port: 7001 },
      ],
    })
    assert.equal(mustBe(await plan(swapped)).class, 'widens')
    assert.equal(mustBe(await plan(base({ services: [{ ...shop, port: 7003 }, feed] }))).class, 'neutral')
  })

  test('nobody is called as machinery and policy are in the ledger', async () => {
    for (const name of ['remit', 'policy']) {
      refused(await plan(base({ people: [{ name: 'ana' }, { name: 'ben' }, { name: 'eva' }, { name }] })), 'configuration.invalid')
      refused(await world.desk.store.change((tx) => makeInvitation(world.desk, tx, { name, by: 'test' })), 'name.used')
    }
  })

  test('who is named twice is asked twice: one instead of two is less', async () => {
    const one = base({ policyFiles: [{ name: 'shop.cedar', text: doubled.replace('role:sre, role:sre', 'role:sre') }] })
    const { changes } = mustBe(await plan(one))
    assert.deepEqual(
      changes.map((each) => [each.class, each.says]),
      [['widens', 'asks for the approval of role:sre; before: 2 of role:sre']],
    )
    const grant = mustBe(await ask(world, 'meter', ['feed/read']))
    assert.deepEqual(describeRequirement(grant.requirement), '2 of role:sre')
  })

  test('nobody comes to sign in as something because another one lost it: no two share a subject, or a name for an issuer', async () => {
    const ci = { name: 'ci', issuer: 'https://ci.example', audience: 'remit', jwksUri: 'https://ci.example/keys' }
    const signsInBy = [{ issuer: 'ci', subject: 'repo:shop' }]
    const identities = [
      { name: 'aide', kind: 'ai-agent', owner: 'ana', signsInBy },
      { name: 'bot', kind: 'service-account', owner: 'ana', signsInBy },
      { name: 'meter', kind: 'api-client', owner: 'ben' },
    ]
    refused(await plan(base({ issuers: [ci], identities })), 'configuration.invalid')
    const [first, , last] = identities
    const one = [first, { name: 'bot', kind: 'service-account', owner: 'ana' }, last]
    assert.equal(mustBe(await plan(base({ issuers: [ci], identities: one }))).class, 'widens')
    refused(await plan(base({ issuers: [ci, { ...ci, name: 'ci-too', jwksUri: 'https://other.example/keys' }] })), 'configuration.invalid')
  })

  for (const name of ['desk.cedar', 'policies/DESK.cedar', 'shop.cedar', 'other/shop.cedar', 'more.txt', '.more.cedar', '..', 'a\n.cedar'])
    test(`no policies hide in a second file called ${JSON.stringify(name)}`, async () => {
      const text = '@id("mine")\nforbid (principal, action in Effect::Action::"delete", resource);'
      const files = [
        { name: 'shop.cedar', text: doubled },
        { name, text },
      ]
      refused(await plan(base({ policyFiles: files })), 'configuration.invalid')
    })

  test('what is exported and applied again is no change, sockets, proxies and files in any folder included', async () => {
    const text = '@id("nobody-deletes")\nforbid (principal, action in Effect::Action::"delete", resource);'
    const files = [
      { name: '../shared/policies/shop.cedar', text: doubled },
      { name: 'policies/deep/more.cedar', text },
    ]
    const { credential: _own, port: _none, ...stall } = { credential: undefined, ...feed, name: 'stall', enforcedBy: 'proxy' }
    await configure(world, base({ policyFiles: files, services: [shop, feed, stall] }))
    const { document, policyFiles, secrets } = mustBe(exportConfiguration(world.desk, await world.caller('ana')))
    const written = exportedFiles({ document, policyFiles, secrets, base: '' } as never)
    assert.deepEqual(written.map(({ name }) => name).toSorted(), ['policies/more.cedar', 'policies/shop.cedar', 'remit.yaml'])
    const again = written.filter(({ name }) => name !== 'remit.yaml')
    const planned = mustBe(await plan(asDocument({ ...document, policyFiles: again }), 'everything'))
    assert.deepEqual(planned.changes, [])
  })
})

test('what was proposed from the machine while one person was there is not signed by that one once two are', async () => {
  const document = (over: object = {}) =>
    shopDocument({
      people: [{ name: 'ana' }, { name: 'ben' }],
      roles: { ...roles, sre: ['ben'], 'release-manager': ['ben'], auditors: [], 'incident-agents': ['aide'], ...over },
    })
  const world = await openWorld({ document: shopDocument({ people: [], identities: [], roles: {}, policyFiles: [] }) })
  try {
    await world.register('ana', reveal(mustBe(await firstLink(world.desk)) as never))
    await configure(world, document())
    const wider = await propose(world, operator, { document: document({ sre: ['ben', 'ana'] }) })
    assert.equal(wider.requirement.personsMin, 1)
    await letIn(world, await world.caller('ana'), 'ben')
    refused(await world.answer('ana', wider.id, 'approve'), 'approval.closed')
    const again = await propose(world, operator, { document: document({ sre: ['ben', 'ana'] }) })
    assert.equal(again.requirement.personsMin, 2)
  } finally {
    await world.close()
  }
})
