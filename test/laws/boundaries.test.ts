/** What never crosses a boundary: secrets, what others have, what could not be recorded, and any permit without a grant. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { issueSecret, revokeSecret } from '../../src/control/credentials.ts'
import { abandonGrant, completeGrant, revokeGrant } from '../../src/control/end-grant.ts'
import { explain } from '../../src/control/explain.ts'
import type { Caller } from '../../src/control/desk.ts'
import { quarantine, release } from '../../src/control/quarantine.ts'
import { activateGrant, extendGrant } from '../../src/control/work-window.ts'
import { mustBe, type Result } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { act, allowed, answered, ask, atWork, callOf, configure, held, hour, refusedVerdict } from '../world/deeds.ts'
import { memoryJournalDisk } from '../world/journal-disk.ts'
import { TestClock } from '../world/clock.ts'
import { actionOf, shopDocument } from '../world/shop.ts'
import { openWorld, openWorldOf, sameDisk, testParts, type World, type WorldParts } from '../world/world.ts'

const operations = ['list-incidents', 'restart', 'deploy', 'put-telemetry', 'wipe']

describe('boundaries', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: shopDocument() })
  })
  after(() => world.close())

  test('nobody holds a permit without a grant: no kind of identity, no role, not the first administrator', async () => {
    for (const { name } of world.desk.facts.identities()) {
      for (const operation of operations) {
        const verdict = await act(world, name, undefined, operation, { service: 'checkout', version: '1' })
        refusedVerdict(verdict, 'grant.missing')
      }
    }
  })

  test('containing one identity does not disturb another: no grant, session, hold, token or decision of it', async () => {
    const grant = await atWork(world, 'aide', ['shop/list-incidents', 'shop/restart'])
    const other = await atWork(world, 'meter', ['shop/put-telemetry'])
    const bearer = await world.bearer('aide', grant.id)
    const decision = allowed(await world.gateway.authorize(callOf(world, bearer, 'list-incidents')))
    const hold = held(await world.gateway.authorize(callOf(world, bearer, 'restart', { service: 'checkout' })))
    let cut = 0
    world.gateway.onEnd(decision.session, () => (cut += 1))
    const gone = allowed(await act(world, 'meter', other, 'put-telemetry'))
    let cutOther = 0
    world.gateway.onEnd(gone.session, () => (cutOther += 1))
    mustBe(await quarantine(world.desk, await world.caller('ben'), 'meter', 'odd'))
    assert.deepEqual([cut, cutOther], [0, 1])
    assert.equal(world.gateway.stands(decision).ok, true)
    assert.equal(world.desk.facts.hold(hold)?.state, 'waiting')
    assert.equal(world.desk.facts.grant(grant.id)?.state, 'active')
    mustBe(await world.answer('ben', hold, 'approve'))
    allowed(await world.gateway.authorize(callOf(world, bearer, 'restart', { service: 'checkout' })))
    mustBe(await release(world.desk, await world.caller('ben'), 'meter', 'fine'))
  })

  test('what a caller may not see answers exactly as what does not exist', async () => {
    const grant = await atWork(world, 'aide', ['shop/list-incidents'])
    const decision = allowed(await act(world, 'aide', grant, 'list-incidents'))
    await world.house.journal.flush()
    const [credential] = world.desk.facts.credentialsOf(world.person('aide').id)
    const unknown = {
      grant: 'grn_00000000000000000000000000',
      decision: 'dec_00000000000000000000000000',
      credential: 'crd_00000000000000000000000000',
    } as const
    const journals = [world.house.journal]
    const deeds: Record<string, readonly [(caller: Caller) => Promise<Result<unknown>>, (caller: Caller) => Promise<Result<unknown>>]> = {
      activate: [(caller) => activateGrant(world.desk, caller, grant.id), (caller) => activateGrant(world.desk, caller, unknown.grant)],
      extend: [
        (caller) => extendGrant(world.desk, caller, grant.id, { milliseconds: 1, reason: '' }),
        (caller) => extendGrant(world.desk, caller, unknown.grant, { milliseconds: 1, reason: '' }),
      ],
      complete: [
        (caller) => completeGrant(world.desk, caller, grant.id, ''),
        (caller) => completeGrant(world.desk, caller, unknown.grant, ''),
      ],
      abandon: [
        (caller) => abandonGrant(world.desk, caller, grant.id, ''),
        (caller) => abandonGrant(world.desk, caller, unknown.grant, ''),
      ],
      revoke: [(caller) => revokeGrant(world.desk, caller, grant.id, ''), (caller) => revokeGrant(world.desk, caller, unknown.grant, '')],
      explain: [
        (caller) => explain(world.desk, journals, caller, decision.id),
        (caller) => explain(world.desk, journals, caller, unknown.decision),
      ],
      'issue a secret': [
        (caller) => issueSecret(world.desk, caller, 'aide', hour),
        (caller) => issueSecret(world.desk, caller, 'nobody', hour),
      ],
      'revoke a secret': [
        (caller) => revokeSecret(world.desk, caller, credential?.id ?? unknown.credential),
        (caller) => revokeSecret(world.desk, caller, unknown.credential),
      ],
      quarantine: [(caller) => quarantine(world.desk, caller, 'aide', ''), (caller) => quarantine(world.desk, caller, 'nobody', '')],
      release: [(caller) => release(world.desk, caller, 'aide', ''), (caller) => release(world.desk, caller, 'nobody', '')],
    }
    for (const [says, [hidden, missing]] of Object.entries(deeds)) {
      const meter = await world.caller('meter')
      const answer = await hidden(meter)
      assert.equal(answer.ok, false, says)
      assert.deepEqual(answer, await missing(meter), says)
    }
    assert.deepEqual(await world.exchange('meter', { grant: grant.id }), await world.exchange('meter', { grant: unknown.grant }))
    assert.equal(world.desk.facts.grant(grant.id)?.state, 'active')
  })

  test('the target’s secret is nowhere: not in ledger, journal, verdict, plan or anything that prints', async () => {
    const service = world.desk.facts.service('shop')
    if (service === undefined) return assert.fail('there is a shop')
    const secret = mustBe(world.gateway.upstreamSecret(service))
    if (secret === undefined) return assert.fail('the shop has a credential')
    assert.equal(reveal(secret), 'Bearer upstream-secret')
    const moved = world.gateway.upstreamSecret({ ...service, upstream: 'http://127.0.0.1:10' })
    assert.equal(moved.ok, false, 'moved elsewhere it does not open')
    await configure(world, shopDocument({ labels: undefined }))
    const grant = await atWork(world, 'aide', ['shop/list-incidents'])
    const verdicts = [await act(world, 'aide', grant, 'list-incidents'), await act(world, 'aide', grant, 'wipe')]
    await world.house.journal.flush()
    await world.house.sequencer.flush()
    const lines: string[] = []
    for await (const line of world.house.journal.read()) lines.push(line)
    const { size } = await world.house.database.tree()
    for (const { body } of await world.house.database.leaves(0, size)) lines.push(body ?? '')
    const everything = [...lines, JSON.stringify([verdicts, service, moved, { secret }]), String(secret), `${secret}`]
    for (const text of everything) assert.doesNotMatch(text, /upstream-secret|dXBzdHJlYW0tc2VjcmV0/)
  })

  test('an API secret and a token are kept as hashes, and a cookie as one too', async () => {
    const secret = await world.secretOf('aide')
    const kept = JSON.stringify(await world.desk.store.read((tx) => tx.find('credential', {})))
    assert.equal(kept.includes(secret.slice(-43)), false)
  })
})

describe('what cannot be recorded', () => {
  test('is not forwarded, and neither is anything after it', async () => {
    const disk = memoryJournalDisk()
    let isBroken = false
    const clock = new TestClock()
    const append: typeof disk.append = async (first, bytes) => {
      if (isBroken) throw new Error('no space left on the disk')
      await disk.append(first, bytes)
    }
    const alarms: string[] = []
    const usual = testParts(5, ':memory:', clock)
    const [room] = usual.rooms
    const parts: WorldParts = {
      ...usual,
      clock,
      rooms: [{ ...room, journalDisk: sameDisk({ ...disk, append }) }],
      alarm: (says: string) => void alarms.push(says),
    }
    const world = await openWorldOf(parts, shopDocument())
    const grant = await atWork(world, 'meter', ['shop/put-telemetry'])
    const looking = await atWork(world, 'aide', ['shop/restart,uses=1'])
    const bearer = await world.bearer('meter', grant.id)
    allowed(await world.gateway.authorize(callOf(world, bearer, 'put-telemetry')))
    const call = callOf(world, await world.bearer('aide', looking.id), 'restart', { service: 'a' })
    const hold = held(await world.gateway.authorize(call))
    mustBe(await world.answer('ben', hold, 'approve'))
    isBroken = true
    refusedVerdict(await world.gateway.authorize(call), 'action.not-recorded')
    assert.equal(world.desk.facts.hold(hold)?.state, 'spent', 'an unknown outcome counts as spent')
    assert.equal(world.desk.facts.counted(looking.id, 0).spent, 1)
    for (let again = 0; again < 3; again += 1)
      assert.equal((await world.gateway.authorize(callOf(world, bearer, 'put-telemetry'))).outcome, 'deny')
    assert.equal(alarms.length, 1)
    await world.close().catch(() => undefined)
  })

  test('because the store is gone is refused as well', async () => {
    const world = await openWorld({ document: shopDocument(), seed: 6 })
    const grant = await atWork(world, 'aide', ['shop/list-incidents'])
    const bearer = await world.bearer('aide', grant.id)
    await world.house.database.close()
    const action = actionOf(world.desk.facts.service('shop'), 'list-incidents')
    refusedVerdict(await world.gateway.authorize({ bearer, action }), 'store.unavailable')
    await world.house.journal.close()
  })

  test('leaves no trace of a change: what has no ledger entry is not kept', async () => {
    const world = await openWorld({ document: shopDocument(), seed: 7 })
    const grant = mustBe(await ask(world, 'aide', ['shop/list-incidents']))
    await assert.rejects(
      world.desk.store.change(async (tx) => {
        await tx.put('grant', { ...grant, durationMax: 10 * hour })
        return { ok: true, value: undefined }
      }),
    )
    assert.equal((await world.desk.store.read((tx) => tx.get('grant', grant.id)))?.durationMax, grant.durationMax)
    await world.close()
  })

  test('once is finished once: what became of an action stands in the journal with its decision', async () => {
    const world = await openWorld({ document: shopDocument(), seed: 8 })
    const grant = await atWork(world, 'aide', ['shop/list-incidents'])
    const decision = allowed(await act(world, 'aide', grant, 'list-incidents'))
    world.gateway.finish(decision, answered)
    await world.house.journal.flush()
    const found = mustBe(await world.house.journal.findDecision(decision.id))
    assert.deepEqual(
      found.map((entry) => entry['type']),
      ['decision', 'outcome'],
    )
    await world.close()
  })
})
