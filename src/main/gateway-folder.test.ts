/** Enrolling and renewing, from the folder of a gateway, against the real port of the feed. */
import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { writeEnrolCode } from '../feed/enrolment.ts'
import { parseEnrolRequest } from '../feed/parse-enrolment.ts'
import { openFeedAuthority } from '../host/feed-authority.ts'
import { makeDial } from '../host/feed-dial.ts'
import { openFeedListener } from '../host/feed-listener.ts'
import { canonicalJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, mustBe } from '../kernel/result.ts'
import { GatewayFolder } from './gateway-folder.ts'

const day = 86_400_000
const limits = { messageBytesMax: 100_000, waitingBytesMax: 100_000, silenceMs: 60_000 }
const self = { id: 'gtw_01ARZ3NDEKTSV4RRFFQ69G5FAV', space: 'main', name: 'edge-1', gateway: 'edge' } as const

const folder = mkdtempSync(join(tmpdir(), 'remit-gateway-'))
let now = Date.now()
const authority = mustBe(await openFeedAuthority(join(folder, 'control'), () => now))
const peers: string[] = []
let uses = 0
let isLost = false
const listener = await openFeedListener({
  authority,
  host: '127.0.0.1',
  port: 0,
  limits,
  log: { warn: () => {} },
  mayEnrol: () => true,
  onLink: (link, peer) => {
    peers.push(peer.key)
    link.close('seen')
  },
  onEnrol: async (text) => {
    const { code, request } = mustBe(parseEnrolRequest(text))
    uses += 1
    if (isLost) throw new Error('the answer is lost')
    if (code !== 'a'.repeat(40)) return canonicalJson({ type: 'refused', code: 'enrolment.refused' })
    const { certificate } = mustBe(await authority.certify(request))
    return canonicalJson({ type: 'enrolled', ...self, certificate })
  },
})
after(async () => {
  await listener.close()
  rmSync(folder, { recursive: true })
})
const control = [{ host: '127.0.0.1', port: listener.port }] as const
const codeOf = (letter: string) => writeEnrolCode({ secret: letter.repeat(40), fingerprint: authority.fingerprint })
let folders = 0
const fresh = () => GatewayFolder.open(join(folder, `gateway-${(folders += 1)}`))

async function link(gateway: GatewayFolder): Promise<void> {
  const { authority: trusted } = gateway.enrolment ?? { authority: '' }
  const dial = makeDial({ addresses: [control[0]], authority: trusted, identity: () => gateway.identity(), limits })
  const before = peers.length
  const wire = await dial()
  await new Promise((resolve) => wire.onClose(resolve))
  if (peers.length === before) throw new Error('turned away')
}

test('enrols once, knows who it is when it is opened again, and is the same by the same code', async () => {
  const gateway = await fresh()
  await gateway.enrol(codeOf('a'), control)
  await link(gateway)
  gateway.close()
  const again = await GatewayFolder.open(join(folder, `gateway-${folders}`))
  assert.deepEqual(again.enrolment?.self, self)
  const before = uses
  await again.enrol(codeOf('a'), control)
  assert.equal(uses, before, 'nothing was asked')
  await assert.rejects(again.enrol(codeOf('b'), control), /is that of the gateway edge-1, enrolled by another code/)
  await link(again)
  assert.equal(peers.at(-1), peers.at(-2), 'under the same key')
  const kept = readFileSync(join(folder, `gateway-${folders}`, 'keys', 'enrolment.json'), 'utf8')
  assert.ok(!kept.includes('a'.repeat(40)))
  assert.ok(kept.includes(createHash('sha256').update(codeOf('a')).digest('hex')))
  again.close()
})

