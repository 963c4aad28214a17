/** A few random lives at every test run; many more with `npm run sim`. And proof that the simulation would notice. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Canary } from './life.ts'
import { addCounts, runLife } from './run.ts'

/** Lives that showed something once: each stays, with what it showed. */
const seeds: readonly (readonly [seed: number, showed: string])[] = []

describe('random lives', () => {
  for (const onFile of [false, true]) {
    test(`hold every law${onFile ? ', restarts included' : ''}`, async () => {
      const counts = new Map<string, number>()
      for (const seed of onFile ? [11, 12, 13, 14] : [1, 2, 3, 4, 5]) {
        const { broken, steps, counts: found } = await runLife({ seed, steps: 150, onFile })
        assert.equal(broken, undefined, `${broken}\nseed ${seed}:\n${steps.join('\n')}`)
        addCounts(counts, found)
      }
      for (const what of ['forward', 'action deny', 'start', 'grant approved']) assert.ok((counts.get(what) ?? 0) > 5, `hardly any ${what}`)
    })
  }

  for (const [seed, showed] of seeds) {
    test(`seed ${seed}, which showed that ${showed}`, async () => {
      const { broken, steps } = await runLife({ seed, steps: 250 })
      assert.equal(broken, undefined, `${broken}\n${steps.join('\n')}`)
    })
  }

  test('from one seed are one life: the ledger is the same to the last body', async () => {
    const [one, two] = [await runLife({ seed: 21, steps: 120 }), await runLife({ seed: 21, steps: 120 })]
    assert.equal(one.broken, undefined)
    assert.ok(one.ledger.length > 60)
    assert.deepEqual(one.ledger, two.ledger)
    assert.deepEqual(one.steps, two.steps)
    const other = await runLife({ seed: 22, steps: 20 })
    assert.notDeepEqual(other.ledger, one.ledger.slice(0, other.ledger.length))
  })

  // From a life that notices: when other steps make other lives, the search costs a minute, and it is time for another number
  // (npm run sim -- --canary NAME).
  const canaries: readonly (readonly [canary: Canary, from: number, says: string])[] = [
    ['ignores-the-door', 13, 'forwards whatever was allowed once'],
    ['remembers-verdicts', 44, 'answers a second request with the verdict on the first'],
    ['mixes-up-holds', 122, 'takes an approval for other bytes than those approved'],
  ]
  for (const [canary, from, says] of canaries) {
    test(`notice a gateway that ${says}`, async () => {
      const noticed: (string | undefined)[] = []
      for (let seed = from; seed < from + 40 && noticed.at(-1) === undefined; seed += 1)
        noticed.push((await runLife({ seed, steps: 150, canary })).broken)
      assert.notEqual(noticed.at(-1), undefined)
      assert.doesNotMatch(noticed.at(-1) ?? '', /^\w*Error/, 'a law, and no bug of the simulation')
    })
  }
})
