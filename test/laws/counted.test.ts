/** Counted things have one home: uses, sums and rates over several gateways, approvals spent once, reservations that are never given back twice. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { Activity } from '../../src/control/activity.ts'
import { completeGrant } from '../../src/control/end-grant.ts'
import { Endings } from '../../src/control/endings.ts'
import { gatewayControl } from '../../src/control/gateway-control.ts'
import { settle } from '../../src/control/home.ts'
import type { GatewayControl } from '../../src/control/ports.ts'
import { Reservations } from '../../src/control/reservations.ts'
import type { Id } from '../../src/kernel/ids.ts'
import { Fraction } from '../../src/kernel/json.ts'
import { describeProblem, retryAfterSeconds } from '../../src/kernel/problems.ts'
import { mustBe } from '../../src/kernel/result.ts'
import type { ArgumentValue } from '../../src/model/actions.ts'
import { usedOf } from '../../src/model/counting.ts'
import type { EnrolledGateway } from '../../src/model/gateways.ts'
import type { Grant } from '../../src/model/grants.ts'
import { allowed, answered, ask, atWork, callOf, held, minute, refused, refusedVerdict, start } from '../world/deeds.ts'
import { actionOf, asDocument, shopDocument } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

const policies = `
@id("tellers-may-refund") @maxDuration("2h")
permit (principal in Role::"tellers", action == Action::"request", resource == Route::"till/refund");

@id("tellers-may-refund-much") @approval("role:release-manager") @maxDuration("2h")
permit (principal in Role::"tellers", action == Action::"request", resource == Route::"till/refund")
when { context.task.kind == "release" };

@id("tellers-may-book") @maxDuration("2h")
permit (principal in Role::"tellers", action == Action::"request", resource == Route::"till/book");

@id("tellers-may-look") @maxDuration("2h")
permit (principal in Role::"tellers", action == Action::"request", resource in Service::"elsewhere");

@id("tellers-may-wipe") @approval("role:release-manager, role:sre") @maxDuration("30m")
permit (principal in Role::"tellers", action == Action::"request", resource == Route::"till/wipe");

@id("booking-needs-a-person") @hold("role:sre")
forbid (principal, action == Action::"http:till/book", resource);
`

function document() {
  const { services, policyFiles, identities, roles, ...rest } = shopDocument()
  const low = { data: 'low', service: 'none', safety: 'none' }
  const amount = { name: 'amount', in: 'body', type: 'decimal', required: false }
  return asDocument({
    ...rest,
    policyFiles: [...(policyFiles as object[]), { name: 'till.cedar', text: policies }],
    roles: { ...(roles as object), tellers: ['teller'] },
    identities: [...(identities as object[]), { name: 'teller', kind: 'api-client', owner: 'ana' }],
    services: [
      ...(services as object[]),
      {
        name: 'till',
        upstream: 'http://127.0.0.1:9',
        environment: 'prod',
        impact: low,
        routes: [
          {
            name: 'refund',
            method: 'POST',
            path: '/refunds',
            effect: 'write',
            arguments: [amount, { ...amount, name: 'note', type: 'string' }],
          },
          { name: 'book', method: 'POST', path: '/bookings', effect: 'write', arguments: [amount] },
          {
            name: 'wipe',
            method: 'DELETE',
            path: '/data',
            effect: 'administer',
            impact: { data: 'critical', service: 'none', safety: 'none' },
          },
        ],
      },
      {
        name: 'elsewhere',
        upstream: 'http://127.0.0.1:9',
        environment: 'prod',
        impact: low,
        gateway: 'edge',
        routes: [{ name: 'look', method: 'GET', path: '/look', effect: 'read' }],
      },
    ],
  })
}

function gateway(name: string, serves = 'http'): EnrolledGateway {
  const id = `gtw_${name.toUpperCase().padEnd(26, '0')}` as Id<'gtw'>
  return { id, space: 'main', name, gateway: serves, state: 'enrolled', codeHash: name, codeEndsAt: 0, invitedAt: 0 }
}

/** The world's own gateway and another one over the same desk. */
function twoGates(world: World): readonly [GatewayControl, GatewayControl] {
  const { gate } = world.house
  return [world.gateway, gatewayControl({ ...gate, endings: new Endings(), refusals: new Map(), activity: new Activity(gate.clock.now()) })]
}

