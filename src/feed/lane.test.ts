/** What goes out is canonical JSON, whether the texts of its records were kept or not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleRecords } from '../../test/contract/sample-records.ts'
import { canonicalJson } from '../kernel/json.ts'
import { keepText } from '../kernel/long-json.ts'
import type { FactChange } from '../model/records.ts'
import { written, writtenRecord } from './lane.ts'
import type { Changes } from './messages.ts'

const put: readonly FactChange[] = [
  { kind: 'identity', id: 'idn_1', record: sampleRecords.identity(1) },
  { kind: 'policySet', id: 'current', record: sampleRecords.policySet(1) },
  { kind: 'binding', id: 'tok_1', removed: true },
  { kind: 'service', id: 'shop "x"', record: sampleRecords.service(1) },
]

const forget: Changes['forget'] = [{ kind: 'grant', id: 'grn_1' }]

for (const [says, changes, forgotten] of [
  ['changes', put, forget],
  ['nothing but a version', [], []],
  ['what is forgotten', [], forget],
] as const)
  test(`${says}: canonical JSON`, () => {
    const message: Changes = { type: 'changes', after: 7, version: 9, at: 1_000, changes, forget: forgotten }
    assert.equal(written(message), canonicalJson(message))
  })

test('a record of a snapshot is canonical JSON', () => {
  for (const change of put)
    if ('record' in change) assert.equal(writtenRecord(change), canonicalJson({ type: 'record', kind: change.kind, record: change.record }))
})

test('a text that was kept of a record is what goes out of it, and of that very record alone', () => {
  const record = sampleRecords.policySet(2)
  keepText(record, '{"kept":1}')
  const said = (policies: typeof record) =>
    written({ type: 'changes', after: 1, version: 2, at: 3, changes: [{ kind: 'policySet', id: 'current', record: policies }], forget: [] })
  assert.ok(said(record).includes('"record":{"kept":1}'))
  assert.ok(!said({ ...record }).includes('kept'))
})
