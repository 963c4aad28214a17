/** The real process, killed outright under real load: a short run of what `npm run sim -- --kills 200` does at length. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killAgainAndAgain } from './kills.ts'

test('killed outright under load, it comes back by itself with all it acknowledged and nothing it took back', async () => {
  const report = await killAgainAndAgain({ seed: 11, kills: 5, lifeMsMax: 900 })
  assert.ok(report.kills >= 5)
  for (const what of ['acknowledged', 'grants', 'holds', 'actions', 'leavesVerified', 'linesVerified', 'headsHeld'] as const)
    assert.ok(report[what] > 0, `nothing was seen of ${what}`)
})
