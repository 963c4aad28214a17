import assert from 'node:assert/strict'
import test from 'node:test'
import { DevicePolls } from './device-polls.ts'

test('five seconds between two polls, and five more after each that came too soon', () => {
  const polls = new DevicePolls()
  assert.equal(polls.mayPoll('code', 0), true)
  assert.equal(polls.mayPoll('code', 1_000), false)
  assert.equal(polls.mayPoll('code', 7_000), false, 'now it is ten')
  assert.equal(polls.mayPoll('code', 22_000), true, 'now it is fifteen')
  assert.equal(polls.mayPoll('other', 22_000), true)
})