async function refund(world: World, gate: GatewayControl, grant: Grant, given: Record<string, ArgumentValue> = {}) {
  const action = actionOf(world.desk.facts.service('till'), 'refund', given)
  return gate.authorize({ ...callOf(world, await world.bearer('teller', grant.id), 'list-incidents'), action })
}

describe('what is counted', () => {
  let world: World
  let gates: readonly [GatewayControl, GatewayControl]
  before(async () => {
    world = await openWorld({ document: document() })
    gates = twoGates(world)
  })
  after(() => world.close())
  const taken = (grant: Grant, line = 0) => world.desk.store.read((tx) => tx.get('uses', `${grant.id}/${line}`))

  test('a sum is never passed, however many gateways add to it at once, and the last cent is given', async () => {
    const grant = await atWork(world, 'teller', ['till/refund,amount<=50,sum(amount)<=500'])
    const verdicts = await Promise.all(
      Array.from({ length: 30 }, (_, each) => refund(world, gates[each % 2 === 0 ? 0 : 1], grant, { amount: new Fraction('33.3333') })),
    )
    assert.equal(verdicts.filter(({ outcome }) => outcome === 'allow').length, 15)
    for (const verdict of verdicts) if (verdict.outcome !== 'allow') refusedVerdict(verdict, 'grant.sum-spent')
    assert.equal((await taken(grant))?.sum, 4_999_995)
    refusedVerdict(await refund(world, gates[0], grant, { amount: new Fraction('0.0006') }), 'grant.sum-spent')
    refusedVerdict(await refund(world, gates[1], grant, { amount: new Fraction('50.0001') }), 'grant.arguments')
    refusedVerdict(await refund(world, gates[1], grant), 'grant.arguments')
    allowed(await refund(world, gates[1], grant, { amount: -499 }))
    refusedVerdict(await refund(world, gates[0], grant, { amount: new Fraction('0.0006') }), 'grant.sum-spent')
    allowed(await refund(world, gates[1], grant, { amount: new Fraction('0.0005') }))
    const full = await refund(world, gates[1], grant, { amount: 0 })
    refusedVerdict(full, 'grant.sum-spent')
    assert.match(full.outcome === 'deny' ? describeProblem(full.refusal).detail : '', /amount has come to 500 of 500$/)
  })

  test('a rate is never passed in any stretch of its length; the refusal says when to come again, and that is true', async () => {
    const grant = await atWork(world, 'teller', ['till/refund,rate=3/1m'])
    const verdicts = await Promise.all(Array.from({ length: 10 }, (_, each) => refund(world, gates[each % 2 === 0 ? 0 : 1], grant)))
    assert.equal(verdicts.filter(({ outcome }) => outcome === 'allow').length, 3)
    const late = await refund(world, gates[1], grant)
    refusedVerdict(late, 'grant.rate')
    const seconds = Number(late.outcome === 'deny' ? retryAfterSeconds(late.refusal) : undefined)
    assert.ok(seconds >= 60 && seconds <= 62, `${seconds}`)
    world.clock.advance(59_999)
    refusedVerdict(await refund(world, gates[0], grant), 'grant.rate')
    world.clock.advance(seconds * 1_000 - 59_999)
    allowed(await refund(world, gates[0], grant))
    assert.equal(world.desk.facts.grant(grant.id)?.state, 'active')
  })

  test('an uncounted line goes before a counted one, and one with room before one without', async () => {
    const grant = await atWork(world, 'teller', ['till/refund,sum(amount)<=10', 'till/refund,uses=1', 'till/refund,note=gift'])
    allowed(await refund(world, gates[0], grant, { amount: 9, note: 'gift' }))
    assert.equal(await taken(grant, 0), undefined)
    allowed(await refund(world, gates[0], grant, { amount: 9 }))
    allowed(await refund(world, gates[1], grant, { amount: 9 }))
    refusedVerdict(await refund(world, gates[1], grant, { amount: 9 }), 'grant.sum-spent')
    assert.deepEqual([(await taken(grant, 0))?.sum, (await taken(grant, 1))?.spent], [90_000, 1])
  })

  test('a grant whose sum is full has ended when its last action is over; one that only has a rate has not', async () => {
    const [full, slow] = [
      await atWork(world, 'teller', ['till/refund,sum(amount)<=5']),
      await atWork(world, 'teller', ['till/refund,rate=1/1m']),
    ]
    for (const [grant, amount] of [
      [full, 5],
      [slow, 5],
    ] as const)
      gates[0].finish(allowed(await refund(world, gates[0], grant, { amount })), answered)
    await world.desk.store.change(async () => ({ ok: true, value: undefined }))
    assert.deepEqual(
      [full, slow].map(({ id }) => world.desk.facts.grant(id)?.ending?.how),
      ['exhausted', undefined],
    )
  })

  test('is asked for in words that are read, signed, lowered by an approver, and never raised', async () => {
    refused(await ask(world, 'teller', ['till/refund,sum(price)<=5']), 'scope.unknown')
    refused(await ask(world, 'teller', ['till/refund,sum(note)<=5']), 'scope.unknown')
    refused(await ask(world, 'ben', ['desk/administer,rate=1/1m'], { task: 'desk' }), 'input.invalid')
    const asked = async () => mustBe(await ask(world, 'teller', ['till/refund,sum(amount)<=500,rate=10/1m,uses=9'], { task: 'release' }))
    const [one, other] = [await asked(), await asked()]
    assert.notEqual(one.digest, other.digest)
    for (const narrowing of [
      { sums: { '0': 501 } },
      { rates: { '0': 11 } },
      { sums: { '0': 0 } },
      { sums: { '1': 1 } },
      { rates: { '0': 1.5 } },
    ])
      refused(await world.answer('eva', one.id, 'approve', narrowing), 'approval.widens')
    mustBe(await world.answer('eva', one.id, 'approve', { sums: { '0': 20 }, rates: { '0': 2 }, uses: { '0': 3 } }))
    assert.deepEqual(world.desk.facts.grant(one.id)?.scope, [
      { resource: 'till/refund', uses: 3, sum: { argument: 'amount', atMost: 20 }, rate: { atMost: 2, window: minute } },
    ])
    const grant = await start(world, 'teller', one.id)
    allowed(await refund(world, gates[0], grant, { amount: 1 }))
    allowed(await refund(world, gates[1], grant, { amount: 1 }))
    refusedVerdict(await refund(world, gates[1], grant, { amount: 1 }), 'grant.rate')
  })
})

