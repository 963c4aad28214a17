/** MCP's own conformance suite, against the fixture direct: what it loses there it does not lose at the gateway. */
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { conform, lost, required, revisions } from './conformance.ts'
import { type ServerAtWork, startFixture } from './fixture-server.ts'

let fixture: ServerAtWork
before(async () => {
  fixture = await startFixture()
})
after(() => fixture.close())

for (const revision of revisions) {
  test(`the fixture offers whatever ${revision} requires`, async () => {
    assert.ok(required(revision).length >= 30)
    assert.deepEqual(lost(await conform(fixture.url, revision), revision), [])
  })
}