test('what is wrong with a code is said, and nothing is kept', async () => {
  const gateway = await fresh()
  await assert.rejects(gateway.enrol('gwc_x', control), /this is no code/)
  await assert.rejects(gateway.enrol(codeOf('b'), control), /this code enrols nobody; a code is good once/)
  isLost = true
  await assert.rejects(gateway.enrol(codeOf('a'), control), /did not answer/)
  isLost = false
  assert.equal(gateway.enrolment, undefined)
  // The same key asks again, so that control knows it for the one that did not hear the answer.
  await gateway.enrol(codeOf('a'), control)
  await link(gateway)
  gateway.close()
})

test('a certificate is renewed over the link when two thirds of its thirty days are over, for the same key alone', async () => {
  const gateway = await fresh()
  await gateway.enrol(codeOf('a'), control)
  const first = gateway.identity().certificate
  const key = keyOf(gateway)
  const ask = async (request: string) => {
    const certified = await authority.certify(request, key)
    return certified.ok ? done(certified.value.certificate) : certified
  }
  const never = () => Promise.reject(new Error('it is not asked yet'))
  assert.deepEqual(await gateway.renew(now + 19 * day, never), done(false))
  assert.deepEqual(await gateway.renew(now + 21 * day, () => Promise.resolve(refuse('control.unreachable'))), refuse('control.unreachable'))
  assert.equal(gateway.identity().certificate, first)
  const other = await fresh()
  await other.enrol(codeOf('a'), control)
  const wrong = [other.identity().certificate, 'nothing', authority.certificate]
  for (const certificate of wrong) assert.equal((await gateway.renew(now + 21 * day, () => Promise.resolve(done(certificate)))).ok, false)
  assert.equal(gateway.identity().certificate, first)
  now += 21 * day
  assert.deepEqual(await gateway.renew(now, ask), done(true))
  assert.notEqual(gateway.identity().certificate, first)
  const request = await requestOf(other)
  assert.equal((await ask(request)).ok, false, 'control gives none for another key')
  now -= 21 * day
  other.close()
  gateway.close()
  const again = await GatewayFolder.open(join(folder, `gateway-${folders - 1}`))
  assert.notEqual(again.identity().certificate, first)
  again.close()
})

test('a gateway whose certificate is out of its time says what to do', async () => {
  const gateway = await fresh()
  assert.equal(gateway.whyNotTaken(now), undefined)
  await gateway.enrol(codeOf('a'), control)
  assert.equal(gateway.whyNotTaken(now), undefined)
  assert.equal(gateway.whyNotTaken(now + 29 * day), undefined)
  assert.match(gateway.whyNotTaken(now + 31 * day) ?? '', /ended on .* remit gateways invite edge-1 --gateway edge; .* with another --data/)
  assert.match(gateway.whyNotTaken(now - day) ?? '', /not valid before .* set this machine's clock/)
  gateway.close()
})

test('a broken folder, and one that another process has, is said', async () => {
  const gateway = await fresh()
  await assert.rejects(GatewayFolder.open(join(folder, `gateway-${folders}`)), /another process has this data folder/)
  await gateway.enrol(codeOf('a'), control)
  await gateway.saw(7)
  gateway.close()
  writeFileSync(join(folder, `gateway-${folders}`, 'keys', 'enrolment.json'), '{"self":{}}')
  await assert.rejects(GatewayFolder.open(join(folder, `gateway-${folders}`)), /is no message|member/)
  rmSync(join(folder, `gateway-${folders}`, 'keys', 'enrolment.json'))
  const again = await GatewayFolder.open(join(folder, `gateway-${folders}`))
  assert.equal(await again.epochSeen(), 7)
  again.close()
})

function keyOf(gateway: GatewayFolder): string {
  const { publicKey } = new X509Certificate(gateway.identity().certificate)
  return createHash('sha256')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest('hex')
}

async function requestOf(gateway: GatewayFolder): Promise<string> {
  let seen = ''
  await gateway.renew(now + 21 * day, (request) => {
    seen = request
    return Promise.resolve(refuse('control.unreachable'))
  })
  return seen
}
