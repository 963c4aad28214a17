import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type AnswerListener, AnswerParser, HeadBefore } from './answer-parser.ts'

interface Read {
  readonly end: string
  readonly whole: boolean
  readonly status?: number
  readonly headers?: readonly string[]
  readonly body: string
  readonly keepsOpen: boolean
}

/** Reads these pieces as they come, then the end of the connection where nothing has ended before. */
function read(pieces: readonly string[], { method = 'GET', headBytesMax = 200, before = new HeadBefore() } = {}): Read {
  let status: number | undefined
  let headers: readonly string[] | undefined
  let body = ''
  let ends = 0
  const listener: AnswerListener = {
    onHead: (head) => {
      assert.equal(status, undefined, 'one head')
      status = head.status
      headers = head.headers
    },
    onData: (bytes) => {
      assert.equal(ends, 0, 'nothing after the end')
      assert.ok(bytes.byteLength > 0)
      body += bytes.toString('latin1')
    },
    onEnd: () => {
      ends += 1
    },
    onInterim: (interim) => assert.ok(status === undefined && interim < 200),
    onSwitch: () => assert.fail('nobody asked for it'),
  }
  const parser = new AnswerParser({ method, headBytesMax, listener, before })
  let end = 'more'
  for (const piece of pieces) {
    if (end === 'more' || end === 'over') end = parser.push(Buffer.from(piece, 'latin1'))
  }
  const whole = end === 'more' ? parser.close() : end === 'over' || end === 'excess'
  assert.equal(ends, whole ? 1 : 0)
  return {
    end,
    whole,
    body,
    keepsOpen: parser.keepsOpen,
    ...(status === undefined ? {} : { status }),
    ...(headers === undefined ? {} : { headers }),
  }
}

const ok = 'HTTP/1.1 200 OK\r\n'

