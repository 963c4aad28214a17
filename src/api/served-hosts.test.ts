import assert from 'node:assert/strict'
import test from 'node:test'
import { isServedHost } from './served-hosts.ts'

const served = { origin: 'https://remit.example', port: 4000, hosts: ['remit.internal:8443'] }
const cases: readonly { readonly host: string | undefined; readonly want: boolean }[] = [
  { host: 'localhost:4000', want: true },
  { host: '127.0.0.1:4000', want: true },
  { host: '[::1]:4000', want: true },
  { host: 'LOCALHOST:4000', want: true },
  { host: 'remit.example', want: true },
  { host: 'remit.internal:8443', want: true },
  { host: 'localhost', want: false },
  { host: 'localhost:4001', want: false },
  { host: 'remit.example:4000', want: false },
  { host: 'evil.example', want: false },
  { host: 'evil.example:4000', want: false },
  { host: 'localhost.evil.example:4000', want: false },
  { host: '127.0.0.2:4000', want: false },
  { host: '', want: false },
  { host: undefined, want: false },
]
for (const { host, want } of cases)
  test(`Host: ${host ?? 'none'} is ${want ? '' : 'not '}served`, () => assert.equal(isServedHost(host, served), want))
