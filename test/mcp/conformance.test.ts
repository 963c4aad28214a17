/** MCP's own conformance suite, against the fixture direct and then through the gateway: what passes there passes here. */
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { conform, lost, missed, required, revisions } from './conformance.ts'
import { type GuardedFixture, guard } from './conformance-house.ts'
import { type ServerAtWork, startFixture } from './fixture-server.ts'

let fixture: ServerAtWork
let guarded: GuardedFixture
before(async () => {
  fixture = await startFixture()
  guarded = await guard(fixture)
})
after(async () => {
  await guarded.close()
  await fixture.close()
})

for (const revision of revisions)
  test(`the gateway loses nothing that ${revision} requires`, async () => {
    assert.ok(required(revision).length >= 30)
    const direct = await conform(fixture.url, revision)
    assert.deepEqual(lost(direct, revision), [], 'the fixture itself')
    const through = await conform(guarded.url, revision)
    assert.deepEqual(lost(through, revision), [])
    // Not required, skipped where a capability is missing, and yet passed by the server alone: all of it.
    assert.deepEqual(missed(direct, through), [])
  })
