/** A hash that is made late: the same as at once, wherever a piece ends, and it keeps nothing of what it was made of. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { LateHash } from './late-hash.ts'

function atOnce(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex')
}

for (const length of [0, 1, 65_535, 65_536, 65_537, 300_000])
  test(`${length} of anything have the hash that they have at once`, () => {
    for (const content of [Buffer.alloc(length, 'b'), 'é'.repeat(length), `a${'😀'.repeat(length)}`]) {
      assert.equal(new LateHash(content).hex(), atOnce(content))
      const late = new LateHash(content)
      while (!late.step());
      assert.equal(late.hex(), atOnce(content))
      assert.equal(late.step(), true)
    }
  })

test('what was hashed is let go of, though the hash is kept', () => {
  setFlagsFromString('--expose_gc')
  const collect = runInNewContext('gc') as () => void
  const hashes = Array.from({ length: 20 }, (_, at) => new LateHash(Buffer.alloc(1_000_000, at)))
  const texts = hashes.map((late) => late.hex())
  const held = () => {
    for (let round = 0; round < 3; round += 1) collect()
    return process.memoryUsage().arrayBuffers
  }
  assert.ok(held() < 10_000_000, `${held()} bytes`)
  assert.deepEqual(
    hashes.map((late) => late.hex()),
    texts,
  )
})
