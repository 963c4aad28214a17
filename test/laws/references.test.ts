/** References to secrets, from the configuration to what a gateway would send: bound to their service and origin, and never a request without. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Service } from '../../src/model/services.ts'
import { makeSecretReader } from '../../src/host/secret-readers.ts'
import { type HostSecretSource, makeSecretSource } from '../../src/host/secret-source.ts'
import { makeVaultReader } from '../../src/host/secret-vault.ts'
import type { JsonObject } from '../../src/kernel/json.ts'
import { Secret, reveal } from '../../src/kernel/secret.ts'
import { TestClock } from '../world/clock.ts'
import { type KvServer, startKvServer, until } from '../world/kv-server.ts'
import { asDocument, shopDocument } from '../world/shop.ts'
import { openWorldOf, testParts, type World } from '../world/world.ts'

const folder = mkdtempSync(join(tmpdir(), 'remit-references-'))
const clock = new TestClock()
let kv: KvServer
let source: HostSecretSource
let world: World

const reference = 'vault:secret/shop#login'

function document(): JsonObject {
  const { services } = shopDocument()
  if (!Array.isArray(services)) return assert.fail('there are services')
  return asDocument({ ...shopDocument(), services: services.map((each) => ({ ...each, credential: { basic: { reference } } })) })
}

before(async () => {
  kv = await startKvServer()
  kv.secrets.set('shop', { login: 'user:canary-first' })
  writeFileSync(join(folder, 'token'), 'from-a-file\n')
  const vault = makeVaultReader({ address: kv.url, login: { by: 'token', token: new Secret('root-token') }, clock })
  const reader = makeSecretReader({ folders: [folder], variables: new Map([['REMIT_SECRET_X', new Secret('from-a-variable')]]), vault })
  source = makeSecretSource({ clock, reader, log: { warn: () => {} } })
  const parts = { ...testParts(1, ':memory:', clock), clock, secrets: source }
  world = await openWorldOf(parts, document())
  await source.settled(5_000)
})
after(async () => {
  source.close()
  await world.close()
  await kv.close()
  rmSync(folder, { recursive: true })
})

function shop(): Service {
  return world.desk.facts.service('shop') ?? assert.fail('there is a shop')
}

/** What would be sent, or the code of the refusal. */
function sent(service: Service): string {
  const secret = world.gateway.upstreamSecret(service)
  if (!secret.ok) return secret.refusal.code
  return secret.value === undefined ? 'nothing' : reveal(secret.value)
}

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

test('the gateway sends what the reference names, as its scheme writes it, and what was rotated', async () => {
  assert.equal(sent(shop()), basic('user:canary-first'))
  kv.secrets.set('shop', { login: 'user:canary-second' })
  clock.advance(20_000)
  await until('the second is there', () => sent(shop()) === basic('user:canary-second'))
})

const moves: readonly (readonly [says: string, change: (service: Service) => Service])[] = [
  ['to another origin', (service) => ({ ...service, upstream: 'http://127.0.0.1:10' })],
  ['to another service', (service) => ({ ...service, id: 'ops' })],
  ['to another space', (service) => ({ ...service, space: 'plant' })],
  ['to another secret', (service) => withCredential(service, { reference: 'vault:secret/other#login' })],
  ['out of the reference, so that its name would be sent', (service) => withCredential(service, { reference: undefined })],
]
function withCredential(service: Service, { reference: named }: { readonly reference: string | undefined }): Service {
  const { credential } = service
  if (credential === undefined) return assert.fail('it has a credential')
  const { reference: _before, ...rest } = credential
  return { ...service, credential: named === undefined ? rest : { ...rest, reference: named } }
}
for (const [says, change] of moves)
  test(`changed in the store ${says}, it gives nothing`, () => assert.equal(sent(change(shop())), 'upstream.credential'))

test('while it cannot be had nothing is sent, and it comes back by itself', async () => {
  kv.fault.status = 500
  clock.advance(61_000)
  await until('it is refused', () => sent(shop()) === 'upstream.secret-unavailable')
  delete kv.fault.status
  await until('it is there', () => {
    clock.advance(1_000)
    return sent(shop()) === basic('user:canary-second')
  })
})

test('nothing of the secret is kept: not in the store, not in the ledger; the reference is, in the clear', async () => {
  await world.house.sequencer.flush()
  const { size } = await world.house.database.tree()
  const bodies = (await world.house.database.leaves(0, size)).map(({ body }) => body ?? '')
  const kept = JSON.stringify([shop(), bodies])
  for (const text of ['canary', basic('user:canary-first').slice(6), 'root-token']) assert.ok(!kept.includes(text), text)
  assert.ok(kept.includes(reference))
})
