/** Frames that are malformed, or out of their state, as a table (RFC 9113 §4 to §8; in part the cases of h2spec). */
import { endHeaders, endStream, fields, frame, number, preface, request, requestFields } from '../wire/http2-frames-client.ts'

export interface FrameCase {
  readonly says: string
  readonly sends: readonly Buffer[]
  /** `goaway ERROR`, `reset 1 ERROR`, `status 1 400`, `acked` (a PING of the test's is answered), joined by `, `. */
  readonly wants: string
  /** What the upstream must have received, in any order: nothing, unless said. */
  readonly up?: readonly string[]
  /** In the place of the preface and the first SETTINGS. */
  readonly hello?: readonly Buffer[]
}

const get = (stream: number) => request(stream, 'GET', '/a')
/** Begins a request whose body is still to come. */
const post = (stream: number, more: readonly (readonly [string, string])[] = []) =>
  request(stream, 'POST', '/a', { flags: endHeaders, more })
const data = (stream: number, text: string | Buffer, flags = endStream) => frame('DATA', flags, stream, text)
const settings = (id: number, value: number) => {
  const bytes = Buffer.alloc(6)
  bytes.writeUInt16BE(id)
  bytes.writeUInt32BE(value, 2)
  return frame('SETTINGS', 0, 0, bytes)
}
/** A whole request of these fields alone. */
const head = (...all: readonly (readonly [string, string])[]) => frame('HEADERS', endHeaders | endStream, 1, fields(all))
const block = (bytes: readonly number[]) => frame('HEADERS', endHeaders | endStream, 1, Buffer.from(bytes))
const withField = (name: string, value: string, method = 'GET') => request(1, method, '/a', { more: [[name, value]] })
const method = [':method', 'GET'] as const
const scheme = [':scheme', 'https'] as const
const authority = [':authority', 'shop.test'] as const
const path = [':path', '/a'] as const
const bearer = ['authorization', 'Bearer live'] as const
const whole = requestFields('GET', '/a')
const malformed = 'status 1 400, reset 1 PROTOCOL_ERROR'
const protocol = 'goaway PROTOCOL_ERROR'
const priority = (on: number) => Buffer.concat([number(on), Buffer.from([15])])
const hello = Buffer.concat([Buffer.from(preface), frame('SETTINGS', 0, 0)])

