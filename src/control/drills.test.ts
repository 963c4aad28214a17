import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Drills } from './drills.ts'

test('figures are of the last hundred drills of a gateway, and say which were not answered', () => {
  const drills = new Drills()
  for (let milliseconds = 1; milliseconds <= 150; milliseconds += 1) drills.keep({ gateway: 'edge-1', milliseconds })
  drills.keep({ gateway: 'edge-1' })
  drills.keep({ gateway: 'edge-2' })
  assert.deepEqual(drills.figures(), [
    { gateway: 'edge-1', count: 100, missed: 1, p50: 101, p99: 150, max: 150 },
    { gateway: 'edge-2', count: 1, missed: 1 },
  ])
})

test('no more gateways are kept than a thousand, the ones drilled last', () => {
  const drills = new Drills()
  for (let place = 0; place <= 1_000; place += 1) drills.keep({ gateway: `edge-${place}`, milliseconds: 1 })
  assert.equal(drills.figures().length, 1_000)
  assert.equal(drills.figures()[0]?.gateway, 'edge-1')
})
