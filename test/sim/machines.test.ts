/** Machines in one deterministic world: what was kept, a few fresh seeds of each commit, and proof that broken laws are found. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, test } from 'node:test'
import { commitSeed } from './machines/commit-seed.ts'
import { Counts } from './machines/counts.ts'
import { runScenario, runSeed } from './machines/run.ts'
import { drawScenario } from './machines/scenario.ts'
import { shrink } from './machines/shrink.ts'
import { readKept } from './machines/simulate.ts'

const folder = new URL('seeds/', import.meta.url)
const freshSeeds = 20

describe('gateways, control, store, network, clocks and disks in one world', () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
    const { showed, plant, scenario } = readKept(new URL(file, folder))
    if (plant === undefined) {
      test(`hold every law where once ${showed}`, async () => {
        const { broken, tail, counts } = await runScenario(scenario)
        assert.equal(broken, undefined, `${broken}\n${tail.slice(-60).join('\n')}`)
        assert.ok(counts.get('byte') > 0, 'nothing happened')
      })
    } else {
      test(`notice ${showed}`, async () => {
        assert.equal((await runScenario(scenario)).broken, undefined, 'without it every law holds')
        const { broken } = await runScenario(scenario, { plant })
        assert.notEqual(broken, undefined)
        assert.doesNotMatch(broken ?? '', /^\w*Error/, 'a law, and no bug of the simulation')
      })
    }
  }

  test(`hold every law in ${freshSeeds} fresh seeds of this commit`, async () => {
    const from = commitSeed()
    const counts = new Counts()
    for (let seed = from; seed < from + freshSeeds; seed += 1) {
      const { broken, tail, counts: met } = await runSeed(seed)
      assert.equal(broken, undefined, `npm run sim -- --seed ${seed} --trace\n${broken}\n${tail.slice(-60).join('\n')}`)
      counts.addAll(met.entries())
    }
    for (const what of ['byte', 'action', 'cut', 'answer: open', 'look at rest'])
      assert.ok(counts.get(what) > 0, `no ${what} in any of them`)
  })

  test('from one seed are one run, to the last message', async () => {
    const [one, two, other] = [await runSeed(4), await runSeed(4), await runSeed(7)]
    assert.equal(one.broken, undefined)
    assert.ok(one.events > 300)
    assert.equal(one.trace, two.trace)
    assert.notEqual(one.trace, other.trace)
  })

  test('are made smaller by leaving out what a broken law does not need', async () => {
    const scenario = drawScenario(3)
    const needed = scenario.acts[2]
    const smallest = await shrink(scenario, (each) => Promise.resolve(needed !== undefined && each.acts.includes(needed)))
    assert.deepEqual(smallest.acts, [needed])
    assert.deepEqual(smallest.faults, [])
  })
})
