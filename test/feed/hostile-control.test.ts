/** What control may not say to a gateway: whatever does not follow ends the link, and somebody hears why. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { greeted, leased } from './greeted.ts'
import { changes, noSnapshot, welcome } from './scripted-control.ts'

const identity = { type: 'record', kind: 'identity' } as const
const hostile: readonly { readonly says: string; readonly before?: 'welcome' | 'snapshot'; readonly message: Record<string, unknown> }[] = [
  { says: 'changes after a gap', message: { ...changes, after: 11, version: 12 } },
  { says: 'changes that it has already', message: { ...changes, after: 9, version: 10 } },
  { says: 'changes after a gap, in a long message', message: { ...changes, after: 11, version: 12, forget: gone(2_000) } },
  { says: 'changes that lead nowhere', message: { ...changes, version: 10 } },
  { says: 'changes that lead back', message: { ...changes, version: 3 } },
  { says: 'changes before the snapshot is whole', before: 'snapshot', message: { ...changes, after: 0 } },
  { says: 'changes before the welcome', before: 'welcome', message: changes },
  { says: 'a lease before the welcome', before: 'welcome', message: { type: 'lease', n: 1, now: 0, disputed: false } },
  { says: 'a lease while the snapshot is not whole', before: 'snapshot', message: { type: 'lease', n: 1, now: 0, disputed: false } },
  { says: 'a lease for a renewal that was never sent', message: { type: 'lease', n: 99, now: 0, disputed: false } },
  { says: 'the same lease once more', message: { type: 'lease', n: 1, now: 0, disputed: false } },
  { says: 'an answer to what was not asked', message: { type: 'answer', id: 1, answer: { ok: true } } },
  { says: 'a second welcome', message: { ...welcomeAt(0) } },
  { says: 'a protocol that was not offered', before: 'welcome', message: { ...welcomeAt(0), protocol: 4 } },
  { says: 'a welcome for another gateway', before: 'welcome', message: { ...welcomeAt(0), id: 'gtw_01J00000000000000000000001' } },
  { says: 'a welcome in another name', before: 'welcome', message: { ...welcomeAt(0), name: 'edge-2' } },
  { says: 'a welcome for what it does not stand for', before: 'welcome', message: { ...welcomeAt(0), gateway: 'other' } },
  { says: 'a welcome to another space', before: 'welcome', message: { ...welcomeAt(0), space: 'plant' } },
  { says: 'that it goes on where the gateway is not', before: 'welcome', message: { ...welcomeAt(0), resumes: true } },
  { says: 'a welcome with a member too many', before: 'welcome', message: { ...welcomeAt(0), more: 1 } },
  { says: 'a welcome without its epoch', before: 'welcome', message: { ...welcomeAt(0), epoch: undefined } },
  { says: 'another number of records than it sent', before: 'snapshot', message: { ...noSnapshot, records: 1 } },
  {
    says: 'a record once the snapshot is whole',
    message: { ...identity, record: { id: 'idn_01J00000000000000000000000', space: 'main' } },
  },
  { says: 'a second snapshot', message: { ...noSnapshot, version: 12 } },
  {
    says: 'a record of another space',
    before: 'snapshot',
    message: { ...identity, record: { id: 'idn_01J00000000000000000000000', space: 'x' } },
  },
  { says: 'a record without an id', before: 'snapshot', message: { ...identity, record: { space: 'main' } } },
  { says: 'a record of a kind that is none of its business', before: 'snapshot', message: { type: 'record', kind: 'link', record: {} } },
  {
    says: 'a record under the id of another',
    message: {
      ...changes,
      changes: [{ kind: 'grant', id: 'grn_01J00000000000000000000000', record: { id: 'grn_01J00000000000000000000001', space: 'main' } }],
    },
  },
  {
    says: 'that a grant was removed',
    message: { ...changes, changes: [{ kind: 'grant', id: 'grn_01J00000000000000000000000', removed: true }] },
  },
  { says: 'something of a type that is not known', message: { type: 'please' } },
  { says: 'something of the type __proto__', message: { type: 'constructor' } },
  { says: 'keys that are none', message: { type: 'keys', keys: { keys: [{ kty: 'oct' }] } } },
]

/** So long that it is read in turns. */
function gone(count: number): readonly unknown[] {
  return Array.from({ length: count }, () => ({ kind: 'grant', id: 'grn_01J00000000000000000000000' }))
}

function welcomeAt(now: number): Record<string, unknown> {
  return { ...welcome({ now: () => now } as never) }
}

for (const { says, before, message } of hostile) {
  test(`control that says ${says} is not believed: the link ends, and somebody hears why`, () =>
    greeted(async ({ machine, link }) => {
      if (before !== 'welcome') await link.say(welcome(machine.clock))
      if (before === undefined) {
        await link.say(noSnapshot)
        await link.lease()
      }
      assert.equal(link.closed, undefined, 'so far all was well')
      await link.say(message)
      assert.notEqual(link.closed, undefined)
      assert.equal(machine.alarms.length, 1, machine.alarms.join('\n'))
      assert.equal(machine.fed.gate.facts.version, before === undefined ? 10 : 0)
    }))
}

for (const text of [
  '',
  '{',
  '[]',
  '7',
  '{"type":"drill","n":1,"n":1}',
  '{"type":"drill","n":1.5}',
  `{"type":"drill","n":${'9'.repeat(30)}}`,
  '\uFEFF{}',
  `{"type":"drill","n":1,"more":"${'y'.repeat(70_000)}"`,
  `{"type":"drill","n":1,"n":1,"more":["${'y'.repeat(70_000)}"]}`,
])
  test(`text that has no one reading ends the link: ${JSON.stringify(text).slice(0, 40)}`, () =>
    leased(async ({ machine, link }) => {
      await link.sayText(text)
      assert.notEqual(link.closed, undefined)
      assert.equal(machine.alarms.length, 1)
    }))

test('an epoch that is over is not taken, and one that follows is', () =>
  leased(async ({ machine, link, control }) => {
    await link.close()
    await machine.advance(300)
    await control.link.say(welcome(machine.clock, { epoch: 4 }), { ...noSnapshot, version: 2 })
    assert.equal(machine.fed.gate.facts.version, 2, 'a later epoch may begin earlier')
    await control.link.close()
    await machine.advance(300)
    assert.deepEqual(control.link.last('hello').has, { epoch: 4, version: 2, from: 'scripted' })
    await control.link.say(welcome(machine.clock, { epoch: 3 }))
    assert.match(machine.alarms.at(-1) ?? '', /epoch 3, and 4 has begun/)
    assert.match(control.link.closed ?? '', /epoch/)
  }))

test('of the epoch that an earlier run knew nothing earlier is taken', () =>
  greeted(
    async ({ machine, link }) => {
      await link.say(welcome(machine.clock, { epoch: 6 }))
      assert.match(machine.alarms.at(-1) ?? '', /epoch 6, and 7 has begun/)
    },
    { epochSeen: 7 },
  ))

test('a snapshot of before does not bring back what has ended', () =>
  leased(async ({ machine, link, control }) => {
    await link.say(changes)
    await link.close()
    await machine.advance(300)
    await control.link.say(welcome(machine.clock), noSnapshot)
    assert.match(machine.alarms.at(-1) ?? '', /at version 10, and 11 was known/)
    assert.equal(machine.fed.gate.facts.version, 11)
  }))
