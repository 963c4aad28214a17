/** A tool is called as what it was granted: kept with the grant, held when it is another, and moved on by a person's yes alone. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { explain } from '../../src/control/explain.ts'
import type { HoldId } from '../../src/kernel/ids.ts'
import { refuse } from '../../src/kernel/refusals.ts'
import { mustBe } from '../../src/kernel/result.ts'
import type { HeldDefinition } from '../../src/model/grants.ts'
import { allowed, atWork, held, refused, refusedVerdict } from '../world/deeds.ts'
import { mailCall, mailDocument } from '../world/mail.ts'
import { defined, lookUp, reader } from '../world/tools.ts'
import { openWorld, type World } from '../world/world.ts'

const errand = { task: 'errand' } as const
const burner = { ...reader, description: 'Looks up an address, and burns the letter.' }

describe('what a tool is', () => {
  let world: World
  let folder: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'remit-drift-'))
    world = await openWorld({ document: mailDocument(), storePath: join(folder, 'remit.sqlite') })
  })
  after(async () => {
    await world.close()
    rmSync(folder, { recursive: true })
  })

  const atMail = async () => {
    const grant = await atWork(world, 'aide', ['mail/look-up', 'mail/read'], errand)
    const bearer = await world.bearer('aide', grant.id)
    return { grant, bearer, call: (tool?: object) => world.gateway.authorize(lookUp(world.gateway, bearer, tool)) }
  }
  const shown = async (id: HoldId): Promise<HeldDefinition | undefined> =>
    (await world.desk.store.read((tx) => tx.get('hold', id)))?.action.definition

  test('is kept with the grant at its first call, and a change is held across a restart, with what changed', async () => {
    const { grant, call, bearer } = await atMail()
    allowed(await call())
    await world.restart()
    allowed(await world.gateway.authorize(lookUp(world.gateway, bearer)))
    const hold = held(await world.gateway.authorize(lookUp(world.gateway, bearer, burner)))
    const definition = await shown(hold)
    assert.deepEqual(
      definition?.differences?.map((each) => ({ ...each })),
      [{ at: 'description', before: reader.description, after: burner.description }],
    )
    assert.deepEqual([definition?.pinned, definition?.hash], [defined(reader).hash, defined(burner).hash])
    mustBe(await world.answer('eva', hold, 'approve'))
    await world.restart()
    allowed(await world.gateway.authorize(lookUp(world.gateway, bearer, burner)))
    allowed(await world.gateway.authorize(lookUp(world.gateway, bearer, burner)))
    assert.equal(world.desk.facts.grant(grant.id)?.tools?.['mail/look-up']?.hash, defined(burner).hash)
    assert.equal((await shown(hold))?.says, undefined, 'erased when it closed')
  })

  test('that another grant has pinned says nothing of this one', async () => {
    const [one, other] = [await atMail(), await atMail()]
    allowed(await one.call())
    allowed(await other.call(burner))
    held(await one.call(burner))
    held(await other.call())
  })

  test('that is not known is a no, whatever else permits it', async () => {
    const { bearer } = await atMail()
    const { action, heard: _heard, ...call } = lookUp(world.gateway, bearer)
    const { definition: _definition, ...bare } = action
    refusedVerdict(await world.gateway.authorize({ ...call, action: bare }), 'action.definition-unknown')
    const why = refuse('action.not-offered')
    refusedVerdict(await world.gateway.authorize({ ...call, action: bare, heard: why }), 'action.not-offered')
  })

  test('an approval of one definition is none of another', async () => {
    const { call } = await atMail()
    allowed(await call())
    const hold = held(await call(burner))
    mustBe(await world.answer('eva', hold, 'approve'))
    const third = { ...burner, description: 'Burns the house.' }
    assert.notEqual(held(await call(third)), hold)
    allowed(await call(burner))
    held(await call())
  })

  test('a yes to what a tool once became brings that back no more, once people said yes to another', async () => {
    const { grant, call } = await atMail()
    const third = { ...burner, description: 'Burns the house.' }
    allowed(await call())
    const [old, unanswered] = [held(await call(burner)), held(await call({ ...burner, title: 'Burns' }))]
    mustBe(await world.answer('eva', old, 'approve'))
    const newer = held(await call(third))
    mustBe(await world.answer('eva', newer, 'approve'))
    allowed(await call(third))
    refusedVerdict(await call(burner), 'action.changed')
    const pinned = () => world.desk.facts.grant(grant.id)?.tools?.['mail/look-up']?.hash
    assert.equal(pinned(), defined(third).hash)
    assert.equal((await world.desk.store.read((tx) => tx.get('hold', old)))?.state, 'withdrawn')
    for (const [tool, before] of [
      [burner, old],
      [{ ...burner, title: 'Burns' }, unanswered],
    ] as const) {
      const anew = held(await call(tool))
      assert.notEqual(anew, before)
      assert.equal((await shown(anew))?.pinned, defined(third).hash, 'its page compares it with what is pinned now')
    }
    assert.equal(pinned(), defined(third).hash)
  })

  test('is asked about eight times for one tool and grant, however it goes to and fro, and then not at all', async () => {
    const { call } = await atMail()
    allowed(await call())
    for (let change = 0; change < 8; change += 1) {
      world.clock.advance(1)
      const tool = change % 2 === 0 ? burner : reader
      const hold = held(await call(tool))
      assert.equal(held(await call(tool)), hold)
      mustBe(await world.answer('eva', hold, 'approve'))
      allowed(await call(tool))
    }
    refusedVerdict(await call(burner), 'grant.tool-changes')
    allowed(await call(reader))
    const other = await atMail()
    allowed(await other.call(burner))
    for (let change = 0; change < 8; change += 1) {
      world.clock.advance(1)
      const hold = held(await other.call({ ...reader, title: `${change}` }))
      mustBe(await world.answer('eva', hold, 'deny'))
    }
    refusedVerdict(await other.call(reader), 'grant.tool-changes')
  })

  test('nobody says yes for themselves to what their tool became', async () => {
    const grant = await atWork(world, 'ana', ['mail/look-up'], errand)
    const bearer = await world.bearer('ana', grant.id)
    allowed(await world.gateway.authorize(lookUp(world.gateway, bearer)))
    const hold = held(await world.gateway.authorize(lookUp(world.gateway, bearer, burner)))
    refused(await world.answer('ana', hold, 'approve'), 'approval.own-request')
  })

  test('what was decided by one definition does not go once a person said yes to another', async () => {
    const { call } = await atMail()
    const before = allowed(await call())
    const hold = held(await call(burner))
    mustBe(await world.answer('eva', hold, 'approve'))
    mustBe(world.gateway.stands(before))
    allowed(await call(burner))
    refused(world.gateway.stands(before), 'action.changed')
  })

  test('worse than declared is asked about once, and again when it becomes another', async () => {
    const { call } = await atMail()
    const worse = { ...reader, annotations: { destructiveHint: true } }
    const hold = held(await call(worse))
    assert.equal((await shown(hold))?.worse, 'destructive')
    mustBe(await world.answer('eva', hold, 'approve'))
    allowed(await call(worse))
    allowed(await call(worse))
    held(await call({ ...worse, title: 'Looks' }))
  })

  test('twenty first calls at once keep one, and whoever comes with another is held', async () => {
    const { grant, call } = await atMail()
    const verdicts = await Promise.all(Array.from({ length: 20 }, async (_, at) => call(at % 2 === 0 ? reader : burner)))
    const kept = world.desk.facts.grant(grant.id)?.tools?.['mail/look-up']?.hash
    for (const [at, { outcome }] of verdicts.entries())
      assert.equal(outcome, defined(at % 2 === 0 ? reader : burner).hash === kept ? 'allow' : 'held')
  })

  test('too long to be kept is pinned by its hash, and says that it cannot be compared', async () => {
    const { call } = await atMail()
    allowed(await call({ ...reader, description: 'x'.repeat(9_000) }))
    const definition = await shown(held(await call(burner)))
    assert.equal(definition?.differences, undefined)
    assert.equal(definition?.pinned, defined({ ...reader, description: 'x'.repeat(9_000) }).hash)
    const long = await shown(held(await call({ ...reader, description: 'y'.repeat(100_000) })))
    assert.deepEqual([long?.description, long?.says], [undefined, undefined])
  })

  test('a grant that ended pins nothing', async () => {
    const { grant, bearer } = await atMail()
    mustBe(await revokeGrant(world.desk, await world.caller('ben'), grant.id, 'over'))
    const { action } = lookUp(world.gateway, bearer)
    refused(await world.house.gate.home.pin({ bearer, action, grant: grant.id }), 'grant.ended')
  })

  test('a tool that the grant does not reach is not pinned under it', async () => {
    const { grant, bearer } = await atMail()
    const { action } = mailCall(world.gateway, bearer, 'send')
    refused(await world.house.gate.home.pin({ bearer, action, grant: grant.id }), 'action.changed')
  })

  test('is told by the record of what was held for it', async () => {
    const { call } = await atMail()
    allowed(await call())
    const verdict = await call(burner)
    held(verdict)
    const decision = verdict.outcome === 'held' ? verdict.decision : 'dec_none'
    const { words, entries } = mustBe(await explain(world.desk, [world.house.journal], await world.caller('ben'), decision as never))
    assert.equal(entries[0]?.['definition'], defined(burner).hash)
    assert.match(words.join('\n'), /by Remit itself: its tool was another one than when it was called first under this grant/)
    assert.match(words.join('\n'), /its server said that the tool is v1:[0-9a-f]{64}/)
  })
})
