/** Each change of policy, role, owner, impact, issuer or approver ends what no longer stands: requests, grants and held actions, with its reason. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Caller } from '../../src/control/desk.ts'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { quarantine, release } from '../../src/control/quarantine.ts'
import { reevaluate } from '../../src/control/reevaluate.ts'
import { issuedProof } from '../../src/control/proofs.ts'
import { replacePasskeys } from '../../src/control/replace-passkeys.ts'
import { requestGrant } from '../../src/control/request-grant.ts'
import type { JsonObject } from '../../src/kernel/json.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { callOf, configure, held, hour, minute, start } from '../world/deeds.ts'
import { shopDocument } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

const policies = `
@id("bots-may-release") @approval("role:release-manager")
permit (principal is ServiceAccount in Role::"release-bots", action == Action::"request", resource in Service::"shop")
when { context.task.kind == "release" && principal.owner in Role::"owners" && context.proved has ticket };

@id("deploying-needs-a-person") @hold("role:sre")
forbid (principal, action == Action::"http:shop/deploy", resource);
`
const people = ['ana', 'ben', 'cyd', 'eva', 'fay'].map((name) => ({ name }))
const roles = {
  sre: ['ben'],
  'release-manager': ['eva', 'ana'],
  operators: ['cyd'],
  auditors: [],
  owners: ['ana'],
  'release-bots': ['bot'],
}
const issuers = [{ name: 'ci', issuer: 'https://ci.example', audience: 'remit', jwks: { keys: [] }, proves: { ticket: 'ticket' } }]
const bot = { name: 'bot', kind: 'service-account', owner: 'ana', signsInBy: [{ issuer: 'ci', subject: 'shop' }] }
const document = (more: Readonly<Record<string, unknown>> = {}) =>
  shopDocument({ people, roles, issuers, identities: [bot], policyFiles: [{ name: 'shop.cedar', text: policies }], ...more })
const withText = (text: string) => document({ policyFiles: [{ name: 'shop.cedar', text }] })
const without = (role: keyof typeof roles, ...members: string[]) => document({ roles: { ...roles, [role]: members } })
const gone = (name: string) => document({ people: people.map((each) => (each.name === name ? { name, disabled: true } : each)) })

interface Route {
  readonly name: string
  impact?: object
}

function shopWith(change: (routes: Route[]) => Route[]): JsonObject {
  const [shop] = structuredClone(document()['services']) as unknown as { routes: Route[] }[]
  if (shop === undefined) throw new Error('there is a shop')
  return document({ services: [{ ...shop, routes: change(shop.routes) }] })
}

const withoutDeploy = () => ({
  ...shopWith((routes) => routes.filter(({ name }) => name !== 'deploy')),
  policyFiles: [{ name: 'shop.cedar', text: policies.slice(0, policies.indexOf('@id("deploying')) }],
})

const dearer = () => shopWith((routes) => routes.map((route) => ({ ...route, impact: { data: 'high', service: 'high', safety: 'none' } })))

/** What became of the four: a request, an approved and an active grant, and an approved action under another. */
type Four = readonly [pending: string, approved: string, active: string, hold: string]
const all: Four = ['withdrawn', 'unclaimed', 'ended', 'withdrawn']
const approvedOnly: Four = ['pending', 'unclaimed', 'ended', 'withdrawn']
const pendingOnly: Four = ['withdrawn', 'approved', 'active', 'approved']
const none: Four = ['pending', 'approved', 'active', 'approved']
const holdOnly: Four = ['pending', 'approved', 'active', 'withdrawn']

interface Cause {
  readonly what: string
  readonly change: (world: World) => Promise<unknown>
  readonly want: Four
  /** Why the active grant ended, or the held action was withdrawn. */
  readonly says?: RegExp
  /** Who approves; eva unless said. */
  readonly by?: string
  readonly duration?: number
}

const by = (document: () => JsonObject) => (world: World) => configure(world, document())
const moreFor = policies.replace('@approval("role:release-manager")', '@approval("role:release-manager, role:sre")')
const heldByOthers = policies.replace('@hold("role:sre")', '@hold("role:release-manager")')

