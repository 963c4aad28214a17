/** While a witness disputes the ledger nothing is let through: the store may be an old one, in which what was revoked lives again. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { authorize } from '../../src/control/authorize.ts'
import { endGrant } from '../../src/control/end-grant.ts'
import { Witness } from '../../src/control/witness.ts'
import { openWitnessHeads } from '../../src/host/witness-heads.ts'
import { mustBe, done } from '../../src/kernel/result.ts'
import { makeVkey, parseVkey } from '../../src/ledger/note.ts'
import { TestClock } from '../world/clock.ts'
import { atWork, callOf } from '../world/deeds.ts'
import { seededKeys } from '../world/keys.ts'
import { shopDocument } from '../world/shop.ts'
import { openWorldOf, testParts } from '../world/world.ts'

test('what was decided before is stopped at the door, what is asked after is refused, and ending goes on', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'remit-disputed-'))
  const heads = mustBe(openWitnessHeads(folder))
  context.after(() => {
    heads.close()
    rmSync(folder, { recursive: true })
  })
  const clock = new TestClock()
  const parts = testParts(1, ':memory:', clock)
  const log = mustBe(parseVkey(makeVkey(parts.keys.ledger.name, parts.keys.ledger.publicKey)))
  const signer = seededKeys(77).keys.ledger
  const told: string[] = []
  const witness = new Witness({ signer, logs: [log], heads, clock, alarm: () => undefined })
  const world = await openWorldOf(
    {
      ...parts,
      clock,
      witnesses: [{ key: mustBe(parseVkey(makeVkey(signer.name, signer.publicKey, 'cosigns'))), add: (body) => witness.add(body) }],
      alarm: (says) => void told.push(says),
    },
    shopDocument(),
  )
  const grant = await atWork(world, 'aide', ['read:shop'])
  const bearer = await world.bearer('aide', grant.id)
  const { ledger, gate, sequencer } = world.house
  const allowed = await authorize(gate, callOf(world, bearer, 'list-incidents'))
  assert.equal(allowed.outcome, 'allow')

  // It has cosigned a longer log than the one that is here.
  await heads.write(log.name, { size: 1_000_000, root: randomBytes(32) })
  mustBe(await sequencer.flush())
  await ledger.witness()
  assert.match(told.join('\n'), /THE LEDGER IS DISPUTED/)

  const atDoor = allowed.outcome === 'allow' ? world.gateway.stands(allowed.decision) : done(undefined)
  assert.equal(atDoor.ok ? 'it stands' : atDoor.refusal.code, 'ledger.disputed')
  const after = await authorize(gate, callOf(world, bearer, 'list-incidents'))
  assert.equal(after.outcome === 'deny' ? after.refusal.code : after.outcome, 'ledger.disputed')
  const { size } = await world.house.database.tree()
  mustBe(
    await world.desk.store.change(async (tx) => {
      await endGrant(tx, grant, { how: 'revoked', by: 'ana', reason: 'to be sure' })
      return done(undefined)
    }),
  )
  assert.equal(world.desk.facts.grant(grant.id)?.state, 'ended')
  assert.equal((await world.house.database.tree()).size, size)
  assert.ok((await world.house.database.outbox(10)).some((row) => row.body.includes('"grant.ended"')))
  await world.close()
})
