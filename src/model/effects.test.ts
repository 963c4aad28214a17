/** The price of an action: the table of tiers, written out. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  effects,
  type Impact,
  type ImpactLevel,
  impactLevels,
  impactNumber,
  isChange,
  isEffect,
  type Tier,
  tierOf,
  tierRules,
  undeclaredImpact,
} from './effects.ts'

const impact = (data: ImpactLevel, service: ImpactLevel, safety: ImpactLevel): Impact => ({ data, service, safety })
const hour = 3_600_000

describe('the tier', () => {
  const rows: readonly { readonly says: string; readonly impact: Impact; readonly read: Tier; readonly change: Tier }[] = [
    { says: 'of what harms nothing', impact: impact('none', 'none', 'none'), read: 0, change: 0 },
    { says: 'of what is low in everything', impact: impact('low', 'low', 'low'), read: 0, change: 0 },
    { says: 'of moderate data', impact: impact('moderate', 'none', 'none'), read: 1, change: 1 },
    { says: 'of a moderate service', impact: impact('low', 'moderate', 'none'), read: 0, change: 1 },
    { says: 'of high data', impact: impact('high', 'none', 'none'), read: 2, change: 2 },
    { says: 'of a high service', impact: impact('none', 'high', 'none'), read: 0, change: 2 },
    { says: 'of moderate safety', impact: impact('none', 'none', 'moderate'), read: 0, change: 1 },
    { says: 'of high safety', impact: impact('none', 'none', 'high'), read: 0, change: 3 },
    { says: 'of critical safety', impact: impact('low', 'low', 'critical'), read: 0, change: 3 },
    { says: 'of critical data', impact: impact('critical', 'none', 'none'), read: 3, change: 3 },
    { says: 'of what nobody declared', impact: undeclaredImpact, read: 2, change: 3 },
  ]
  for (const { says, impact, read, change } of rows) {
    test(`${says} is ${read} to look and ${change} to change`, () => {
      for (const effect of effects) assert.equal(tierOf(impact, effect), isChange(effect) ? change : read, effect)
    })
  }

  test('never falls when an impact rises', () => {
    const level = fc.constantFrom(...impactLevels)
    fc.assert(
      fc.property(fc.tuple(level, level, level), level, fc.constantFrom(...effects), ([data, service, safety], more, effect) => {
        const higher = (one: ImpactLevel): ImpactLevel => (impactNumber(more) > impactNumber(one) ? more : one)
        assert.ok(tierOf(impact(higher(data), higher(service), higher(safety)), effect) >= tierOf(impact(data, service, safety), effect))
      }),
    )
  })
})

test('each tier costs what the design says', () => {
  assert.deepEqual(tierRules, {
    0: { grantMax: 8 * hour, personsForChange: 0, personsForRead: 0, evidence: 'buffered' },
    1: { grantMax: 4 * hour, personsForChange: 0, personsForRead: 0, evidence: 'written' },
    2: { grantMax: hour, personsForChange: 1, personsForRead: 1, evidence: 'durable' },
    3: { grantMax: hour / 2, personsForChange: 2, personsForRead: 1, evidence: 'durable' },
  })
})

test('two of the eight effects look, the others change', () => {
  assert.deepEqual(
    effects.filter((effect) => !isChange(effect)),
    ['observe', 'read'],
  )
  assert.deepEqual([isEffect('actuate'), isEffect('any'), isEffect('')], [true, false, false])
})
