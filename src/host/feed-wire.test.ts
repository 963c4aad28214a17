/** The feed's connections against real TLS: who gets in, what a message may be, when a peer is gone. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { ownAddress } from '../../test/world/own-address.ts'
import { mustBe } from '../kernel/result.ts'
import { type FeedAuthority, openFeedAuthority } from './feed-authority.ts'
import { askAsStranger, findAuthority, makeDial } from './feed-dial.ts'
import { certificateRequest, keyHash, loadOrMakeFeedKey } from './feed-key.ts'
import { type FeedListener, type FeedListenerInput, type FeedPeer, openFeedListener } from './feed-listener.ts'
import { controlName, feedProtocol, type FeedWire } from './feed-wire.ts'

const folder = mkdtempSync(join(tmpdir(), 'remit-feed-'))
after(() => rmSync(folder, { recursive: true }))
let folders = 0
const fresh = () => join(folder, `${(folders += 1)}`)

const limits = { messageBytesMax: 1_000_000, waitingBytesMax: 4_000_000, silenceMs: 60_000 }
const dayMs = 86_400_000

interface House {
  readonly home: string
  readonly authority: FeedAuthority
  readonly listener: FeedListener
  readonly address: { readonly host: string; readonly port: number }
  readonly links: { readonly link: FeedWire; readonly peer: FeedPeer }[]
  readonly told: string[]
  readonly asked: string[]
}

async function openHouse(t: { after(work: () => Promise<void>): void }, more: Partial<FeedListenerInput> = {}): Promise<House> {
  const home = fresh()
  const authority = more.authority ?? mustBe(await openFeedAuthority(home))
  const links: House['links'] = []
  const told: string[] = []
  const asked: string[] = []
  const listener = await openFeedListener({
    authority,
    host: '127.0.0.1',
    port: 0,
    limits,
    log: { warn: (_says, facts) => told.push(String(facts?.['why'] ?? facts?.['error'])) },
    onLink: (link, peer) => links.push({ link, peer }),
    mayEnrol: () => true,
    onEnrol: (request) => {
      asked.push(request)
      return Promise.resolve(`answer to ${request}`)
    },
    ...more,
    bounds: { toldEveryMs: 0, ...more.bounds },
  })
  t.after(() => listener.close())
  return { home, authority, listener, address: { host: '127.0.0.1', port: listener.port }, links, told, asked }
}

async function identity(authority: FeedAuthority) {
  const key = mustBe(await loadOrMakeFeedKey(fresh()))
  const { certificate } = mustBe(await authority.certify(certificateRequest(key)))
  return { key, hash: keyHash(key), certificate, pem: key.export({ format: 'pem', type: 'pkcs8' }).toString() }
}

async function linked(house: House) {
  const own = await identity(house.authority)
  const dial = makeDial({
    addresses: [house.address],
    authority: house.authority.certificate,
    identity: () => ({ certificate: own.certificate, key: own.pem }),
    limits,
  })
  const before = house.links.length
  const link = await dial()
  await until(() => house.links.length > before)
  const other = house.links.at(-1)
  assert.ok(other !== undefined)
  return { own, link, other: other.link, peer: other.peer }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}

const closed = (link: FeedWire): Promise<string> => new Promise((resolve) => link.onClose(resolve))

test('a gateway with a certificate of ours has a link, known by its key', async (t) => {
  const house = await openHouse(t)
  const { own, link, other, peer } = await linked(house)
  assert.deepEqual(peer, { key: own.hash, address: '127.0.0.1' })
  const heard: string[] = []
  other.onMessage((message) => heard.push(message))
  for (const message of ['one', '', 'ünïcode \u0000 \u{1f512}', 'x'.repeat(900_000)]) link.send(message)
  await until(() => heard.length === 4)
  assert.deepEqual(heard, ['one', '', 'ünïcode \u0000 \u{1f512}', 'x'.repeat(900_000)])
})

test('who shows no certificate may ask once, and has no link', async (t) => {
  const house = await openHouse(t)
  const found = await findAuthority(house.address, house.authority.fingerprint)
  assert.equal(found.trim(), house.authority.certificate.trim())
  assert.equal(await askAsStranger(house.address, found, { message: 'let me in', limits }), 'answer to let me in')
  assert.equal(house.links.length, 0)
  const socket = await raw(house, {})
  socket.write(Buffer.concat([frame('a'), frame('b')]))
  await ended(socket)
  await until(() => house.asked.length === 2)
  assert.deepEqual(house.asked, ['let me in', 'a'])
})

test('control is known by its authority before anything is said', async (t) => {
  const house = await openHouse(t)
  const other = mustBe(await openFeedAuthority(fresh()))
  await assert.rejects(findAuthority(house.address, other.fingerprint), /is not the control that this code is from/)
  await assert.rejects(askAsStranger(house.address, other.certificate, { message: 'x', limits }), /cannot be reached/)
  const own = await identity(house.authority)
  const identityOf = () => ({ certificate: own.certificate, key: own.pem })
  await assert.rejects(
    makeDial({ addresses: [house.address], authority: other.certificate, identity: identityOf, limits })(),
    /cannot be reached/,
  )
  // A gateway, whose certificate is from the same authority, is not control.
  const posing: FeedAuthority = { ...house.authority, context: () => Promise.resolve({ cert: own.certificate, key: own.pem }) }
  const posed = await openHouse(t, { authority: posing })
  await assert.rejects(askAsStranger(posed.address, house.authority.certificate, { message: 'x', limits }), /cannot be reached/)
  assert.deepEqual(posed.asked, [])
})

test('nobody else has a link', async (t) => {
  const house = await openHouse(t)
  const stranger = mustBe(await openFeedAuthority(fresh()))
  const foreign = await identity(stranger)
  const own = await identity(house.authority)
  const { cert, key } = await house.authority.context()
  let now = Date.now()
  const moved = mustBe(await openFeedAuthority(house.home, () => now))
  now -= 31 * dayMs
  const expired = await identity(moved)
  now += 33 * dayMs
  const future = await identity(moved)
  const cases: readonly (readonly [string, ConnectionOptions])[] = [
    ['a certificate of another authority', { cert: foreign.certificate, key: foreign.pem }],
    ['one that has ended', { cert: expired.certificate, key: expired.pem }],
    ['one that has not begun', { cert: future.certificate, key: future.pem }],
    ['the certificate of control itself', { cert, key }],
    ['no protocol', { cert: own.certificate, key: own.pem, ALPNProtocols: [] }],
    ['another protocol', { cert: own.certificate, key: own.pem, ALPNProtocols: ['h2'] }],
    ['TLS 1.2', { cert: own.certificate, key: own.pem, maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' }],
  ]
  for (const [says, options] of cases) {
    const before = house.told.length
    const socket = connect({
      ...address(house),
      ca: [house.authority.certificate],
      servername: controlName,
      ALPNProtocols: [feedProtocol],
      ...options,
    })
    socket.on('secureConnect', () => socket.write(frame('hello')))
    await ended(socket)
    await until(() => house.told.length > before)
    assert.equal(house.links.length, 0, says)
    assert.deepEqual(house.asked, [], says)
  }
})

test('an earlier session is not taken up', async (t) => {
  const house = await openHouse(t)
  const own = await identity(house.authority)
  const options = { cert: own.certificate, key: own.pem }
  const first = await raw(house, options)
  const session = await new Promise<Buffer>((resolve) => first.once('session', resolve))
  await until(() => house.links.length === 1)
  const second = connect({
    ...address(house),
    ca: [house.authority.certificate],
    servername: controlName,
    ALPNProtocols: [feedProtocol],
    ...options,
    session,
  })
  await new Promise((resolve) => second.once('secureConnect', resolve))
  if (second.isSessionReused()) {
    await ended(second)
    assert.equal(house.links.length, 1)
  } else second.destroy()
  first.destroy()
})

test('a connection that says nothing is closed, and so many may wait', async (t) => {
  const hasty = await openHouse(t, { bounds: { handshakeMs: 100, strangersPerAddressMax: 3 } })
  const silent = Array.from({ length: 4 }, () => connectPlain(hasty.address))
  await Promise.all(silent.map(ended))
  assert.ok(
    hasty.told.some((why) => why.startsWith('too many connections')),
    hasty.told.join('; '),
  )
  // Handshakes take on a busy machine what they take.
  const house = await openHouse(t, { bounds: { enrolMs: 100, strangersPerAddressMax: 3 } })
  await ended(await raw(house, {}))
  // Gateways do not count among them.
  for (let place = 0; place < 6; place += 1) await linked(house)
  assert.equal(house.links.length, 6)
})

test('what is no message ends the link', async (t) => {
  const house = await openHouse(t)
  const own = await identity(house.authority)
  const cases: readonly (readonly [Buffer, RegExp])[] = [
    [Buffer.from([0xff, 0xff, 0xff, 0xff]), /too long/],
    [frame(Buffer.from([0xc3, 0x28])), /UTF-8/],
    [Buffer.from([0, 0]), /closed|broke/],
  ]
  for (const [place, [bytes, why]] of cases.entries()) {
    const socket = await raw(house, { cert: own.certificate, key: own.pem })
    await until(() => house.links.length === place + 1)
    const link = house.links[place]?.link
    assert.ok(link !== undefined)
    link.onMessage(() => assert.fail('nothing was said'))
    const reason = closed(link)
    socket.end(bytes)
    assert.match(await reason, why)
  }
})

test('messages come through as they are, wherever they are cut, and with the sign for what is no text', async (t) => {
  const house = await openHouse(t)
  const own = await identity(house.authority)
  const messages = ['plain', '', 'ü€😀', 'a \ufffd that was sent', '\ufeffmarked', 'x'.repeat(40_000), 'é'.repeat(300), 'last']
  const bytes = Buffer.concat(messages.map((message) => frame(message)))
  const heard: string[] = []
  const socket = await raw(house, { cert: own.certificate, key: own.pem })
  socket.setNoDelay(true)
  await until(() => house.links.length === 1)
  house.links[0]?.link.onMessage((message) => heard.push(message))
  for (let from = 0, size = 1; from < bytes.byteLength; from += size, size = (size * 7 + 3) % 5_003) {
    await new Promise<void>((resolve) => socket.write(bytes.subarray(from, from + size), () => resolve()))
  }
  await until(() => heard.length === messages.length)
  assert.deepEqual(heard, messages)
  socket.destroy()
})

test('a peer that does not read, or says nothing, is given up', async (t) => {
  const { link, other } = await linked(await openHouse(t))
  const full = closed(other)
  link.onClose(() => {})
  // Nobody listens at the other end, so nothing is read there.
  for (let sent = 0; sent < 100; sent += 1) other.send('x'.repeat(900_000))
  assert.match(await full, /does not read/)
  assert.ok(other.waitingBytes < 100_000_000)
  other.send('after the end')
  const again = await linked(await openHouse(t, { limits: { ...limits, silenceMs: 200 } }))
  again.other.onMessage(() => {})
  assert.match(await closed(again.other), /nothing came for/)
})

test('last words arrive, and nothing after them', async (t) => {
  const house = await openHouse(t)
  const { link, other } = await linked(house)
  const heard: string[] = []
  link.onMessage((message) => heard.push(message))
  other.send('you are removed')
  other.close('removed')
  other.send('more')
  await closed(link)
  assert.deepEqual(heard, ['you are removed'])
  assert.equal(await closed(other), 'removed')
})

test('addresses are tried in turn, each attempt the next', async (t) => {
  const house = await openHouse(t)
  const own = await identity(house.authority)
  const dial = makeDial({
    // Where nobody listens.
    addresses: [ownAddress(), house.address],
    authority: house.authority.certificate,
    identity: () => ({ certificate: own.certificate, key: own.pem }),
    limits,
  })
  await assert.rejects(dial(), /ECONNREFUSED/)
  ;(await dial()).close('done')
  await assert.rejects(dial(), /ECONNREFUSED/)
})

test('certificates of gateways are for thirty days, over the same key, and a request must be signed by it', async () => {
  const home = fresh()
  let now = Date.now()
  const authority = mustBe(await openFeedAuthority(home, () => now))
  const key = mustBe(await loadOrMakeFeedKey(fresh()))
  const request = certificateRequest(key)
  const openssl = execFileSync('openssl', ['req', '-verify', '-noout'], { input: request, stdio: ['pipe', 'pipe', 'pipe'] })
  assert.equal(openssl.toString(), '')
  const { certificate, key: hash } = mustBe(await authority.certify(request, keyHash(key)))
  assert.equal(hash, keyHash(key))
  const text = execFileSync('openssl', ['x509', '-noout', '-text'], { input: certificate }).toString()
  assert.match(text, /TLS Web Client Authentication/)
  assert.match(text, /CA:FALSE/)
  const { validFromDate, validToDate } = new X509Certificate(certificate)
  assert.deepEqual(
    [now - validFromDate.getTime(), validToDate.getTime() - now].map((span) => Math.round(span / 3_600_000)),
    [1, 30 * 24],
  )
  const refusals: readonly (readonly [string, string, string?])[] = [
    ['nothing', ''],
    ['another thing', '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n'],
    ['another key than is wanted', request, keyHash(mustBe(await loadOrMakeFeedKey(fresh())))],
    ['a signature that is not its key’s', forged(request)],
    ['too long', request + ' '.repeat(5_000)],
  ]
  for (const [says, pem, wanted] of refusals) assert.equal((await authority.certify(pem, wanted)).ok, false, says)
  // Opened again it is the same; what it shows is renewed at two thirds of a day.
  const again = mustBe(await openFeedAuthority(home, () => now))
  assert.equal(again.fingerprint, authority.fingerprint)
  assert.equal(statSync(join(home, 'gateways.pem')).mode & 0o777, 0o600)
  const first = await authority.context()
  now += dayMs / 2
  assert.equal((await authority.context()).cert, first.cert)
  now += dayMs / 4
  assert.notEqual((await authority.context()).cert, first.cert)
})

test('a broken authority or key is refused, and not replaced', async () => {
  const home = fresh()
  mustBe(await openFeedAuthority(home))
  writeFileSync(join(home, 'gateways.pem'), 'nothing')
  const opened = await openFeedAuthority(home)
  assert.equal(opened.ok ? '' : opened.refusal.code, 'tls.unusable')
  const keys = fresh()
  mustBe(await loadOrMakeFeedKey(keys))
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  writeFileSync(join(keys, 'gateway.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }))
  const key = await loadOrMakeFeedKey(keys)
  assert.equal(key.ok ? createPublicKey(key.value) : key.refusal.code, 'configuration.invalid')
})

/** One bit of the signature, at its end, is another. */
function forged(request: string): string {
  const lines = request.trim().split('\n')
  const der = Buffer.from(lines.slice(1, -1).join(''), 'base64')
  der[der.byteLength - 1] = (der.at(-1) ?? 0) ^ 1
  return `${lines[0]}\n${der.toString('base64')}\n${lines.at(-1)}\n`
}

function address({ address: { host, port } }: House) {
  return { host, port }
}

function raw(house: House, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...address(house),
      ca: [house.authority.certificate],
      servername: controlName,
      ALPNProtocols: [feedProtocol],
      ...options,
    })
    socket.on('error', reject)
    socket.once('secureConnect', () => resolve(socket))
  })
}

function ended(socket: { on(event: 'close' | 'error', listener: () => void): unknown; resume(): unknown }): Promise<void> {
  return new Promise((resolve) => {
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.resume()
  })
}

function frame(body: string | Buffer): Buffer {
  const bytes = Buffer.from(body)
  const head = Buffer.alloc(4)
  head.writeUInt32BE(bytes.byteLength)
  return Buffer.concat([head, bytes])
}
