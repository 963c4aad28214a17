import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSecretReference } from './secret-reference.ts'

const taken: readonly (readonly [string, object])[] = [
  ['vault:secret/shop#token', { kind: 'vault', mount: 'secret', path: 'shop', field: 'token' }],
  ['vault:kv/prod/shop-2/api.v1#pass_word', { kind: 'vault', mount: 'kv', path: 'prod/shop-2/api.v1', field: 'pass_word' }],
  ['server-env:REMIT_SECRET_SHOP', { kind: 'server-env', name: 'REMIT_SECRET_SHOP' }],
  ['server-file:/run/secrets/shop', { kind: 'server-file', path: '/run/secrets/shop' }],
  ['server-file:/run/..data/shop', { kind: 'server-file', path: '/run/..data/shop' }],
]
for (const [text, want] of taken) test(`${text} is a reference`, () => assert.deepEqual(readSecretReference(text), want))

const refused = [
  '',
  'vault:',
  'vault:secret#token',
  'vault:secret/shop',
  'vault:secret/shop#',
  'vault:secret/shop#a#b',
  'vault:secret/../sys/raw#x',
  'vault:secret/%2e%2e/shop#x',
  'vault:/secret/shop#x',
  'vault:secret//shop#x',
  'vault:secret/shop/#x',
  'vault:secret/shop?version=1#x',
  'vault:secret/.shop#x',
  'vault:secret/sh op#x',
  'Vault:secret/shop#x',
  'server-env:',
  'server-env:1A',
  'server-env:A B',
  'server-env:A=B',
  'server-file:secrets/shop',
  'server-file:/',
  'server-file:/run/../etc/shadow',
  'server-file:/run/./x',
  'server-file:/run//x',
  'server-file:/run/x\n',
  `server-file:/${'a/'.repeat(600)}b`,
  'env:NAME',
  'file:/x',
  ' vault:secret/shop#token',
]
for (const text of refused) test(`${JSON.stringify(text.slice(0, 60))} is none`, () => assert.equal(readSecretReference(text), undefined))
