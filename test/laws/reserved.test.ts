/** Reserved uses: handed to a gateway in advance, spent for everybody else, given back once, and lost with the link. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { completeGrant } from '../../src/control/end-grant.ts'
import { settle } from '../../src/control/home.ts'
import { Reservations } from '../../src/control/reservations.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { usedOf } from '../../src/model/counting.ts'
import type { Grant } from '../../src/model/grants.ts'
import { allowed, answered, ask, atWork, refused, refusedVerdict, start } from '../world/deeds.ts'
import { actionOf } from '../world/shop.ts'
import { gatewayNamed, refund, tillDocument } from '../world/till.ts'
import { openWorld, type World } from '../world/world.ts'

describe('reserved uses', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: tillDocument() })
  })
  after(() => world.close())
  const used = (grant: Grant) => usedOf(world.desk.facts.counted(grant.id, 0))
  const of = (grant: Grant, uses: number, line = 0) => ({ grant: grant.id, line, uses })

  test('are a quarter of what is left, 64 at most, never more than asked; nobody else has them meanwhile', async () => {
    const edge = new Reservations(world.desk, gatewayNamed('edge'), 'run-1')
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
    const edge = new Reservations(world.desk, gatewayNamed('edge'), 'run-1')
    const sum = await atWork(world, 'teller', ['till/refund,uses=8,sum(amount)<=5', 'till/refund,uses=8,rate=1/1m', 'till/refund'])
    for (const line of [0, 1, 2]) refused(await edge.reserve(of(sum, 1, line)), 'action.changed')
    refused(await edge.reserve(of(sum, 1, 3)), 'grant.missing')
    for (const uses of [0, -1, 1.5, Number.NaN]) refused(await edge.reserve(of(sum, uses)), 'action.changed')
    const elsewhere = await atWork(world, 'teller', ['elsewhere/look,uses=8'])
    refused(await edge.reserve(of(elsewhere, 1)), 'grant.missing')
    assert.equal(mustBe(await new Reservations(world.desk, gatewayNamed('far', 'edge'), 'run-1').reserve(of(elsewhere, 1))), 1)
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
    const edge = new Reservations(world.desk, gatewayNamed('edge'), 'run-1')
    const grant = await atWork(world, 'teller', ['till/refund,uses=100'])
    mustBe(await edge.reserve(of(grant, 10)))
    mustBe(await edge.reserve(of(grant, 5)))
    assert.equal(used(grant), 15)
    assert.equal(mustBe(await new Reservations(world.desk, gatewayNamed('edge'), 'run-2').release(of(grant, 15))), 0)
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
    const later = new Reservations(world.desk, gatewayNamed('edge'), 'run-2')
    mustBe(await later.reserve(of(grant, 4)))
    mustBe(await completeGrant(world.desk, await world.caller('teller'), grant.id, 'done'))
    assert.equal(mustBe(await later.release(of(grant, 4))), 0)
    assert.equal((await world.desk.store.read((tx) => tx.get('uses', `${grant.id}/0`)))?.returned, 15)
  })

  test('that a gateway still holds keep the grant from ending as if all were spent; then it ends', async () => {
    const edge = new Reservations(world.desk, gatewayNamed('edge'), 'run-1')
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
    const kept = await openWorld({ document: tillDocument(), storePath: join(folder, 'remit.db') })
    try {
      const grant = await atWork(kept, 'teller', ['till/refund,uses=40,note=x', 'till/refund,sum(amount)<=50,rate=2/1m'])
      const edge = new Reservations(kept.desk, gatewayNamed('edge'), 'run-1')
      mustBe(await edge.reserve({ grant: grant.id, line: 0, uses: 10 }))
      // Allowed, and then the process is gone before a byte left: it counts as spent.
      allowed(await refund(kept, kept.gateway, grant, { amount: 20, note: 'y' }))
      await kept.restart()
      const back = new Reservations(kept.desk, gatewayNamed('edge'), 'run-1')
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
        const settlement = { bearer, action, grant: grant.id, session: 'ses_' as const, line: 0 }
        const all = { through: 0, lost: 0 }
        const holding = [0, 0, 0]
        const never = () => assert.ok(all.through <= limit, `${all.through} of ${limit}`)
        const live = async (each: number) => {
          let link = new Reservations(world.desk, gatewayNamed(`edge-${each}`), 'run-0')
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
              link = new Reservations(world.desk, gatewayNamed(`edge-${each}`), `run-${turn + 1}`)
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
