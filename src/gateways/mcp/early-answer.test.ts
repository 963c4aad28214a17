import assert from 'node:assert/strict'
import test from 'node:test'
import { EarlyAnswer } from './early-answer.ts'
import { defaultLimits } from './limits.ts'
import { StreamNotices } from './stream-notices.ts'

const response = '{"jsonrpc":"2.0","id":1,"result":{"resultType":"task","taskId":"a\\"}"}}'
const notice = '{"jsonrpc":"2.0","method":"notifications/progress","params":{}}'

/** Whatever pieces it comes in: heard once, and by the piece that ends it. */
function pieces(text: string, size: number): Buffer[] {
  const bytes = Buffer.from(text)
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_none, at) => bytes.subarray(at * size, (at + 1) * size))
}

for (const [says, form, text, want] of [
  ['JSON', 'json', response, 1],
  ['JSON with blanks after it', 'json', `${response} \r\n`, 1],
  ['events, the response last', 'events', `data: ${notice}\n\ndata: ${response}\n\n`, 1],
  ['two responses', 'events', `data: ${response}\n\ndata: ${response}\n\n`, 1],
  ['something else', 'other', response, 0],
  ['a response that is too long for one', 'json', response.replace('"a', `"${'x'.repeat(70_000)}`), 0],
  ['an event that is too long for one', 'events', `data: ${'x'.repeat(70_000)}\n\n`, 0],
  ['no message', 'json', '{"a":{"b":1}}', 0],
  ['half of one', 'json', response.slice(0, -1), 0],
] as const)
  test(`an early answer: ${says}`, () => {
    for (const size of [1, 7, 100_000]) {
      if (text.length > 10_000 && size === 1) continue
      let heard = 0
      let passed = 0
      const inner = { onData: (bytes: Uint8Array) => void (passed += bytes.byteLength), onOver: () => undefined }
      const ear = new EarlyAnswer(inner, defaultLimits, () => void (heard += 1))
      ear.onHead(form)
      for (const piece of pieces(text, size)) ear.onData(piece)
      assert.equal(heard, want, `${size}`)
      ear.onOver(true)
      assert.deepEqual([heard, passed], [want, Buffer.byteLength(text)])
    }
  })

test('an early answer of a server that makes thousands of pieces end as if it were over costs no more than its bytes', () => {
  const ear = new EarlyAnswer(undefined, defaultLimits, () => assert.fail('it is not over'))
  ear.onHead('json')
  const before = process.cpuUsage()
  ear.onData(Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"a":[{}'))
  for (let round = 0; round < 21_000; round += 1) ear.onData(Buffer.from(',{}'))
  const { user, system } = process.cpuUsage(before)
  assert.ok(user + system < 1_000_000, `${(user + system) / 1_000} ms`)
})

const complete = Buffer.from('{"jsonrpc":"2.0"}')
const event = 'event: message\ndata: {"jsonrpc":"2.0"}\n\n'

for (const [says, before, after, want] of [
  ['on a stream that is silent', '', '', event],
  ['after an event', 'data: 1\n\n', '', `data: 1\n\n${event}`],
  ['after an event with other line ends', 'data: 1\r\n\r\n', '', `data: 1\r\n\r\n${event}`],
  ['in the middle of an event', 'data: 1\n', '\ndata: 2\n\n', `data: 1\n\ndata: 2\n\n${event}`],
  ['after a line that ends in CR LF', 'data: 1\r\n', 'data: 2\r\n\r\n', `data: 1\r\ndata: 2\r\n\r\n${event}`],
  ['where the event never ends', 'data: 1\n', 'data: 2\n', 'data: 1\ndata: 2\n'],
] as const)
  test(`a notice of our own: ${says}`, async () => {
    for (const size of [1, 3, 1_000]) {
      const written: Buffer[] = []
      const answer = { write: (bytes: Uint8Array) => written.push(Buffer.from(bytes)) > 0 }
      const stream = new StreamNotices(answer, () => {})
      const pass = async (text: string) => {
        for (const piece of pieces(text, size)) {
          stream.onData(piece)
          answer.write(piece)
        }
        await Promise.resolve()
      }
      stream.onHead('events')
      await pass(before)
      stream.send(complete)
      await pass(after)
      assert.equal(Buffer.concat(written).toString(), want, `${size}`)
      stream.onOver()
      stream.send(complete)
      assert.equal(Buffer.concat(written).toString(), want)
    }
  })

test('a notice of our own: not on a stream whose length was said', async () => {
  const written: Uint8Array[] = []
  const stream = new StreamNotices({ write: (bytes) => written.push(bytes) > 0 }, () => {})
  stream.onHead('events', 20)
  stream.send(complete)
  stream.onData(Buffer.from('data: 1\n\n'))
  await Promise.resolve()
  assert.deepEqual([stream.isOpen, written], [false, []])
})
