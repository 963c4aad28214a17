import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addPiece } from './whole-body.ts'

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
