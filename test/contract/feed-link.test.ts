/** What must hold of a link of the feed, whatever carries it: in memory, and over real TLS. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type FeedLink, messageBytesMax, waitingBytesMax } from '../../src/feed/link.ts'
import { openFeedAuthority } from '../../src/host/feed-authority.ts'
import { makeDial } from '../../src/host/feed-dial.ts'
import { certificateRequest, loadOrMakeFeedKey } from '../../src/host/feed-key.ts'
import { openFeedListener } from '../../src/host/feed-listener.ts'
import type { FeedWire } from '../../src/host/feed-wire.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { linkPair } from '../world/link-pair.ts'

type Pair = readonly [gateway: FeedLink, control: FeedLink]

const rows: readonly (readonly [says: string, run: (pair: Pair) => Promise<void>])[] = [
  [
    'messages arrive whole, in order, in both directions',
    async ([one, two]) => {
      const [atOne, atTwo] = [hear(one), hear(two)]
      const sent = Array.from({ length: 200 }, (_, place) => `${place} ${'é'.repeat((place * 997) % 20_000)}`)
      for (const message of sent) one.send(message)
      for (const message of sent.toReversed()) two.send(message)
      await until(() => atTwo.length === 200 && atOne.length === 200)
      assert.deepEqual(atTwo, sent)
      assert.deepEqual(atOne, sent.toReversed())
      await until(() => one.waitingBytes === 0 && two.waitingBytes === 0)
    },
  ],
  [
    'what came before anybody listened waits for the listener',
    async ([one, two]) => {
      one.send('first')
      one.send('second')
      await turns()
      const heard = hear(two)
      one.send('third')
      await until(() => heard.length === 3)
      assert.deepEqual(heard, ['first', 'second', 'third'])
    },
  ],
  [
    'a close is heard once, at both ends, and at once by whoever asks later',
    async ([one, two]) => {
      const reasons: string[] = []
      hear(one)
      hear(two)
      one.onClose((reason) => reasons.push(`one: ${reason}`))
      two.onClose(() => reasons.push('two'))
      one.close('enough')
      one.close('again')
      await until(() => reasons.length === 2)
      two.close('later')
      await turns()
      assert.deepEqual(reasons, ['one: enough', 'two'])
      one.onClose((reason) => reasons.push(`late: ${reason}`))
      assert.equal(reasons[2], 'late: enough')
    },
  ],
  [
    'what is sent before a close arrives; after it nothing is sent, nothing is heard, and nothing is thrown',
    async ([one, two]) => {
      const [atOne, atTwo] = [hear(one), hear(two)]
      one.send('last words')
      one.close('enough')
      one.send('too late')
      two.send('nobody hears this')
      await until(() => atTwo.length === 1)
      await turns()
      assert.deepEqual(atTwo, ['last words'])
      assert.deepEqual(atOne, [])
    },
  ],
  [
    'whoever closes while hearing one message hears no other',
    async ([one, two]) => {
      const heard: string[] = []
      two.onMessage((message) => {
        heard.push(message)
        two.close('one is enough')
      })
      for (const message of ['a', 'b', 'c']) one.send(message)
      await new Promise((resolve) => one.onClose(resolve))
      assert.deepEqual(heard, ['a'])
    },
  ],
]

const folder = mkdtempSync(join(tmpdir(), 'remit-link-'))
const authority = mustBe(await openFeedAuthority(join(folder, 'control')))
const key = mustBe(await loadOrMakeFeedKey(join(folder, 'gateway')))
const { certificate } = mustBe(await authority.certify(certificateRequest(key)))
const limits = { messageBytesMax, waitingBytesMax, silenceMs: 15_000 }
let came = (_link: FeedWire) => {}
const listener = await openFeedListener({
  authority,
  host: '127.0.0.1',
  port: 0,
  limits,
  log: { warn: () => {} },
  onLink: (link) => came(link),
  mayEnrol: () => false,
  onEnrol: () => Promise.reject(new Error('nobody enrols here')),
})
after(async () => {
  await listener.close()
  rmSync(folder, { recursive: true })
})
const dial = makeDial({
  addresses: [{ host: '127.0.0.1', port: listener.port }],
  authority: authority.certificate,
  identity: () => ({ certificate, key: key.export({ format: 'pem', type: 'pkcs8' }).toString() }),
  limits,
})

const ways: readonly (readonly [string, () => Promise<Pair>])[] = [
  ['in memory', () => Promise.resolve(linkPair())],
  [
    'over TLS',
    async () => {
      const control = new Promise<FeedWire>((resolve) => (came = resolve))
      return [await dial(), await control]
    },
  ],
]

for (const [way, open] of ways)
  for (const [says, run] of rows)
    test(`${way}: ${says}`, async () => {
      const pair = await open()
      await run(pair)
      for (const link of pair) link.close('the test is over')
    })

function hear(link: FeedLink): string[] {
  const heard: string[] = []
  link.onMessage((message) => heard.push(message))
  return heard
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turns()
}

function turns(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2))
}
