/** Faults of our own while an action is decided: the answer is no, and an operator hears the cause. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authorize } from '../../src/control/authorize.ts'
import { atWork, callOf } from '../world/deeds.ts'
import { shopDocument } from '../world/shop.ts'
import { openWorld } from '../world/world.ts'

test('an action that cannot be decided is refused by its id alone, and the cause is told to an operator', async () => {
  const world = await openWorld({ document: shopDocument() })
  const grant = await atWork(world, 'aide', ['read:shop'])
  const bearer = await world.bearer('aide', grant.id)
  const told: { readonly says: string; readonly cause: unknown }[] = []
  const fault = new Error('the facts are gone')
  const { gate } = world.house
  const facts = new Proxy(gate.facts, {
    get: (target, name) => {
      if (name === 'isProofLive') throw fault
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const alarm = (says: string, cause: unknown) => told.push({ says, cause })
  const verdict = await authorize({ ...gate, facts, alarm }, callOf(world, bearer, 'list-incidents'))
  assert.equal(verdict.outcome, 'deny')
  if (verdict.outcome !== 'deny') return
  assert.deepEqual([verdict.refusal.code, verdict.refusal.detail], ['internal', verdict.decision])
  assert.deepEqual(
    told.map(({ says, cause }) => [says.includes(verdict.decision), cause]),
    [[true, fault]],
  )
  await world.close()
})