describe('an approval of a held action', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: document() })
  })
  after(() => world.close())

  /** A booking on a line of one use, held, and approved. */
  async function approvedBooking() {
    const grant = await atWork(world, 'teller', ['till/book,uses=1'])
    const bearer = await world.bearer('teller', grant.id)
    const action = actionOf(world.desk.facts.service('till'), 'book', { amount: 3 })
    const material = { method: 'POST', target: '/bookings', headers: [], bodySha256: 'a' }
    const call = { bearer, action, material }
    const hold = held(await world.gateway.authorize(call))
    mustBe(await world.answer('ben', hold, 'approve'))
    return { grant, call, hold }
  }

  test('is spent once by whichever gateway comes first, and its use with it', async () => {
    for (let turn = 0; turn < 5; turn += 1) {
      const { grant, call } = await approvedBooking()
      const [one, other] = twoGates(world)
      const verdicts = await Promise.all([one, other, one, other].map((gate) => gate.authorize(call)))
      assert.deepEqual(
        verdicts
          .map(({ outcome }) => outcome)
          .toSorted()
          .slice(0, 1),
        ['allow'],
      )
      assert.equal(verdicts.filter(({ outcome }) => outcome === 'allow').length, 1)
      assert.equal(world.desk.facts.counted(grant.id, 0).spent, 1)
    }
  })

  test('stays whole where there is no use left for it: nothing is half spent', async () => {
    const { grant, hold } = await approvedBooking()
    const bearer = await world.bearer('teller', grant.id)
    const action = actionOf(world.desk.facts.service('till'), 'book', { amount: 3 })
    const session = world.desk.facts.sessionOf(bearer.claims.jti, grant.id)?.id ?? ('ses_' as Id<'ses'>)
    const spend = { bearer, action, grant: grant.id, session, line: 0 }
    mustBe(await settle(world.desk, spend))
    refused(await settle(world.desk, { ...spend, hold }), 'grant.uses-spent')
    assert.equal(world.desk.facts.hold(hold)?.state, 'approved')
    assert.equal((await world.desk.store.read((tx) => tx.get('hold', hold)))?.state, 'approved')
  })

  test('is not spent for another grant, and no line pays for an action that is not its own', async () => {
    const { grant, hold, call } = await approvedBooking()
    const other = await atWork(world, 'teller', ['till/refund,uses=1'])
    const session = 'ses_' as Id<'ses'>
    refused(await settle(world.desk, { bearer: call.bearer, action: call.action, grant: other.id, session, hold }), 'action.changed')
    assert.equal(world.desk.facts.hold(hold)?.state, 'approved')
    refused(await settle(world.desk, { bearer: call.bearer, action: call.action, grant: other.id, session, line: 0 }), 'action.changed')
    refused(await settle(world.desk, { bearer: call.bearer, action: call.action, grant: grant.id, session, line: 1 }), 'action.changed')
    assert.equal(world.desk.facts.counted(other.id, 0).spent, 0)
  })
})

