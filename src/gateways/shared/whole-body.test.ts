import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mustBe } from '../../kernel/result.ts'
import { TestClock } from '../../../test/world/clock.ts'
import type { BodyReader, ClientStream } from './client-stream.ts'
import { addPiece, WholeBody } from './whole-body.ts'

test('a body that comes byte by byte is kept in pieces of some size, and a large piece as it is', () => {
  const pieces: Buffer[] = []
  const large = Buffer.alloc(50_000, 'l')
  for (let at = 0; at < 65_536; at += 1) addPiece(pieces, Buffer.from([at & 255]))
  addPiece(pieces, large)
  assert.equal(pieces.length, 17)
  assert.equal(pieces.at(-1), large)
  const whole = Buffer.concat(pieces)
  assert.equal(whole.byteLength, 115_536)
  assert.deepEqual([whole[255], whole[256], whole[65_535]], [255, 0, 255])
})

/** A stream that tells its body piece by piece, as the test says. */
function telling(): { readonly stream: Pick<ClientStream, 'read'>; readonly reader: () => BodyReader } {
  let reader: BodyReader | undefined
  return {
    stream: { read: (given) => (reader = given) },
    reader: () => reader ?? assert.fail('nobody reads'),
  }
}

for (const [says, length] of [
  ['said', 1_000_000],
  ['not said', undefined],
] as const)
  test(`a long body whose length is ${says} is whole to the byte, however it was cut`, async () => {
    const body = Buffer.from(Array.from({ length: 1_000_000 }, (_, at) => (at * 7) & 255))
    for (const size of [13_007, 65_536, 200_000, 1_000_000]) {
      const { stream, reader } = telling()
      const bounds = { bytesMax: 1_000_000, milliseconds: 1_000, tooLarge: 'input.too-large', clock: new TestClock() } as const
      const reading = new WholeBody(stream, length === undefined ? bounds : { ...bounds, length })
      for (let at = 0; at < body.byteLength; at += size) reader().onBody(body.subarray(at, at + size))
      reader().onBodyEnd()
      assert.ok(mustBe(await reading.whole).equals(body), `in pieces of ${size}`)
    }
  })

test('memory for a body is taken when an eighth of it has come, whatever its sender says of the length', async () => {
  const { stream, reader } = telling()
  const bounds = {
    bytesMax: 4_000_000,
    length: 4_000_000,
    milliseconds: 1_000,
    tooLarge: 'input.too-large',
    clock: new TestClock(),
  } as const
  const reading = new WholeBody(stream, bounds)
  const before = process.memoryUsage().arrayBuffers
  reader().onBody(Buffer.allocUnsafeSlow(100_000))
  assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000)
  reading.abandon()
  assert.equal((await reading.whole).ok, false)
})