/** What it is; its bytes; how reading ends; the body; whether the connection may be used again. */
const answers: readonly (readonly [says: string, bytes: string, end: string, body?: string, keepsOpen?: boolean])[] = [
  ['a length', `${ok}Content-Length: 3\r\n\r\nabc`, 'over', 'abc', true],
  ['a length of nothing', `${ok}Content-Length: 0\r\n\r\n`, 'over', '', true],
  ['chunks', `${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n`, 'over', 'abc0123456789', true],
  ['chunks and trailers', `${ok}Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n`, 'over', 'a', true],
  ['a body up to the end', `${ok}X-A: 1\r\n\r\nabc`, 'more', 'abc', false],
  ['no body by its status', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', 'over', '', true],
  ['not modified', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', 'over', '', true],
  ['no reason', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', 'over', '', true],
  [
    'interim answers first',
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n${ok}Content-Length: 1\r\n\r\na`,
    'over',
    'a',
    true,
  ],
  ['that it closes', `${ok}Connection: x, Close\r\nContent-Length: 0\r\n\r\n`, 'over', '', false],
  ['an older version', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na', 'over', 'a', false],
  ['bytes after its end', `${ok}Content-Length: 1\r\n\r\nab`, 'excess', 'a', true],
  ['a second answer', `${ok}Content-Length: 0\r\n\r\n${ok}Content-Length: 0\r\n\r\n`, 'excess', '', true],

  ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n', 'malformed'],
  ['another version', 'HTTP/2.0 200 OK\r\n\r\n', 'malformed'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'malformed'],
  ['a change of protocol', 'HTTP/1.1 101 Switching\r\n\r\n', 'malformed'],
  ['interim answers without end', `${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(17)}${ok}Content-Length: 0\r\n\r\n`, 'malformed'],
  ['a bare line feed', 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n', 'malformed'],
  ['a carriage return in a value', `${ok}X-A: a\rb\r\n\r\n`, 'malformed'],
  ['a NUL in a value', `${ok}X-A: a\0b\r\n\r\n`, 'malformed'],
  ['a folded line', `${ok}X-A: a\r\n b\r\n\r\n`, 'malformed'],
  ['a space before the colon', `${ok}X-A : a\r\n\r\n`, 'malformed'],
  ['no name', `${ok}: a\r\n\r\n`, 'malformed'],
  ['no colon', `${ok}X-A\r\n\r\n`, 'malformed'],
  ['two lengths', `${ok}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`, 'malformed'],
  ['a list of lengths', `${ok}Content-Length: 1, 1\r\n\r\na`, 'malformed'],
  ['a length with a sign', `${ok}Content-Length: +1\r\n\r\na`, 'malformed'],
  ['a length in hexadecimal', `${ok}Content-Length: 0x1\r\n\r\na`, 'malformed'],
  ['length and chunks', `${ok}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 'malformed'],
  ['a coding beside chunks', `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 'malformed'],
  ['chunks twice', `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 'malformed'],
  ['chunks in an older version', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'malformed'],
  ['a chunk without a size', `${ok}Transfer-Encoding: chunked\r\n\r\n\r\nabc`, 'malformed'],
  ['a size with a sign', `${ok}Transfer-Encoding: chunked\r\n\r\n-1\r\n`, 'malformed'],
  ['a size that no number holds', `${ok}Transfer-Encoding: chunked\r\n\r\n${'f'.repeat(14)}\r\n`, 'malformed'],
  ['a chunk longer than its size', `${ok}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n`, 'malformed'],
  ['a chunk that ends in a line feed', `${ok}Transfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n`, 'malformed'],
  ['a chunk line without end', `${ok}Transfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(2_000)}`, 'malformed'],
  ['a trailer that is none', `${ok}Transfer-Encoding: chunked\r\n\r\n0\r\nnot a header\r\n\r\n`, 'malformed'],
  ['a head beyond its bound', `${ok}X-A: ${'a'.repeat(200)}\r\n\r\n`, 'malformed'],
  ['a head beyond its bound without an end', `${ok}X-A: ${'a'.repeat(200)}`, 'malformed'],
]

for (const [says, bytes, end, body = '', keepsOpen] of answers) {
  test(`an answer with ${says} is ${end}`, () => {
    const got = read([bytes])
    assert.equal(got.end, end)
    if (end === 'malformed') return
    assert.equal(got.whole, true)
    assert.equal(got.body, body)
    assert.equal(got.keepsOpen, keepsOpen)
  })
}

test('however the bytes are cut, the same is read', () => {
  fc.assert(
    fc.property(fc.constantFrom(...answers), fc.array(fc.nat(300)), ([, bytes], cuts) => {
      const places = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((left, right) => left - right), bytes.length]
      const pieces = places.slice(1).map((place, at) => bytes.slice(places[at], place))
      const cut = read(pieces)
      const whole = read([bytes])
      // A piece after the last byte of an answer is heard as excess one step later, or not at all.
      const settled = ({ end, ...rest }: Read) => ({ ...rest, end: end === 'excess' ? 'over' : end })
      assert.deepEqual(settled(cut), settled(whole))
    }),
    { numRuns: 2_000 },
  )
})

test('after whatever came before on its connection, an answer reads as it does alone', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...answers), fc.constantFrom('GET', 'HEAD')), { minLength: 2, maxLength: 6 }), (said) => {
      const before = new HeadBefore()
      for (const [[, bytes], method] of said) assert.deepEqual(read([bytes], { method, before }), read([bytes], { method }))
    }),
    { numRuns: 2_000 },
  )
})

test('what breaks off is not whole', () => {
  for (const bytes of [
    `${ok}Content-Length: 3\r\n\r\nab`,
    `${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`,
    'HTTP/1.1 200 OK\r\nX-',
  ]) {
    const got = read([bytes])
    assert.deepEqual([got.end, got.whole], ['more', false])
  }
})

test('an answer to HEAD has no body, whatever it says', () => {
  const got = read([`${ok}Content-Length: 3\r\n\r\n`], { method: 'HEAD' })
  assert.deepEqual([got.end, got.body], ['over', ''])
})

test('values lose spaces and tabs around them, nothing else', () => {
  assert.deepEqual(read([`${ok}X-A: \t a\u00a0 b\u00a0 \t\r\nContent-Length: 0\r\n\r\n`]).headers, [
    'X-A',
    'a\u00a0 b\u00a0',
    'Content-Length',
    '0',
  ])
})