const rows: readonly (readonly [says: string, sends: readonly Buffer[], wants: string, up?: readonly string[]])[] = [
  // §4.1, §4.2
  ['a frame of a type that nobody knows is passed over', [frame(0x16, 0xff, 7, 'x'), get(1)], 'status 1 200', ['GET /a']],
  ['flags that mean nothing are passed over', [frame('PING', 0x16, 0, '12345678'), get(1)], 'status 1 200', ['GET /a']],
  [
    'the reserved bit of a stream is passed over',
    [Buffer.concat([get(1).subarray(0, 5), Buffer.from([0x80, 0, 0, 1]), get(1).subarray(9)])],
    'status 1 200',
    ['GET /a'],
  ],
  ['DATA larger than what is taken', [post(1), data(1, 'x'.repeat(16_385))], 'goaway FRAME_SIZE_ERROR'],
  ['HEADERS larger than what is taken', [frame('HEADERS', endHeaders | endStream, 1, Buffer.alloc(16_385))], 'goaway FRAME_SIZE_ERROR'],
  ['a length of three full bytes', [Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])], 'goaway FRAME_SIZE_ERROR'],
  // §4.3
  ['an index of zero', [block([0x80])], 'goaway COMPRESSION_ERROR'],
  ['an index beyond the table', [block([0xff, 0x20])], 'goaway COMPRESSION_ERROR'],
  ['a literal whose name lies beyond the table', [block([0x7f, 0x60, 1, 0x61])], 'goaway COMPRESSION_ERROR'],
  ['a string longer than its block', [block([0, 5, 0x61])], 'goaway COMPRESSION_ERROR'],
  ['an integer without an end', [block([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1])], 'goaway COMPRESSION_ERROR'],
  ['a table larger than was allowed', [block([0x3f, 0xe2, 0x1f, 0x82])], 'goaway COMPRESSION_ERROR'],
  ['a change of the table behind the first field', [block([0x82, 0x20, 0x84])], 'goaway COMPRESSION_ERROR'],
  ['Huffman: the code for the end', [block([0, 0x84, 0xff, 0xff, 0xff, 0xff, 0])], 'goaway COMPRESSION_ERROR'],
  ['Huffman: padding with a zero', [block([0, 1, 0x61, 0x81, 0x18])], 'goaway COMPRESSION_ERROR'],
  ['Huffman: padding of a whole byte', [block([0, 1, 0x61, 0x82, 0x1f, 0xff])], 'goaway COMPRESSION_ERROR'],
  ['a block that ends within a field', [block([0x40])], 'goaway COMPRESSION_ERROR'],
  ['a block of nothing', [block([])], malformed],
  // §5.1
  ['DATA on a stream that is idle', [data(1, 'x')], protocol],
  ['RST_STREAM on a stream that is idle', [frame('RST_STREAM', 0, 1, number(8))], protocol],
  ['WINDOW_UPDATE on a stream that is idle', [frame('WINDOW_UPDATE', 0, 1, number(1))], protocol],
  ['CONTINUATION on a stream that is idle', [frame('CONTINUATION', endHeaders, 1, whole)], protocol],
  ['PRIORITY on a stream that is idle says nothing', [frame('PRIORITY', 0, 9, priority(3)), get(1)], 'status 1 200', ['GET /a']],
  ['DATA behind the end of a request', [post(1), data(1, ''), data(1, 'x')], 'reset 1 STREAM_CLOSED'],
  ['HEADERS behind the end of a request', [post(1), data(1, ''), request(1, 'GET', '/b')], 'reset 1 STREAM_CLOSED'],
  ['CONTINUATION behind the end of a request', [get(1), frame('CONTINUATION', endHeaders, 1, whole)], protocol],
  ['DATA on a stream that the client reset', [post(1), frame('RST_STREAM', 0, 1, number(8)), data(1, 'x')], 'goaway STREAM_CLOSED'],
  ['HEADERS on a stream that the client reset', [post(1), frame('RST_STREAM', 0, 1, number(8)), get(1)], 'goaway STREAM_CLOSED'],
  [
    'CONTINUATION on a stream that the client reset',
    [post(1), frame('RST_STREAM', 0, 1, number(8)), frame('CONTINUATION', endHeaders, 1, whole)],
    protocol,
  ],
  [
    'PRIORITY on a stream that is over says nothing',
    [post(1), frame('RST_STREAM', 0, 1, number(8)), frame('PRIORITY', 0, 1, priority(3)), request(3, 'GET', '/b')],
    'status 3 200',
    ['GET /b'],
  ],
  [
    'DATA that was on its way when we reset the stream',
    [request(1, 'POST', '/a', { flags: endHeaders, more: [['x-a', ' b']] }), data(1, 'x', 0), data(1, 'y')],
    malformed,
  ],
  // §5.1.1
  ['a stream with an even number', [request(2, 'GET', '/a')], protocol],
  ['a stream with a smaller number than one before', [post(5), get(3)], protocol],
  ['HEADERS on the connection', [request(0, 'GET', '/a')], protocol],
  // §5.2, §6.9
  ['WINDOW_UPDATE of the connection by nothing', [frame('WINDOW_UPDATE', 0, 0, number(0))], protocol],
  ['WINDOW_UPDATE of a stream by nothing', [post(1), frame('WINDOW_UPDATE', 0, 1, number(0))], 'reset 1 PROTOCOL_ERROR'],
  ['WINDOW_UPDATE of another length', [frame('WINDOW_UPDATE', 0, 0, 'abc')], 'goaway FRAME_SIZE_ERROR'],
  ['a window of the connection beyond 2^31', [frame('WINDOW_UPDATE', 0, 0, number(0x7fffffff))], 'goaway FLOW_CONTROL_ERROR'],
  ['a window of a stream beyond 2^31', [post(1), frame('WINDOW_UPDATE', 0, 1, number(0x7fffffff))], 'reset 1 FLOW_CONTROL_ERROR'],
  [
    'a setting that takes a window beyond 2^31',
    [post(1), frame('WINDOW_UPDATE', 0, 1, number(0x7fff0000)), settings(4, 0x7fffffff)],
    'goaway FLOW_CONTROL_ERROR',
  ],
  // §5.4, §6.2, §6.10
  ['another frame within a head', [frame('HEADERS', endStream, 1, whole.subarray(0, 9)), frame('PING', 0, 0, '12345678')], protocol],
  ['a frame of no known type within a head', [frame('HEADERS', endStream, 1, whole.subarray(0, 9)), frame(0x16, 0, 1, 'x')], protocol],
  ['a second head within a head', [frame('HEADERS', endStream, 1, whole.subarray(0, 9)), request(3, 'GET', '/b')], protocol],
  [
    'CONTINUATION of another stream',
    [frame('HEADERS', endStream, 1, whole.subarray(0, 9)), frame('CONTINUATION', endHeaders, 3, whole.subarray(9))],
    protocol,
  ],
  ['CONTINUATION behind a head that was whole', [post(1), frame('CONTINUATION', endHeaders, 1, whole)], protocol],
  ['CONTINUATION on the connection', [frame('CONTINUATION', endHeaders, 0, whole)], protocol],
  [
    'a head in pieces',
    [
      frame('HEADERS', endStream, 1, whole.subarray(0, 9)),
      frame('CONTINUATION', 0, 1, whole.subarray(9, 30)),
      frame('CONTINUATION', endHeaders, 1, whole.subarray(30)),
    ],
    'status 1 200',
    ['GET /a'],
  ],
  [
    'a head with more padding than frame',
    [frame('HEADERS', 0x8 | endHeaders | endStream, 1, Buffer.concat([Buffer.from([250]), whole]))],
    protocol,
  ],
  ['a head too short for its priority', [frame('HEADERS', 0x20 | endHeaders | endStream, 1, 'abc')], 'goaway FRAME_SIZE_ERROR'],
  [
    'a head with padding and priority',
    [frame('HEADERS', 0x28 | endHeaders | endStream, 1, Buffer.concat([Buffer.from([3]), priority(0), whole, Buffer.alloc(3)]))],
    'status 1 200',
    ['GET /a'],
  ],
  // §6.1
  ['DATA on the connection', [data(0, 'x')], protocol],
  ['DATA with more padding than frame', [post(1), frame('DATA', 0x8, 1, Buffer.from([9, 1, 2]))], protocol],
  ['DATA with as much padding as frame', [post(1), frame('DATA', 0x8, 1, Buffer.from([3, 1, 2]))], protocol],
  ['DATA with nothing where the padding should be', [post(1), frame('DATA', 0x8, 1)], 'goaway FRAME_SIZE_ERROR'],
  ['DATA with padding', [post(1), frame('DATA', 0x8 | endStream, 1, Buffer.from([2, 0x68, 0x69, 0, 0]))], 'status 1 200', ['POST /a hi']],
  // §6.3, §6.4
  ['PRIORITY on the connection', [frame('PRIORITY', 0, 0, priority(1))], protocol],
  ['PRIORITY of another length', [frame('PRIORITY', 0, 1, 'abcd')], 'goaway FRAME_SIZE_ERROR'],
  ['RST_STREAM on the connection', [frame('RST_STREAM', 0, 0, number(8))], protocol],
  ['RST_STREAM of another length', [post(1), frame('RST_STREAM', 0, 1, 'abc')], 'goaway FRAME_SIZE_ERROR'],
  // §6.5
  ['SETTINGS on a stream', [frame('SETTINGS', 0, 1)], protocol],
  ['SETTINGS of an odd length', [frame('SETTINGS', 0, 0, 'abc')], 'goaway FRAME_SIZE_ERROR'],
  ['an acknowledgement of SETTINGS that says more', [frame('SETTINGS', 1, 0, '123456')], 'goaway FRAME_SIZE_ERROR'],
  ['ENABLE_PUSH of 2', [settings(2, 2)], protocol],
  ['INITIAL_WINDOW_SIZE beyond 2^31', [settings(4, 0x80000000)], 'goaway FLOW_CONTROL_ERROR'],
  ['MAX_FRAME_SIZE below the least', [settings(5, 16_383)], protocol],
  ['MAX_FRAME_SIZE beyond three bytes', [settings(5, 0x1000000)], protocol],
  ['a setting that nobody knows is passed over', [settings(0x99, 1), get(1)], 'status 1 200', ['GET /a']],
  // §6.6 to §6.8
  ['PUSH_PROMISE', [post(1), frame('PUSH_PROMISE', endHeaders, 1, Buffer.concat([number(2), whole]))], protocol],
  ['PING on a stream', [frame('PING', 0, 1, '12345678')], protocol],
  ['PING of another length', [frame('PING', 0, 0, '1234')], 'goaway FRAME_SIZE_ERROR'],
  ['GOAWAY on a stream', [frame('GOAWAY', 0, 1, '12345678')], protocol],
  ['GOAWAY that is too short', [frame('GOAWAY', 0, 0, '1234')], 'goaway FRAME_SIZE_ERROR'],
  [
    'GOAWAY: what is under way is answered, and nothing else begins',
    [get(1), frame('GOAWAY', 0, 0, Buffer.alloc(8)), request(3, 'GET', '/b')],
    'status 1 200, goaway NO_ERROR',
    ['GET /a'],
  ],
  // §8.1
  ['a second head within the body', [post(1), request(1, 'POST', '/b', { flags: endHeaders }), data(1, '')], malformed],
  [
    'a trailer with a pseudo-header',
    [post(1), data(1, 'x', 0), frame('HEADERS', endHeaders | endStream, 1, fields([[':status', '200']]))],
    malformed,
  ],
  [
    'a trailer with a capital letter',
    [post(1), data(1, 'x', 0), frame('HEADERS', endHeaders | endStream, 1, fields([['X-A', '1']]))],
    malformed,
  ],
  [
    'a trailer with a header of the connection',
    [post(1), data(1, 'x', 0), frame('HEADERS', endHeaders | endStream, 1, fields([['transfer-encoding', 'chunked']]))],
    malformed,
  ],
  [
    'a trailer stays behind',
    [post(1), data(1, 'x', 0), frame('HEADERS', endHeaders | endStream, 1, fields([['x-sum', '1']]))],
    'status 1 200',
    ['POST /a x'],
  ],
  ['a body shorter than its length', [post(1, [['content-length', '5']]), data(1, 'hi')], malformed],
  ['a body longer than its length', [post(1, [['content-length', '1']]), data(1, 'hi')], malformed],
  ['a body longer than its length, by a frame of its own', [post(1, [['content-length', '2']]), data(1, 'hi', 0), data(1, 'x')], malformed],
  ['a body where the length is zero', [post(1, [['content-length', '0']]), data(1, 'x')], malformed],
  ['no body where there is a length', [request(1, 'POST', '/a', { more: [['content-length', '1']] })], malformed],
  [
    'no body, and a trailer, where there is a length',
    [post(1, [['content-length', '1']]), frame('HEADERS', endHeaders | endStream, 1, fields([['x-a', '1']]))],
    malformed,
  ],
  ['a length of zero, and an end behind it', [post(1, [['content-length', '0']]), data(1, '')], 'status 1 200', ['POST /a']],
  [
    'two lengths that agree',
    [
      post(1, [
        ['content-length', '1'],
        ['content-length', '1'],
      ]),
      data(1, 'x'),
    ],
    malformed,
  ],
  ['a length with a sign', [post(1, [['content-length', '+1']]), data(1, 'x')], malformed],
  ['a length with a leading zero', [post(1, [['content-length', '01']]), data(1, 'x')], 'status 1 400'],
  // §8.2
  ['the name of a header with a capital letter', [withField('X-A', '1')], malformed],
  ['an empty name', [withField('', '1')], malformed],
  ['a space in a name', [withField('x a', '1')], malformed],
  ['a colon in a name', [withField('x:a', '1')], malformed],
  ['a byte above 127 in a name', [withField('x-\xe9', '1')], malformed],
  ['a line feed in a value', [withField('x-a', '1\nx-b: 2')], malformed],
  ['a carriage return in a value', [withField('x-a', '1\r')], malformed],
  ['a NUL in a value', [withField('if-match', '"a"\0')], malformed],
  ['a control character in a value', [withField('x-dry-run', 'yes\x01')], malformed],
  ['a space before a value', [withField('x-a', ' 1')], malformed],
  ['a tab behind a value', [withField('x-a', '1\t')], malformed],
  ['connection', [withField('connection', 'close')], malformed],
  ['keep-alive', [withField('keep-alive', 'timeout=5')], malformed],
  ['proxy-connection', [withField('proxy-connection', 'close')], malformed],
  ['transfer-encoding', [withField('transfer-encoding', 'chunked', 'POST')], malformed],
  ['upgrade', [withField('upgrade', 'websocket')], malformed],
  ['te beyond trailers', [withField('te', 'trailers, deflate')], malformed],
  ['te: trailers stays behind', [withField('te', 'trailers')], 'status 1 200', ['GET /a']],
  // §8.3
  ['no :method', [head(scheme, authority, path, bearer)], malformed],
  ['no :scheme', [head(method, authority, path, bearer)], malformed],
  ['no :path', [head(method, scheme, authority, bearer)], malformed],
  ['neither :authority nor host', [head(method, scheme, path, bearer)], 'status 1 400'],
  ['host alone', [head(method, scheme, path, ['host', 'shop.test'], bearer)], 'status 1 200', ['GET /a']],
  ['host and :authority that agree', [head(method, scheme, path, authority, ['host', 'shop.test'], bearer)], 'status 1 200', ['GET /a']],
  ['host and :authority that disagree', [head(method, scheme, path, authority, ['host', 'admin.test'], bearer)], malformed],
  ['host twice', [head(method, scheme, path, authority, ['host', 'shop.test'], ['host', 'shop.test'], bearer)], malformed],
  ['an :authority with a user', [head(method, scheme, path, [':authority', 'u@shop.test'], bearer)], 'status 1 400'],
  ['an empty :path', [head(method, scheme, authority, [':path', ''], bearer)], malformed],
  ['an empty :authority', [head(method, scheme, path, [':authority', ''], bearer)], malformed],
  [':method twice', [head(method, method, scheme, authority, path, bearer)], malformed],
  [':scheme twice', [head(method, scheme, scheme, authority, path, bearer)], malformed],
  [':path twice', [head(method, scheme, authority, path, path, bearer)], malformed],
  [':authority twice', [head(method, scheme, authority, authority, path, bearer)], malformed],
  ['a pseudo-header behind another header', [head(method, scheme, authority, bearer, path)], malformed],
  ['a pseudo-header that no request has', [head(method, scheme, authority, path, [':status', '200'], bearer)], malformed],
  ['a pseudo-header that nobody knows', [head(method, scheme, authority, path, [':test', '1'], bearer)], malformed],
  ['a :scheme of http', [head(method, [':scheme', 'http'], authority, path, bearer)], 'status 1 400'],
  ['a space in :path', [head(method, scheme, authority, [':path', '/a HTTP/1.1'], bearer)], malformed],
  ['a line end in :path', [head(method, scheme, authority, [':path', '/a\r\nx: y'], bearer)], malformed],
  ['a space in :method', [head([':method', 'GET /b'], scheme, authority, path, bearer)], malformed],
  ['a method that nobody knows', [head([':method', 'BREW'], scheme, authority, path, bearer)], malformed],
  ['a :path in absolute form', [head(method, scheme, authority, [':path', 'https://shop.test/a'], bearer)], 'status 1 400'],
  ['a :path with a dot segment', [head(method, scheme, authority, [':path', '/b/../a'], bearer)], 'status 1 400'],
  ['a :path with an encoded slash', [head(method, scheme, authority, [':path', '/a%2Fb'], bearer)], 'status 1 400'],
  ['a :path of an asterisk', [head([':method', 'OPTIONS'], scheme, authority, [':path', '*'], bearer)], 'status 1 400'],
  ['a :path with a fragment', [head(method, scheme, authority, [':path', '/a#b'], bearer)], 'status 1 400'],
  ['CONNECT', [head([':method', 'CONNECT'], [':authority', 'shop.test:443'], bearer)], 'status 1 422'],
  ['CONNECT with a path', [head([':method', 'CONNECT'], scheme, authority, path, bearer)], malformed],
  [
    'an extended CONNECT: a WebSocket (RFC 8441)',
    [head([':method', 'CONNECT'], [':protocol', 'websocket'], scheme, authority, path, bearer)],
    malformed,
  ],
  // §8.4 and what the gateway refuses of any HTTP
  ['a header that names another method', [withField('x-http-method-override', 'DELETE')], 'status 1 400'],
  ['a header with an underscore', [withField('x_a', '1')], 'status 1 400'],
  ['a GET with a body', [request(1, 'GET', '/a', { flags: endHeaders }), data(1, 'x')], 'status 1 400'],
  ['no token', [head(method, scheme, authority, path)], 'status 1 401'],
  ['two tokens', [head(method, scheme, authority, path, bearer, bearer)], 'status 1 400'],
  [
    'a head of 20 KiB',
    [
      request(1, 'GET', '/a', { flags: endStream, more: [['x-a', 'x'.repeat(16_000)]] }),
      frame('CONTINUATION', endHeaders, 1, fields([['x-b', 'x'.repeat(4_000)]])),
    ],
    'status 1 413',
  ],
  ['101 headers', [request(1, 'GET', '/a', { more: Array.from({ length: 101 }, (_, at) => [`x-${at}`, '1'] as const) })], 'status 1 413'],
]

/** Of the first bytes (RFC 9113 §3.4). */
const hellos: readonly FrameCase[] = [
  { says: 'another preface', hello: [Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n')], sends: [], wants: protocol },
  {
    says: 'HTTP/1.1 after h2 was agreed on',
    hello: [Buffer.from('GET /a HTTP/1.1\r\nHost: shop.test\r\nAuthorization: Bearer live\r\n\r\n')],
    sends: [],
    wants: protocol,
  },
  { says: 'no SETTINGS behind the preface', hello: [Buffer.from(preface)], sends: [get(1)], wants: protocol },
  {
    says: 'an acknowledgement as the first SETTINGS',
    hello: [Buffer.from(preface), frame('SETTINGS', 1, 0)],
    sends: [get(1)],
    wants: protocol,
  },
  { says: 'a frame before the preface', hello: [frame('SETTINGS', 0, 0), hello], sends: [], wants: protocol },
  { says: 'the preface twice', hello: [hello, Buffer.from(preface)], sends: [], wants: 'goaway FRAME_SIZE_ERROR' },
]

export const frameCases: readonly FrameCase[] = [
  ...hellos,
  ...rows.map(([says, sends, wants, up]) => ({ says, sends, wants, ...(up === undefined ? {} : { up }) })),
]
