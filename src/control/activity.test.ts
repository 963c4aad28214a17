/** Signs of life: what is under way, and since when nothing was heard. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { Activity } from './activity.ts'

test('what begins is under way until as much has ended, and never less than nothing is', () => {
  const activity = new Activity(100)
  assert.deepEqual(
    [activity.isInUse('g'), activity.lastUse('g'), activity.lastCall('g'), activity.startedAt],
    [false, undefined, undefined, 100],
  )
  activity.begin('g', 110)
  activity.begin('g', 120)
  activity.end('g', 130)
  assert.deepEqual([activity.isInUse('g'), activity.lastUse('g')], [true, 130])
  activity.end('g', 140)
  activity.end('g', 150)
  assert.equal(activity.isInUse('g'), false)
  activity.begin('g', 160)
  assert.equal(activity.isInUse('g'), true)
  activity.called('h', 170)
  assert.deepEqual([activity.lastCall('h'), activity.isInUse('h')], [170, false])
  activity.forget('g')
  activity.end('g', 180)
  assert.deepEqual([activity.isInUse('g'), activity.lastUse('g')], [false, undefined], 'an end of what was forgotten brings nothing back')
})
