import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Bearer } from '../../control/ports.ts'
import { isSessionId, McpSessions } from './sessions.ts'

function bearer(chain: readonly string[], grant?: string): Pick<Bearer, 'claims'> {
  const claims = { chain, jti: 'tok_', ...(grant === undefined ? {} : { grant }) }
  return { claims } as unknown as Pick<Bearer, 'claims'>
}

const ana = bearer(['idn_ana'], 'grn_1')

test('a session is its owner’s: the chain and the grant that it was given to', () => {
  const sessions = new McpSessions<string>()
  sessions.add(ana, 's', 'kept')
  assert.deepEqual(sessions.find(bearer(['idn_ana'], 'grn_1'), 's'), { kept: 'kept' })
  for (const other of [
    bearer(['idn_ben'], 'grn_1'),
    bearer(['idn_ana'], 'grn_2'),
    bearer(['idn_ana']),
    bearer(['idn_ana', 'idn_ben'], 'grn_1'),
  ]) {
    assert.equal(sessions.find(other, 's'), undefined)
    sessions.remove(other, 's')
  }
  assert.notEqual(sessions.find(ana, 's'), undefined)
  sessions.remove(ana, 's')
  assert.equal(sessions.find(ana, 's'), undefined)
})

test('whoever opens too many loses those that were used longest ago, and only their own', () => {
  const sessions = new McpSessions<number>()
  const ben = bearer(['idn_ben'])
  sessions.add(ben, 'his', 0)
  for (let place = 0; place < 150; place += 1) {
    sessions.add(ana, `s${place}`, place)
    sessions.find(ana, 's0')
  }
  assert.notEqual(sessions.find(ana, 's0'), undefined)
  assert.equal(sessions.find(ana, 's1'), undefined)
  assert.notEqual(sessions.find(ana, 's149'), undefined)
  assert.notEqual(sessions.find(ben, 'his'), undefined)
})

test('an id is visible ASCII of at most 256 characters', () => {
  for (const id of ['a', '~!"#', 'x'.repeat(256)]) assert.ok(isSessionId(id))
  for (const id of ['', 'a b', 'ä', 'x'.repeat(257), 'a\n']) assert.ok(!isSessionId(id))
})
