import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { UpOptions } from '../cli/house.ts'
import { makeClock } from '../host/clock.ts'
import { makeLog } from '../host/logs.ts'
import { prepareTls } from './secrecy.ts'

const root = mkdtempSync(join(tmpdir(), 'remit-secrecy-'))
after(() => rmSync(root, { recursive: true }))
const parts = { clock: makeClock({ floor: 0 }), log: makeLog({ level: 'silent' }) }
type Given = Pick<UpOptions, 'host' | 'names' | 'tls' | 'plaintext'>
const prepared = (given: Given) => prepareTls(given, mkdtempSync(join(root, 'keys-')), parts)

const refused: readonly (readonly [Given, RegExp])[] = [
  [{ host: '0.0.0.0' }, /on 0\.0\.0\.0 .* unencrypted; give --tls, or --tls-certificate with --tls-key, or --plaintext/],
  [{ host: '::' }, /unencrypted/],
  [{ host: '192.0.2.7' }, /unencrypted/],
  [{ host: 'remit.example' }, /unencrypted/],
  [{ host: '127.0.0.1.example' }, /unencrypted/],
  [{ host: '0.0.0.0', plaintext: true, tls: { certificate: '/none.crt', key: '/none.key' } }, /\/none\.crt cannot be read/],
]
for (const [given, want] of refused) test(`${JSON.stringify(given)} is refused`, () => assert.rejects(prepared(given), want))

for (const host of ['127.0.0.1', '127.8.9.1', '::1', 'localhost'])
  test(`in the clear on ${host} is nobody else's business`, async () => {
    const { scheme, warnings } = await prepared({ host })
    assert.deepEqual({ scheme, warnings }, { scheme: 'http', warnings: [] })
  })

test('in the clear on purpose is said first', async () => {
  const { scheme, warnings } = await prepared({ host: '0.0.0.0', plaintext: true })
  assert.equal(scheme, 'http')
  assert.match(warnings.join(), /^PLAINTEXT on 0\.0\.0\.0/)
})

const reached: readonly (readonly [given: Given, name: string, host: string])[] = [
  [{ host: '127.0.0.1', tls: 'local' }, 'localhost', '127.0.0.1'],
  [{ host: '0.0.0.0', tls: 'local', names: ['192.0.2.7', 'remit.example'] }, 'remit.example', '192.0.2.7'],
  [{ host: '0.0.0.0', tls: 'local' }, 'localhost', 'localhost'],
  [{ host: '192.0.2.7', tls: 'local' }, 'localhost', '192.0.2.7'],
]
for (const [given, name, host] of reached)
  test(`${JSON.stringify(given)}: pages at ${name}, clients at ${host}`, async () => {
    const { tls, ...made } = await prepared(given)
    tls?.close()
    assert.deepEqual([made.scheme, made.name, made.host], ['https', name, host])
    assert.match(made.authority ?? '', /authority\.crt$/)
  })
