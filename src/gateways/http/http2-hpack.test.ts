import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeHuffmanTable, staticFields } from './http2-hpack-tables.ts'
import { encodeFields, HpackDecoder } from './http2-hpack.ts'

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')

/** RFC 7541, appendix C: each group is one connection. */
const examples: readonly (readonly [says: string, blocks: readonly (readonly [hex: string, fields: string])[]])[] = [
  ['C.2.1 a literal that is kept', [['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', 'custom-key custom-header']]],
  ['C.2.2 a literal that is not kept', [['040c 2f73 616d 706c 652f 7061 7468', ':path /sample/path']]],
  ['C.2.3 a literal that is never kept', [['1008 7061 7373 776f 7264 0673 6563 7265 74', 'password secret']]],
  ['C.2.4 an index', [['82', ':method GET']]],
  [
    'C.3 requests without Huffman',
    [
      ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', ':method GET :scheme http :path / :authority www.example.com'],
      ['8286 84be 5808 6e6f 2d63 6163 6865', ':method GET :scheme http :path / :authority www.example.com cache-control no-cache'],
      [
        '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
        ':method GET :scheme https :path /index.html :authority www.example.com custom-key custom-value',
      ],
    ],
  ],
  [
    'C.4 requests with Huffman',
    [
      ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', ':method GET :scheme http :path / :authority www.example.com'],
      ['8286 84be 5886 a8eb 1064 9cbf', ':method GET :scheme http :path / :authority www.example.com cache-control no-cache'],
      [
        '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
        ':method GET :scheme https :path /index.html :authority www.example.com custom-key custom-value',
      ],
    ],
  ],
]

for (const [says, blocks] of examples)
  test(says, () => {
    const decoder = new HpackDecoder()
    for (const [hex, fields] of blocks) assert.equal(decoder.decode(bytes(hex), 16_384)?.fields.join(' '), fields)
  })

test('what is kept leaves when there is no room, and a table of nothing keeps nothing', () => {
  const decoder = new HpackDecoder()
  const kept = (name: string, size: number) =>
    Buffer.concat([Buffer.from([0x40, 1]), Buffer.from(name), Buffer.from([0x7f, ...integer(size)]), Buffer.alloc(size, 120)])
  const integer = (value: number) => [((value - 127) & 127) | 128, (value - 127) >>> 7]
  const first = (index: number) => decoder.decode(Buffer.from([0x80 | index]), 16_384)?.fields[0]
  decoder.decode(Buffer.concat([kept('a', 1_500), kept('b', 1_500)]), 16_384)
  assert.deepEqual([first(62), first(63)], ['b', 'a'])
  decoder.decode(kept('c', 1_500), 16_384)
  assert.deepEqual([first(62), first(63), first(64)], ['c', 'b', undefined])
  // Larger than the table: it empties it (RFC 7541 §4.4).
  decoder.decode(kept('d', 5_000), 16_384)
  assert.equal(first(62), undefined)
  decoder.decode(kept('e', 200), 16_384)
  assert.equal(first(62), 'e')
  decoder.decode(Buffer.from([0x20]), 16_384)
  assert.equal(first(62), undefined)
})

test('fields beyond the bound are read and not kept', () => {
  const decoder = new HpackDecoder()
  const field = bytes('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572')
  assert.deepEqual(decoder.decode(Buffer.concat([field, bytes('be be')]), 60), {
    fields: ['custom-key', 'custom-header'],
    isTooLarge: true,
  })
  assert.deepEqual(decoder.decode(bytes('be'), 60), { fields: ['custom-key', 'custom-header'], isTooLarge: false })
})

test('the tables are those of RFC 7541', () => {
  assert.equal(staticFields.length, 61)
  assert.deepEqual(
    [staticFields[0], staticFields[15], staticFields[60]],
    [
      [':authority', ''],
      ['accept-encoding', 'gzip, deflate'],
      ['www-authenticate', ''],
    ],
  )
  const { steps, mayEnd } = makeHuffmanTable()
  assert.equal(steps.length, 256 * 16)
  assert.equal(mayEnd.filter(Boolean).length, 8)
})

test('what we write is read again, by any bytes', () => {
  const text = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 300 })
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 599 }),
      fc.array(
        fc.tuple(
          text.map((each) => each.toLowerCase()),
          text,
        ),
      ),
      (status, all) => {
        const flat = all.flat()
        const decoded = new HpackDecoder().decode(Buffer.from(encodeFields(status, flat), 'latin1'), 1_000_000)
        assert.deepEqual(decoded?.fields, [':status', `${status}`, ...flat.map((each, at) => (at % 2 === 0 ? each.toLowerCase() : each))])
      },
    ),
  )
})

test('noise is fields or nothing, and never more than the bound', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (blocks) => {
      const decoder = new HpackDecoder()
      for (const block of blocks) {
        const decoded = decoder.decode(Buffer.from(block), 1_000)
        if (decoded === undefined) return
        assert.ok(decoded.fields.join('').length <= 1_000)
      }
    }),
    { numRuns: 2_000 },
  )
})