describe('reserved uses', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: document() })
  })
  after(() => world.close())
  const used = (grant: Grant) => usedOf(world.desk.facts.counted(grant.id, 0))
  const of = (grant: Grant, uses: number, line = 0) => ({ grant: grant.id, line, uses })

  test('are a quarter of what is left, 64 at most, never more than asked; nobody else has them meanwhile', async () => {
    const edge = new Reservations(world.desk, gateway('edge'), 'run-1')
    const rows: readonly (readonly [uses: number, asked: number, want: number])[] = [
      [100, 10, 10],
      [100, 90, 25],
      [1_000, 900, 64],
      [4, 5, 1],
      [3, 5, 0],
    ]
    for (const [uses, asked, want] of rows) {
      const grant = await atWork(world, 'teller', [`till/refund,uses=${uses}`])
      assert.deepEqual([mustBe(await edge.reserve(of(grant, asked))), used(grant), edge.held(grant.id, 0)], [want, want, want])
      mustBe(await completeGrant(world.desk, await world.caller('teller'), grant.id, 'done'))
    }
  })

  test('are not for what counts otherwise, reaches tier 3, is served elsewhere, has ended, or is spent', async () => {
    const edge = new Reservations(world.desk, gateway('edge'), 'run-1')
    const sum = await atWork(world, 'teller', ['till/refund,uses=8,sum(amount)<=5', 'till/refund,uses=8,rate=1/1m', 'till/refund'])
    for (const line of [0, 1, 2]) refused(await edge.reserve(of(sum, 1, line)), 'action.changed')
    refused(await edge.reserve(of(sum, 1, 3)), 'grant.missing')
    for (const uses of [0, -1, 1.5, Number.NaN]) refused(await edge.reserve(of(sum, uses)), 'action.changed')
    const elsewhere = await atWork(world, 'teller', ['elsewhere/look,uses=8'])
    refused(await edge.reserve(of(elsewhere, 1)), 'grant.missing')
    assert.equal(mustBe(await new Reservations(world.desk, gateway('far', 'edge'), 'run-1').reserve(of(elsewhere, 1))), 1)
    const wipe = mustBe(await ask(world, 'teller', ['till/wipe,uses=8', 'till/refund,uses=8']))
    for (const person of ['eva', 'ben']) mustBe(await world.answer(person, wipe.id, 'approve'))
    const dear = await start(world, 'teller', wipe.id)
    for (const line of [0, 1]) refused(await edge.reserve(of(dear, 1, line)), 'action.changed')
    const spent = await atWork(world, 'teller', ['till/refund,uses=1', 'till/refund,note=x'])
    allowed(await refund(world, world.gateway, spent))
    refused(await edge.reserve(of(spent, 1)), 'grant.uses-spent')
    mustBe(await completeGrant(world.desk, await world.caller('teller'), spent.id, 'done'))
    refused(await edge.reserve(of(spent, 1)), 'grant.ended')
  })

  test('come back once, never more than were held, not over another link, and not to a grant that has ended', async () => {
    const edge = new Reservations(world.desk, gateway('edge'), 'run-1')
    const grant = await atWork(world, 'teller', ['till/refund,uses=100'])
    mustBe(await edge.reserve(of(grant, 10)))
    mustBe(await edge.reserve(of(grant, 5)))
    assert.equal(used(grant), 15)
    assert.equal(mustBe(await new Reservations(world.desk, gateway('edge'), 'run-2').release(of(grant, 15))), 0)
    const [one, other] = await Promise.all([edge.release(of(grant, 900)), edge.release(of(grant, 900))])
    assert.deepEqual([mustBe(one), mustBe(other), used(grant)], [15, 0, 0])
    mustBe(await edge.reserve(of(grant, 8)))
    for (const uses of [-5, 1.5, Number.NaN]) assert.equal(mustBe(await edge.release(of(grant, uses))), 0)
    assert.equal(used(grant), 8)
    mustBe(await edge.reserve(of(grant, 8)))
    assert.equal(mustBe(await edge.end()), 8)
    assert.equal(mustBe(await edge.release(of(grant, 8))), 0)
    refused(await edge.reserve(of(grant, 1)), 'action.changed')
    assert.equal(used(grant), 16)
    const later = new Reservations(world.desk, gateway('edge'), 'run-2')
    mustBe(await later.reserve(of(grant, 4)))
    mustBe(await completeGrant(world.desk, await world.caller('teller'), grant.id, 'done'))
    assert.equal(mustBe(await later.release(of(grant, 4))), 0)
    assert.equal((await world.desk.store.read((tx) => tx.get('uses', `${grant.id}/0`)))?.returned, 15)
  })

  test('that a gateway still holds keep the grant from ending as if all were spent; then it ends', async () => {
    const edge = new Reservations(world.desk, gateway('edge'), 'run-1')
    const grant = await atWork(world, 'teller', ['till/refund,uses=4'])
    assert.equal(mustBe(await edge.reserve(of(grant, 1))), 1)
    const settled = () => world.desk.store.change(async () => ({ ok: true, value: undefined }))
    const decisions = [
      allowed(await refund(world, world.gateway, grant)),
      allowed(await refund(world, world.gateway, grant)),
      allowed(await refund(world, world.gateway, grant)),
    ]
    refusedVerdict(await refund(world, world.gateway, grant), 'grant.uses-spent')
    for (const decision of decisions) world.gateway.finish(decision, answered)
    await settled()
    assert.equal(world.desk.facts.grant(grant.id)?.state, 'active')
    mustBe(await edge.release(of(grant, 1)))
    world.gateway.finish(allowed(await refund(world, world.gateway, grant)), answered)
    await settled()
    assert.equal(world.desk.facts.grant(grant.id)?.ending?.how, 'exhausted')
  })

  test('are lost, and the counts are not, when control starts again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'remit-counted-'))
    const kept = await openWorld({ document: document(), storePath: join(folder, 'remit.db') })
    try {
      const grant = await atWork(kept, 'teller', ['till/refund,uses=40,note=x', 'till/refund,sum(amount)<=50,rate=2/1m'])
      const edge = new Reservations(kept.desk, gateway('edge'), 'run-1')
      mustBe(await edge.reserve({ grant: grant.id, line: 0, uses: 10 }))
      // Allowed, and then the process is gone before a byte left: it counts as spent.
      allowed(await refund(kept, kept.gateway, grant, { amount: 20, note: 'y' }))
      await kept.restart()
      const back = new Reservations(kept.desk, gateway('edge'), 'run-1')
      assert.equal(mustBe(await back.release({ grant: grant.id, line: 0, uses: 10 })), 0)
      assert.deepEqual([kept.desk.facts.counted(grant.id, 0).spent, kept.desk.facts.counted(grant.id, 1).sum], [10, 200_000])
      refusedVerdict(await refund(kept, kept.gateway, grant, { amount: 31, note: 'y' }), 'grant.sum-spent')
      allowed(await refund(kept, kept.gateway, grant, { amount: 30, note: 'y' }))
    } finally {
      await kept.close()
      rmSync(folder, { recursive: true })
    }
  })

  test('of three gateways that reserve, spend, release twice and die as they like: never too many, never more lost than died with them', async () => {
    type Step = { readonly what: 'settle' | 'spend' | 'release' | 'die' | 'stale' } | { readonly what: 'reserve'; readonly uses: number }
    const step: fc.Arbitrary<Step> = fc.oneof(
      fc.record({
        what: fc.constantFrom('settle' as const, 'spend' as const, 'spend' as const, 'release' as const, 'die' as const, 'stale' as const),
      }),
      fc.record({ what: fc.constant('reserve' as const), uses: fc.integer({ min: 1, max: 80 }) }),
    )
    const lives = fc.tuple(...[0, 1, 2].map(() => fc.array(step, { maxLength: 25 })))
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 60 }), lives, async (limit, steps) => {
        const grant = await atWork(world, 'teller', [`till/refund,uses=${limit}`])
        const bearer = await world.bearer('teller', grant.id)
        const action = actionOf(world.desk.facts.service('till'), 'refund', {})
        const settlement = { bearer, action, grant: grant.id, session: 'ses_' as Id<'ses'>, line: 0 }
        const all = { through: 0, lost: 0 }
        const holding = [0, 0, 0]
        const never = () => assert.ok(all.through <= limit, `${all.through} of ${limit}`)
        const live = async (each: number) => {
          let link = new Reservations(world.desk, gateway(`edge-${each}`), 'run-0')
          const stale: Reservations[] = []
          for (const [turn, next] of (steps[each] ?? []).entries()) {
            const mine = holding[each] ?? 0
            if (next.what === 'settle' && (await settle(world.desk, settlement)).ok) all.through += 1
            if (next.what === 'spend' && mine > 0) {
              holding[each] = mine - 1
              all.through += 1
            }
            if (next.what === 'reserve') {
              const handed = await link.reserve(of(grant, next.uses))
              if (handed.ok) holding[each] = (holding[each] ?? 0) + handed.value
            }
            if (next.what === 'release') {
              holding[each] = 0
              const answers = await Promise.all([link.release(of(grant, mine)), link.release(of(grant, mine))])
              assert.deepEqual(answers.map(mustBe), [mine, 0])
            }
            if (next.what === 'stale') for (const old of stale) assert.equal(mustBe(await old.release(of(grant, 99))), 0)
            if (next.what === 'die') {
              all.lost += mine
              holding[each] = 0
              stale.push(link)
              const old = link
              link = new Reservations(world.desk, gateway(`edge-${each}`), `run-${turn + 1}`)
              await old.end()
            }
            never()
          }
        }
        await Promise.all([live(0), live(1), live(2)])
        const out = holding.reduce((sum, each) => sum + each, 0)
        assert.equal(used(grant), all.through + all.lost + out)
        while ((await settle(world.desk, settlement)).ok) all.through += 1
        assert.equal(all.through + all.lost + out, limit, 'what nobody can account for')
        mustBe(await completeGrant(world.desk, await world.caller('teller'), grant.id, 'done'))
      }),
      { numRuns: 40 },
    )
  })
})
