/** Requests as bytes: what is read, what is refused, and that neither depends on how the bytes were cut. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { BodyParser, headerBlockOf, readHead, readHeadAgain, type RequestHead, targetOf } from './request-parser.ts'

const headBytesMax = 400

interface Read {
  readonly head?: RequestHead
  readonly refused?: string
  readonly detail?: string
  readonly body: string
  readonly whole: boolean
  readonly rest: string
}

/** Reads one request as its pieces come, keeping what cannot be taken yet as a connection does. */
function read(pieces: readonly string[]): Read {
  let kept = Buffer.alloc(0)
  let seen = 0
  let head: RequestHead | undefined
  let body = ''
  let ends = 0
  let parser: BodyParser | undefined
  const listener = {
    onBody: (bytes: Buffer) => {
      assert.ok(bytes.byteLength > 0 && ends === 0)
      body += bytes.toString('latin1')
    },
    onBodyEnd: () => {
      ends += 1
    },
  }
  for (const piece of pieces) {
    kept = Buffer.concat([kept, Buffer.from(piece, 'latin1')])
    if (head === undefined) {
      const found = readHead(kept, seen, headBytesMax)
      if (!found.ok) return { refused: found.refusal.code, detail: found.refusal.detail ?? '', body, whole: false, rest: '' }
      seen = kept.byteLength
      if (found.value === undefined) continue
      head = found.value.head
      parser = new BodyParser(head.framing)
      kept = kept.subarray(found.value.bytes)
    }
    while (parser !== undefined && !parser.isWhole && kept.byteLength > 0) {
      const taken = parser.step(kept, listener)
      if (!taken.ok) return { head, refused: taken.refusal.code, detail: taken.refusal.detail ?? '', body, whole: false, rest: '' }
      if (taken.value === 0) break
      kept = kept.subarray(taken.value)
    }
  }
  const whole = parser?.isWhole === true
  assert.equal(ends, whole && head?.framing !== 0 ? 1 : 0)
  return { ...(head === undefined ? {} : { head }), body, whole, rest: kept.toString('latin1') }
}

const get = 'GET /a HTTP/1.1\r\nHost: shop.test\r\n'
const post = 'POST /a HTTP/1.1\r\nHost: shop.test\r\n'
const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`

const accepted: readonly (readonly [says: string, bytes: string, body: string, rest?: string])[] = [
  ['no body', `${get}\r\n`, ''],
  ['no body, and the next request', `${get}\r\nGET /b`, '', 'GET /b'],
  ['a length', `${post}Content-Length: 3\r\n\r\nabc`, 'abc'],
  ['a length, and the next request', `${post}Content-Length: 3\r\n\r\nabcGET`, 'abc', 'GET'],
  ['chunks', `${chunked}3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n`, 'abc0123456789'],
  ['chunks, and the next request', `${chunked}1\r\na\r\n0\r\n\r\nGET`, 'a', 'GET'],
  ['a chunk with line ends in it', `${chunked}4\r\n\r\n\r\n\r\n0\r\n\r\n`, '\r\n\r\n'],
  ['an extension', `${chunked}1;a;b=c;d="e f\\""\r\na\r\n0\r\n\r\n`, 'a'],
  ['trailers', `${chunked}1\r\na\r\n0\r\nX-Sum: 1\r\nX-More:\r\n\r\n`, 'a'],
  ['white space around a value', `${get}X-A: \t b \t\r\n\r\n`, ''],
]

for (const [says, bytes, body, rest = ''] of accepted) {
  test(`read: ${says}`, () => {
    const found = read([bytes])
    assert.deepEqual([found.refused, found.body, found.whole, found.rest], [undefined, body, true, rest])
  })
}

