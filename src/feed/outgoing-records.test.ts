import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mustBe } from '../kernel/result.ts'
import { parseJson } from '../kernel/json.ts'
import type { Credential } from '../model/identities.ts'
import { strippedCredential } from './outgoing-records.ts'
import { readFed } from './parse-fed-records.ts'

const credential: Credential = {
  id: 'crd_01ARZ3NDEKTSV4RRFFQ69G5FAV',
  space: 'main',
  identity: 'idn_01ARZ3NDEKTSV4RRFFQ69G5FAV',
  hash: 'a'.repeat(64),
  issuedBy: 'ana',
  createdAt: 1,
  expiresAt: 2,
  client: {
    id: 'https://app.example.com/c',
    person: 'idn_01ARZ3NDEKTSV4RRFFQ69G5FAW',
    passkey: 'pks_01ARZ3NDEKTSV4RRFFQ69G5FAV',
    gateway: 'http',
    resource: 'https://mcp.example.com/mcp',
    scope: ['read:ops'],
    code: 'b'.repeat(64),
    family: 'c'.repeat(64),
  },
}

test('what an OAuth client was given goes to gateways as any secret does: that it is there, whose, and until when', () => {
  const { record } = strippedCredential(credential)
  assert.deepEqual(Object.keys(record).toSorted(), ['createdAt', 'expiresAt', 'hash', 'id', 'identity', 'issuedBy', 'space'])
  assert.equal('hash' in record && record.hash, '')
  const read = readFed('credential', mustBe(parseJson(JSON.stringify(record))), 'main')
  assert.equal(read.isUnderstood, true)
  // A gateway that was told more than it knows would keep the whole record out, and refuse every token that stands on it.
  assert.equal(readFed('credential', mustBe(parseJson(JSON.stringify(credential))), 'main').isUnderstood, false)
})
