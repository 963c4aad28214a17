/** A connection over a real socket: a body that came with its head is read there and then, one that comes later is waited for. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import test from 'node:test'
import { connect as connectSecurely, createServer as createSecureServer } from 'node:tls'
import { mustBe, type Result } from '../../kernel/result.ts'
import { selfSigned } from '../../../test/wire/tls-services.ts'
import { RealClock } from '../../../test/world/clock.ts'
import { WholeBody } from './whole-body.ts'
import type { ClientStream } from './client-stream.ts'
import { Connection, type ConnectionLimits } from './connection.ts'

const clock = new RealClock()
const limits: ConnectionLimits = {
  headerBytesMax: 16_384,
  pipelinedMax: 16,
  headersMs: 10_000,
  bodyMs: 30_000,
  bodyBytesPerSecondMin: 500,
  keepAliveMs: 60_000,
  drainMs: 1_000,
}

async function answer(stream: ClientStream, whole: Result<Buffer> | Promise<Result<Buffer>>): Promise<void> {
  const body = mustBe(await whole)
  stream.writeHead({ status: 200, headers: [], length: body.byteLength })
  stream.end(body)
}

/** Says of each request whether its body was there at once, and answers with it. */
async function askAll(pieces: readonly string[]): Promise<{ readonly atOnce: readonly boolean[]; readonly said: string }> {
  const atOnce: boolean[] = []
  const bounds = { bytesMax: 1_000, milliseconds: 60_000, tooLarge: 'input.too-large', clock } as const
  let taken = (): number => 0
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    taken = () => socket.bytesRead
    const host = {
      refuse: () => assert.fail('nothing is refused'),
      begin: (stream: ClientStream) => {
        stream.attach({ onDrain: () => undefined, onClosed: () => undefined })
        const { whole } = new WholeBody(stream, bounds)
        atOnce.push(!(whole instanceof Promise))
        void answer(stream, whole)
      },
    }
    void new Connection({ socket, address: '127.0.0.1', host, limits, clock, onGone: () => undefined })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const socket = connect(port ?? 0, '127.0.0.1').setEncoding('latin1')
  let said = ''
  socket.on('data', (text: string) => (said += text))
  for (const piece of pieces) {
    socket.write(piece)
    // The next is sent when this one has been taken up.
    do await new Promise(setImmediate)
    while (taken() < socket.bytesWritten)
  }
  while (said.split('\r\n\r\n').length < 3 || !said.endsWith('!')) await once(socket, 'data')
  socket.destroy()
  server.close()
  return { atOnce, said }
}

const head = (length: number): string => `PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`
const chunked = 'PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'

const cases: readonly (readonly [says: string, pieces: readonly string[], atOnce: readonly boolean[]])[] = [
  ['two requests, one after the other', [`${head(2)}a!`, `${head(2)}b!`], [true, true]],
  ['two requests in one piece', [`${head(2)}a!${head(2)}b!`], [true, true]],
  ['a body in chunks', [`${chunked}1\r\na\r\n1\r\n!\r\n0\r\n\r\n`, `${head(2)}b!`], [true, true]],
  ['a body that comes later', [head(2), 'a!', `${head(2)}b!`], [false, true]],
  ['a body of which half came with its head', [`${head(2)}a`, '!', `${head(2)}b!`], [false, true]],
]
for (const [says, pieces, want] of cases) {
  test(`the body: ${says}`, async () => {
    const { atOnce, said } = await askAll(pieces)
    assert.deepEqual(atOnce, want)
    assert.deepEqual(
      said.split('HTTP/1.1 200 OK').map((answer) => answer.slice(-2)),
      ['', 'a!', 'b!'],
    )
  })
}

const answerHeadBytes = 'HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\n\r\n'.length

/** A server that answers each request with its body; the pieces that came at it, as they are afterwards. */
async function echo(
  bodies: readonly Buffer[],
  { pieceBytes, secured }: { readonly pieceBytes: number; readonly secured?: { readonly key: string; readonly cert: string } | undefined },
): Promise<{ readonly said: Buffer; readonly pieces: readonly Buffer[] }> {
  const pieces: Buffer[] = []
  const take = (socket: Socket) => {
    const host = {
      refuse: () => assert.fail('nothing is refused'),
      begin: (stream: ClientStream) => {
        stream.attach({ onDrain: () => undefined, onClosed: () => undefined })
        const length = Number(stream.head.headers[stream.head.headers.indexOf('Content-Length') + 1])
        const { whole } = new WholeBody(stream, { bytesMax: 32_000_000, length, milliseconds: 60_000, tooLarge: 'input.too-large', clock })
        void answer(stream, whole)
      },
    }
    socket.on('data', (bytes: Buffer) => pieces.push(bytes))
    void new Connection({ socket, address: '127.0.0.1', host, limits, clock, onGone: () => undefined })
  }
  const allowHalfOpen = true
  const server = secured === undefined ? createServer({ allowHalfOpen }, take) : createSecureServer({ ...secured, allowHalfOpen }, take)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const to = { port, host: '127.0.0.1' }
  const socket = secured === undefined ? connect(to) : connectSecurely({ ...to, rejectUnauthorized: false })
  const heard: Buffer[] = []
  socket.on('data', (bytes: Buffer) => heard.push(bytes))
  const all = Buffer.concat(bodies.flatMap((body) => [Buffer.from(head(body.byteLength)), body]))
  for (let at = 0; at < all.byteLength; at += pieceBytes) if (!socket.write(all.subarray(at, at + pieceBytes))) await once(socket, 'drain')
  const want = bodies.reduce((sum, { byteLength }) => sum + answerHeadBytes + byteLength, 0)
  while (heard.reduce((sum, { byteLength }) => sum + byteLength, 0) < want) await once(socket, 'data')
  socket.destroy()
  server.close()
  return { said: Buffer.concat(heard), pieces }
}

for (const isSecure of [false, true])
  test(`long bodies that follow each other come whole, though the memory of their pieces is given back, ${isSecure ? 'over TLS' : 'in the clear'}`, async () => {
    const secured = isSecure ? await selfSigned() : undefined
    const bodies = [300_000, 1, 200_001, 65_536, 131_072, 524_288, 7].map((length, at) =>
      Buffer.from(Array.from({ length }, (_, place) => (place * 31 + at * 17) & 255)),
    )
    for (const pieceBytes of [2_000_000, 65_536, 100_003]) {
      const { said } = await echo(bodies, { pieceBytes, secured })
      let at = 0
      for (const body of bodies) {
        const from = at + answerHeadBytes
        assert.ok(said.subarray(from, from + body.byteLength).equals(body), `${body.byteLength} bytes, sent ${pieceBytes} at a time`)
        at = from + body.byteLength
      }
      assert.equal(at, said.byteLength)
    }
  })

test('of a long body the pieces are given back as they come, but for the first and the last', async () => {
  const { pieces } = await echo([Buffer.alloc(8_000_000, 'b')], { pieceBytes: 8_000_000 })
  // Memory is taken for all of it when an eighth has come.
  const kept = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)
  assert.ok(pieces.length > 50 && kept > 0 && kept < 1_300_000, `${kept} bytes in ${pieces.length} pieces`)
})