const causes: readonly Cause[] = [
  {
    what: 'its role is taken away',
    change: by(() => without('release-bots')),
    want: all,
    says: /bot may not ask for write on shop\/deploy/,
  },
  { what: 'its owner loses the role that policy asks for', change: by(() => without('owners')), want: all, says: /bot may not ask/ },
  {
    what: 'it comes to another owner',
    change: by(() => document({ identities: [{ ...bot, owner: 'fay' }] })),
    want: all,
    says: /bot may not ask/,
  },
  { what: 'its owner is disabled', change: by(() => gone('ana')), want: all, says: /ana was disabled/ },
  { what: 'it is disabled', change: by(() => document({ identities: [{ ...bot, disabled: true }] })), want: all, says: /bot was disabled/ },
  {
    what: 'policy lets nobody ask',
    change: by(() => withText(policies.replace('"release" &&', '"party" &&'))),
    want: all,
    says: /bot may not ask/,
  },
  {
    what: 'a guardrail forbids it',
    change: by(() => withText(`${policies}@id("no") forbid (principal, action in Effect::Action::"write", resource);`)),
    want: all,
    says: /no forbids write on shop\/deploy/,
  },
  {
    what: 'policy asks for one more',
    change: by(() => withText(moreFor)),
    want: all,
    says: /policy asks for role:release-manager, role:sre now/,
  },
  {
    what: 'the operation is gone',
    change: by(() => withoutDeploy()),
    want: all,
    says: /shop\/deploy is not there any more/,
  },
  {
    what: 'its impact rises and it is longer than that allows',
    change: by(dearer),
    want: all,
    says: /longer than may be given now: at most 1h/,
    duration: 2 * hour,
  },
  {
    what: 'its impact rises and its approver owns it',
    change: by(dearer),
    want: all,
    says: /its approver ana has a part in it now/,
    by: 'ana',
  },
  { what: 'its impact rises, and all that costs was paid', change: by(dearer), want: pendingOnly },
  {
    what: 'its approver loses the role',
    change: by(() => without('release-manager', 'ana')),
    want: approvedOnly,
    says: /its approver eva is not in release-manager any more/,
  },
  { what: 'its approver is disabled', change: by(() => gone('eva')), want: approvedOnly, says: /its approver eva was disabled/ },
  {
    what: 'its approver is contained',
    change: async (world) => mustBe(await quarantine(world.desk, await world.caller('cyd'), 'eva', 'odd')),
    want: approvedOnly,
    says: /its approver eva is quarantined/,
  },
  {
    what: 'its approver may not approve at the desk any more',
    change: by(() =>
      withText(`${policies}@id("not-eva") forbid (principal == Human::"eva", action == Desk::Action::"approve", resource);`),
    ),
    want: approvedOnly,
    says: /its approver eva may not approve at the desk any more/,
  },
  {
    what: 'the issuer vouches for its facts no more',
    change: by(() => document({ issuers: [{ ...issuers[0], proves: {} }] })),
    want: all,
    says: /its ticket is not proved any more/,
  },
  {
    what: 'whose token proved its facts is not known any more',
    change: by(() => document({ identities: [{ ...bot, signsInBy: [{ issuer: 'ci', subject: 'other' }] }] })),
    want: all,
    says: /its ticket is not proved any more/,
  },
  {
    what: 'the approver of the held action loses the role',
    change: by(() => without('sre', 'cyd')),
    want: holdOnly,
    says: /its approver ben is not in sre any more/,
  },
  {
    what: 'the approver of the held action is disabled',
    change: by(() => gone('ben')),
    want: holdOnly,
    says: /its approver ben was disabled/,
  },
  {
    what: 'policy holds it for somebody else',
    change: by(() => withText(heldByOthers)),
    want: holdOnly,
    says: /policy asks for another approval now/,
  },
  {
    what: 'policy holds it no more',
    change: by(() => withText(policies.replace('@hold("role:sre")', '@hold("role:sre | role:owners")'))),
    want: holdOnly,
  },
  { what: 'somebody else changes', change: by(() => document({ roles: { ...roles, auditors: ['fay'] } })), want: none },
  // The last one: for a week after it eva's yes counts for nothing that ana owns.
  {
    what: 'the passkeys of its approver are replaced',
    change: async (world) => mustBe(await replacePasskeys(world.desk, await world.caller('ana'), 'eva', 'lost')),
    want: approvedOnly,
    says: /its approver eva signed with a passkey that was revoked/,
  },
]

describe('when', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: document() })
  })
  after(() => world.close())
  beforeEach(async () => {
    for (const { name, quarantine } of world.desk.facts.identities())
      if (quarantine !== undefined) mustBe(await release(world.desk, await world.caller('cyd'), name, 'again'))
    await configure(world, document())
    for (const grant of world.desk.facts.openGrants()) mustBe(await revokeGrant(world.desk, await world.caller('cyd'), grant.id, 'again'))
  })

  /** As the API has it for a token of the issuer that carried a ticket. */
  async function callerOfCi(): Promise<Caller> {
    const caller = await world.caller('bot')
    const provedBy = issuedProof({ issuer: 'ci', identity: caller.actor.id, subject: 'shop' })
    return { ...caller, claims: { ...caller.claims, provedBy, proved: { ticket: 'OPS-1' } } }
  }
  async function ask(duration: number) {
    const request = { task: 'release', statement: 'because', scope: ['shop/deploy'], duration, idle: 4 * hour }
    return mustBe(await requestGrant(world.desk, await callerOfCi(), request))
  }

  for (const { what, change, want, says, by: approver = 'eva', duration = 30 * minute } of causes) {
    test(`${what}: ${want.join(', ')}`, async () => {
      const grants = [await ask(duration), await ask(duration), await ask(duration), await ask(duration)] as const
      const [pending, approved, active, holding] = grants
      for (const { id } of grants.slice(1)) mustBe(await world.answer(approver, id, 'approve'))
      for (const { id } of [active, holding]) await start(world, 'bot', id)
      const call = callOf(world, await world.bearer('bot', holding.id), 'deploy', { version: '1' })
      const hold = held(await world.gateway.authorize(call))
      mustBe(await world.answer('ben', hold, 'approve'))

      await change(world)
      const kept = await world.desk.store.read(async (tx) => ({
        grants: await Promise.all([pending, approved, active].map(({ id }) => tx.get('grant', id))),
        hold: await tx.get('hold', hold),
      }))
      assert.deepEqual([...kept.grants.map((grant) => grant?.state), kept.hold?.state], want)
      const isOver = want === all || want === approvedOnly
      if (isOver || want === holdOnly)
        assert.match((want === holdOnly ? kept.hold?.reason : kept.grants[2]?.ending?.reason) ?? '', says ?? /./)
      if (isOver) assert.equal((await world.gateway.authorize(call)).outcome, 'deny')
      assert.equal(await reevaluate(world.desk), 0, 'and nothing was left for later')
    })
  }
})