const refused: readonly (readonly [says: string, bytes: string, code: string, detail: RegExp])[] = [
  ['an empty line first', `\r\n${get}\r\n`, 'input.malformed', /empty line/],
  ['HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', 'input.malformed', /only HTTP\/1\.1/],
  ['HTTP/0.9', 'GET /\r\n', 'input.malformed', /not HTTP\/1\.1/],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'input.malformed', /only HTTP\/1\.1/],
  ['a lowercase version', 'GET / http/1.1\r\n\r\n', 'input.malformed', /not HTTP\/1\.1/],
  ['two spaces', 'GET  / HTTP/1.1\r\n\r\n', 'input.malformed', /not HTTP\/1\.1/],
  ['a tab', 'GET\t/ HTTP/1.1\r\n\r\n', 'input.malformed', /not HTTP\/1\.1/],
  ['a space in the target', 'GET /a b HTTP/1.1\r\n\r\n', 'input.malformed', /not HTTP\/1\.1/],
  ['a method in lowercase', 'get / HTTP/1.1\r\n\r\n', 'input.malformed', /method/],
  ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n', 'input.invalid', /CONNECT/],
  ['a bare line feed', 'GET / HTTP/1.1\nHost: a\n\n', 'input.malformed', /line feed/],
  ['a bare line feed between headers', `${get}A: b\nC: d\r\n\r\n`, 'input.malformed', /line feed/],
  ['a bare carriage return', `${get}A: b\rC: d\r\n\r\n`, 'input.malformed', /carriage return/],
  ['two carriage returns', `${get}A: b\r\r\n\r\n`, 'input.malformed', /carriage return/],
  ['a NUL', `${get}A: b\0c\r\n\r\n`, 'input.malformed', /character/],
  ['a folded header', `${get}A: b\r\n c\r\n\r\n`, 'input.malformed', /next line/],
  ['a space before the colon', `${get}A : b\r\n\r\n`, 'input.malformed', /before the colon/],
  ['a header without a name', `${get}: b\r\n\r\n`, 'input.malformed', /character/],
  ['a header without a colon', `${get}b\r\n\r\n`, 'input.malformed', /character/],
  ['a name with a byte above ASCII', `${get}\xc3\x84: b\r\n\r\n`, 'input.malformed', /character/],
  ['length and chunks', `${post}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, 'input.malformed', /exclude/],
  ['two lengths that agree', `${post}Content-Length: 1\r\ncontent-length: 1\r\n\r\na`, 'input.malformed', /twice/],
  ['two lengths in one', `${post}Content-Length: 1, 1\r\n\r\na`, 'input.malformed', /not a number/],
  ['a length with a sign', `${post}Content-Length: -1\r\n\r\n`, 'input.malformed', /not a number/],
  ['a length without digits', `${post}Content-Length:\r\n\r\n`, 'input.malformed', /not a number/],
  ['a length with a leading zero', `${post}Content-Length: 01\r\n\r\na`, 'action.ambiguous', /plain/],
  ['a length beyond every number', `${post}Content-Length: 9999999999999999\r\n\r\n`, 'action.ambiguous', /plain/],
  ['two codings', `${post}Transfer-Encoding: gzip, chunked\r\n\r\n`, 'input.invalid', /chunked only/],
  ['chunked twice', `${post}Transfer-Encoding: chunked, chunked\r\n\r\n`, 'input.invalid', /chunked only/],
  ['chunked in capitals', `${post}Transfer-Encoding: Chunked\r\n\r\n`, 'input.invalid', /chunked only/],
  ['chunked with a parameter', `${post}Transfer-Encoding: chunked;q=1\r\n\r\n`, 'input.invalid', /chunked only/],
  ['identity', `${post}Transfer-Encoding: identity\r\n\r\n`, 'input.invalid', /chunked only/],
  ['two coding headers', `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`, 'input.malformed', /twice/],
  ['a head beyond its bound', `${get}A: ${'a'.repeat(400)}`, 'input.too-large', /head/],
  ['a chunk without a size', `${chunked}\r\n`, 'input.malformed', /plain size/],
  ['a chunk size with a sign', `${chunked}+1\r\na\r\n`, 'input.malformed', /plain size/],
  ['a chunk size as 0x', `${chunked}0x1\r\na\r\n`, 'input.malformed', /plain size/],
  ['a chunk size beyond every number', `${chunked}fffffffffffffff\r\n`, 'input.malformed', /plain size/],
  ['a space after a chunk size', `${chunked}1 \r\na\r\n`, 'input.malformed', /plain size/],
  ['a chunk line that ends in a line feed alone', `${chunked}1\na\r\n`, 'input.malformed', /plain size/],
  ['a carriage return in an extension', `${chunked}1;a\rb\r\na\r\n`, 'input.malformed', /plain size/],
  ['a chunk longer than it says', `${chunked}1\r\nab\r\n`, 'input.malformed', /longer/],
  ['an extension beyond its bound', `${chunked}1;${'a'.repeat(300)}`, 'input.malformed', /too long/],
  ['extensions without end', `${chunked}${`1;${'a'.repeat(200)}\r\na\r\n`.repeat(100)}`, 'input.malformed', /too much/],
  ['a trailer that is no header', `${chunked}0\r\nno header\r\n\r\n`, 'input.malformed', /trailer/],
  ['a trailer that goes on', `${chunked}0\r\nA: b\r\n c\r\n\r\n`, 'input.malformed', /trailer/],
  ['trailers without end', `${chunked}0\r\n${'A: b\r\n'.repeat(4_000)}`, 'input.malformed', /too much/],
]

for (const [says, bytes, code, detail] of refused) {
  test(`refused: ${says}`, () => {
    const found = read([bytes])
    assert.equal(found.refused, code, JSON.stringify(found))
    assert.match(found.detail ?? '', detail)
  })
}

test('what cannot become a request is refused before its head ends', () => {
  for (const bytes of ['\x16\x03\x01', 'SSH-2.0-x\r\n', ' GET', 'GET / HTTP/1.1\r\nA: b\nC', 'GET / HTTP/9', 'GET /\x80'])
    assert.equal(read([bytes]).refused, bytes === 'GET / HTTP/9' ? undefined : 'input.malformed', JSON.stringify(bytes))
})

test('however the bytes are cut, the same is read', () => {
  const samples = [...accepted, ...refused].map(([, bytes]) => bytes)
  fc.assert(
    fc.property(fc.constantFrom(...samples), fc.array(fc.nat(120), { maxLength: 12 }), (bytes, cuts) => {
      const places = [...new Set([0, ...cuts, bytes.length])].filter((place) => place <= bytes.length).toSorted((a, b) => a - b)
      const pieces = places.slice(1).map((place, at) => bytes.slice(places[at], place))
      const [whole, cut] = [read([bytes]), read(pieces)]
      // A piece may show a fault before another one that only the whole shows.
      assert.deepEqual({ ...cut, detail: '' }, { ...whole, detail: '', body: cut.body.length > whole.body.length ? cut.body : whole.body })
    }),
    { numRuns: 2_000 },
  )
})

test('header lines that are known again read as they do when they are new, and others are not known', () => {
  const good = ['GET /a HTTP/1.1', 'PUT /b?c=d HTTP/1.1']
  const line = fc.constantFrom(...good, 'GET /a HTTP/1.0', 'CONNECT a:1 HTTP/1.1', 'get /a HTTP/1.1', 'GET /a', '')
  const headers = fc.constantFrom('Host: shop.test', 'Host: shop.tesT', 'Host: shop.test\r\nContent-Length: 3')
  const end = fc.constantFrom('\r\n\r\n', '\r\n\r\nabc', '\r\n\r', '\n\n')
  const text = (...parts: fc.Arbitrary<string>[]) =>
    fc.tuple(...parts).map(([first, ...rest]) => Buffer.from(`${first}\r\n${rest.join('')}`))
  const whole = text(fc.constantFrom(...good), headers, fc.constant('\r\n\r\n'))
  let known = 0
  fc.assert(
    fc.property(whole, text(line, headers, end), fc.constantFrom(40, headBytesMax), (first, second, bytesMax) => {
      const found = readHead(first, 0, headBytesMax)
      const block = found.ok && found.value !== undefined ? headerBlockOf(first, found.value) : undefined
      const again = block === undefined ? undefined : readHeadAgain(second, block, bytesMax)
      if (again === undefined) return
      known += 1
      assert.deepEqual({ ok: true, value: again }, readHead(second, 0, bytesMax))
    }),
    { numRuns: 5_000 },
  )
  assert.ok(known > 50, `${known} were known`)
})

test('noise is never read as a request with a body of unknown length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const found = readHead(Buffer.from(bytes), 0, headBytesMax)
      assert.ok(!found.ok || found.value === undefined || Number.isSafeInteger(found.value.bytes))
    }),
  )
})

test('of what was refused, method and target are kept for the record where they can be read', () => {
  assert.equal(targetOf(Buffer.from('GET /a HTTP/1.0\r\n')), 'GET /a')
  assert.equal(targetOf(Buffer.from('\x16\x03\x01')), '')
})
