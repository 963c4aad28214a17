import assert from 'node:assert/strict'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { TestClock } from '../../test/world/clock.ts'
import type { Result } from '../kernel/result.ts'
import { makeClientDocuments, mayReach } from './client-documents.ts'

const servers: Server[] = []
after(() => {
  for (const server of servers) server.closeAllConnections()
  for (const server of servers) server.close()
})

async function serve(take: RequestListener): Promise<string> {
  const server = createServer(take)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const json = { 'content-type': 'application/json' }
const told = (read: Result<unknown>) => (read.ok ? JSON.stringify(read.value) : `${read.refusal.code}: ${read.refusal.detail ?? ''}`)
const limits = { fetchMax: 60_000, bytesMax: 1_000 }
const open = (more: object = {}) => makeClientDocuments({ clock: new TestClock(), takesLoopback: true, limits, ...more })

const answers: readonly { readonly says: string; readonly take: RequestListener; readonly wants: RegExp; readonly fetchMax?: number }[] = [
  { says: 'a document', take: (_, out) => void out.writeHead(200, json).end('{"a":1}'), wants: /^\{"a":1\}$/ },
  {
    says: 'a document of a type of its own',
    take: (_, out) => void out.writeHead(200, { 'content-type': 'application/cimd+json; charset=utf-8' }).end('{}'),
    wants: /^\{\}$/,
  },
  {
    says: 'a redirect',
    take: (_, out) => void out.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    wants: /answered 302, and no redirect is followed/,
  },
  { says: 'nothing there', take: (_, out) => void out.writeHead(404, json).end('{}'), wants: /answered 404/ },
  {
    says: 'a page',
    take: (_, out) => void out.writeHead(200, { 'content-type': 'text/html' }).end('{}'),
    wants: /something else than JSON/,
  },
  { says: 'two readings', take: (_, out) => void out.writeHead(200, json).end('{"a":1,"a":2}'), wants: /not one JSON object/ },
  { says: 'a list', take: (_, out) => void out.writeHead(200, json).end('[]'), wants: /not one JSON object/ },
  {
    says: 'too much',
    take: (_, out) => void out.writeHead(200, json).end(`{"a":"${'x'.repeat(1_000)}"}`),
    wants: /larger than 1000 bytes/,
  },
  {
    says: 'without an end',
    take: (_, out) => {
      out.writeHead(200, json)
      const more = setInterval(() => out.write(' '.repeat(100)), 1)
      out.once('close', () => clearInterval(more))
    },
    wants: /larger than 1000 bytes/,
  },
  { says: 'too late', take: () => {}, wants: /did not come in time/, fetchMax: 100 },
  { says: 'half of it', take: (_, out) => void out.writeHead(200, json).write('{"a":'), wants: /did not come in time/, fetchMax: 100 },
  {
    says: 'a connection that breaks',
    take: (_, out) => {
      out.writeHead(200, json).write('{"secret-of-theirs":')
      setImmediate(() => out.destroy())
    },
    wants: /^client\.invalid: its document cannot be fetched$/,
  },
]
for (const { says, take, wants, fetchMax = limits.fetchMax } of answers)
  test(`an address that answers with ${says}`, async () => {
    const documents = open({ limits: { ...limits, fetchMax } })
    assert.match(told(await documents.read(new URL(`${await serve(take)}/client.json`))), wants)
  })

test('what is not of the public internet is not asked at all', async () => {
  let asked = 0
  const url = await serve((_, out) => {
    asked += 1
    out.writeHead(200, json).end('{}')
  })
  const port = new URL(url).port
  const documents = open({ takesLoopback: false })
  for (const [text, wants] of [
    [`https://127.0.0.1:${port}/c`, /not one of the public internet/],
    [`https://localhost:${port}/c`, /not one of the public internet/],
    [`https://[::1]:${port}/c`, /not one of the public internet/],
    [`https://[::ffff:127.0.0.1]:${port}/c`, /not one of the public internet/],
    [`https://0177.0.0.1:${port}/c`, /not one of the public internet/],
    [`https://2130706433:${port}/c`, /not one of the public internet/],
    ['https://169.254.169.254/latest/meta-data', /not one of the public internet/],
    ['https://10.0.0.1/c', /not one of the public internet/],
    [`http://127.0.0.1:${port}/c`, /not one of the public internet/],
    ['http://example.com/c', /over https/],
  ] as const)
    assert.match(told(await documents.read(new URL(text))), wants, text)
  assert.equal(asked, 0)
})

test('addresses that may be reached', () => {
  const outside = ['1.1.1.1', '93.184.216.34', '2606:4700:4700::1111', '172.32.0.1', '100.128.0.1', '11.0.0.1']
  const inside = [
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '192.0.0.192',
    '198.18.0.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
    '::10.0.0.1',
    '64:ff9b::a00:1',
    '64:ff9b:1::1',
    '100::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fec0::1',
    'ff02::1',
    '2001::1',
    '2001:db8::1',
    '2002:a00:1::',
    '3fff::1',
    '5f00::1',
    'localhost',
    '',
  ]
  for (const address of outside) assert.equal(mayReach(address, false), true, address)
  for (const address of inside) assert.equal(mayReach(address, false), false, address)
  assert.equal(mayReach('127.0.0.1', true) && mayReach('::1', true), true)
  assert.equal(mayReach('10.0.0.1', true), false)
})

test('one fetch for all who wait, kept as long as it says, and no longer than a day', async () => {
  let asked = 0
  let control = 'public, max-age=60'
  const url = new URL(
    `${await serve((_, out) => {
      asked += 1
      out.writeHead(200, { ...json, 'cache-control': control }).end(`{"n":${asked}}`)
    })}/c`,
  )
  const clock = new TestClock()
  const documents = open({ clock })
  await Promise.all([documents.read(url), documents.read(url), documents.read(url)])
  assert.equal(asked, 1)
  clock.advance(59_999)
  assert.equal(told(await documents.read(url)), '{"n":1}')
  control = 'max-age=99999999'
  clock.advance(1)
  assert.equal(told(await documents.read(url)), '{"n":2}')
  clock.advance(86_400_000)
  control = 'no-store'
  assert.equal(told(await documents.read(url)), '{"n":3}')
  assert.equal(told(await documents.read(url)), '{"n":4}')
})

test('a failure is not tried again at once, and only so many are fetched at a time', async () => {
  let asked = 0
  const url = await serve((_, out) => {
    asked += 1
    out.writeHead(500).end()
  })
  const clock = new TestClock()
  const documents = open({ clock, limits: { ...limits, fetchesMax: 2 } })
  await documents.read(new URL(`${url}/a`))
  await documents.read(new URL(`${url}/a`))
  assert.equal(asked, 1)
  clock.advance(10_000)
  await documents.read(new URL(`${url}/a`))
  assert.equal(asked, 2)
  const many = await Promise.all(['b', 'c', 'd', 'e'].map((name) => documents.read(new URL(`${url}/${name}`))))
  assert.deepEqual(
    many.map((each) => /too many/.test(told(each))),
    [false, false, true, true],
  )
})
