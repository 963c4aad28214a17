/** What passes at the same time, by every framing, to clients of every kind: each answer is its own to the byte, and has one outcome. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect as connectSecurely } from 'node:tls'
import { readAnswers } from '../../../test/hostile/hostile-client.ts'
import { until } from '../../../test/wire/manual-clock.ts'
import { selfSigned } from '../../../test/wire/tls-services.ts'
import { RealClock } from '../../../test/world/clock.ts'
import type { Outcome } from '../../control/ports.ts'
import { done } from '../../kernel/result.ts'
import { ClientPort } from '../shared/client-port.ts'
import type { ClientStream } from '../shared/client-stream.ts'
import { Connection } from '../shared/connection.ts'
import { ClientAnswer } from './client-answer.ts'
import { EarlyAnswer } from './early-answer.ts'
import { defaultFrontLimits as limits } from './front-limits.ts'
import { ownLicence } from './licence.ts'
import { ListEar } from './list-ear.ts'
import { Passage, type Tap } from './passage.ts'
import type { McpServer, Message } from './ports.ts'
import { ResultTap } from './result-tap.ts'
import { HttpMcpServer } from './upstream-http.ts'

const clock = new RealClock()

/** As Marsaglia's xorshift: what went wrong goes wrong again by the same seed. */
function chanceOf(seed: number): (below: number) => number {
  let state = seed | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** No two calls have eight bytes in common at one place. */
function bodyOf(call: number): Buffer {
  const chance = chanceOf(call * 7_919 + 1)
  // Some are more than the system takes for a client that does not read.
  const words = new Uint32Array(2 * (call % 4 === 0 ? 16 + chance(1_024) : call % 9 === 0 ? 1_200_000 : 8_192 + chance(80_000)))
  for (let at = 0; at < words.length; at += 2) {
    words[at] = call
    words[at + 1] = at
  }
  return Buffer.from(words.buffer)
}

const ways = ['length', 'chunks', 'end', 'breaks'] as const
const forms = ['application/json', 'text/event-stream', 'application/octet-stream']

/** What a server says of a call, and in which pieces. */
function* answerTo(call: number): Generator<Buffer, boolean> {
  const chance = chanceOf(call + 77)
  const way = ways[breaks(call) ? 3 : chance(3)] ?? 'length'
  const body = bodyOf(call)
  const framing = way === 'chunks' ? 'Transfer-Encoding: chunked\r\n' : way === 'end' ? '' : `Content-Length: ${body.byteLength}\r\n`
  yield Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: ${forms[chance(3)]}\r\n${framing}\r\n`)
  const sent = way === 'breaks' ? body.subarray(0, chance(body.byteLength)) : body
  let lineEnd = ''
  for (let at = 0; at < sent.byteLength; ) {
    const piece = sent.subarray(at, at + 1 + chance(chance(3) === 0 ? 100 : 300_000))
    // A line between chunks comes in two pieces.
    const line = `${lineEnd}${piece.byteLength.toString(16)}\r\n`
    yield way === 'chunks' ? Buffer.concat([Buffer.from(line), piece, Buffer.from('\r')]) : piece
    lineEnd = '\n'
    at += piece.byteLength
  }
  if (way === 'chunks') yield Buffer.from(`${lineEnd}0\r\n\r\n`)
  return way === 'end' || way === 'breaks'
}

/** Its server leaves in the middle of the answer. */
function breaks(call: number | undefined): boolean {
  return call !== undefined && call % 11 === 0
}

async function startServer(context: TestContext): Promise<McpServer> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    let text = ''
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1')
      const [, call] = /"id":(\d+)\}$/.exec(text) ?? []
      if (call === undefined) return
      text = ''
      const pieces = answerTo(Number(call))
      const say = (): void => {
        const { value, done: isLast = false } = pieces.next()
        if (isLast) {
          if (value === true) socket.end()
          return
        }
        const goesOn = socket.write(value as Buffer)
        if (goesOn && (value as Buffer).byteLength > 50_000) say()
        else if (goesOn) setImmediate(say)
        else socket.once('drain', say)
      }
      say()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const credential = () => done(undefined)
  const reached = new HttpMcpServer({ service: 'ops', origin: `http://127.0.0.1:${port}`, endpoint: '/mcp', clock, limits, credential })
  context.after(() => reached.close())
  return reached
}

/** As they listen to calls: to none of it, to the beginning, or to all that is not too long. */
function tapFor(call: number): Tap | undefined {
  const heard = new ResultTap(limits, 262_144, { told: () => {} })
  const early = new EarlyAnswer(new ListEar(() => {}, heard), limits, () => {})
  const taps = [undefined, new ListEar(() => {}, undefined), heard, early, keepingTap(call)]
  return taps[call % taps.length]
}

/** Keeps every piece until the end, as whoever does not say otherwise may. */
function keepingTap(call: number): Tap {
  const pieces: Uint8Array[] = []
  return {
    onData: (bytes) => pieces.push(bytes),
    onOver: () => {
      const all = Buffer.concat(pieces)
      assert.ok(all.equals(bodyOf(call).subarray(0, all.byteLength)), `what was kept of ${call} is another's`)
      return undefined
    },
  }
}

class Front {
  /** By call, whatever was recorded of it. */
  readonly outcomes = new Map<number, Outcome[]>()
  closed = 0
  readonly #servers: readonly McpServer[]

  constructor(servers: readonly McpServer[]) {
    this.#servers = servers
  }

  refuse(): never {
    assert.fail('nothing is refused')
  }

  begin(stream: ClientStream): void {
    const call = Number(stream.head.target.slice(1))
    const outcomes: Outcome[] = []
    this.outcomes.set(call, outcomes)
    const answer = new ClientAnswer(stream, {
      onDrain: () => passage.clientDrained(),
      onClosed: (finished) => {
        this.closed += 1
        passage.clientClosed(finished)
      },
    })
    const bytes = Buffer.from(`{"id":${call}}`)
    const message: Message = { kind: 'request', id: `${call}`, method: 'tools/call', params: {}, bytes }
    const passage: Passage = new Passage({
      licence: { ...ownLicence(Number.POSITIVE_INFINITY), finish: (outcome) => outcomes.push(outcome) },
      server: this.#servers[call % this.#servers.length] ?? assert.fail(),
      outgoing: { message, headers: [], method: 'POST' },
      answer,
      clock,
      secret: call % 2 === 0 ? 'a-secret-that-nobody-says' : undefined,
      session: () => false,
      refuse: ({ code }) => answer.whole(502, [], Buffer.from(code)),
      tap: tapFor(call),
      onOver: () => {},
    })
    passage.start()
  }
}

interface Client {
  readonly calls: readonly number[]
  /** Asks for all of them at once. */
  readonly isPipelining: boolean
  readonly isSlow: boolean
  /** Leaves after so many bytes. */
  readonly leavesAt: number
}

async function ask(socket: Socket, { calls, isPipelining, isSlow, leavesAt }: Client, seed: number): Promise<void> {
  const pieces: Buffer[] = []
  let bytes = 0
  let asked = 0
  const next = (): void => {
    const upTo = isPipelining ? calls.length : asked + 1
    for (; asked < Math.min(upTo, calls.length); asked += 1)
      socket.write(`POST /${calls[asked]} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`)
  }
  const heard = () => readAnswers(Buffer.concat(pieces), [], socket.closed)
  await new Promise<void>((resolve) => {
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece)
      bytes += piece.byteLength
      if (bytes >= leavesAt) socket.destroy()
      else if (isSlow && pieces.length % 3 === 0) {
        socket.pause()
        setTimeout(() => socket.resume(), pieces.length < 10 ? 40 : 1)
      }
      // The last bytes of an answer are short of a whole one: it is looked at when nothing more is on its way.
      clearTimeout(looking)
      looking = setTimeout(() => {
        const count = heard().answers.length
        if (count === calls.length) socket.destroy()
        else if (count === asked) next()
      }, 5)
    })
    let looking = setTimeout(next, 0)
  })
  const { answers, rest, flaw } = heard()
  for (const [place, { status, body }] of answers.entries()) {
    const call = calls[place] ?? assert.fail(`an answer more than was asked for, seed ${seed}`)
    const isBroken = breaks(call) && status === 502 && body.toString() === 'upstream.unreachable'
    assert.ok(isBroken || body.equals(bodyOf(call)), `the answer to ${call} is another, seed ${seed}`)
  }
  const isCut = answers.length < calls.length && leavesAt === Number.POSITIVE_INFINITY
  // What ends a connection at once takes with it what the system had not sent of the answers before.
  const mayBeCut = isPipelining ? calls.slice(answers.length).some(breaks) : breaks(calls[answers.length])
  assert.ok(!isCut || mayBeCut, `the answer to ${calls[answers.length]} is not whole, seed ${seed}`)
  assertBegins(rest, calls[answers.length], seed)
  assert.equal(flaw, undefined, `${seed}`)
}

/** What came of an answer that broke off is the beginning of it. */
function assertBegins(rest: Buffer, call: number | undefined, seed: number): void {
  const end = rest.indexOf('\r\n\r\n')
  if (end < 0) return
  const want = bodyOf(call ?? assert.fail(`more than was asked for, seed ${seed}`))
  let have = rest.subarray(end + 4)
  if (/transfer-encoding/i.test(rest.toString('latin1', 0, end))) have = unchunked(have)
  assert.ok(have.equals(want.subarray(0, have.byteLength)), `what came of ${call} is another's, seed ${seed}`)
}

function unchunked(bytes: Buffer): Buffer {
  const pieces: Buffer[] = []
  for (let at = 0; ; ) {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) return Buffer.concat(pieces)
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16)
    pieces.push(bytes.subarray(line + 2, line + 2 + size))
    at = line + 4 + size
    if (at >= bytes.byteLength) return Buffer.concat(pieces)
  }
}

async function openPort(context: TestContext, front: Front, isSecure: boolean): Promise<() => Socket> {
  const made = isSecure ? await selfSigned() : undefined
  const tls = made === undefined ? undefined : { context: () => made, onRenewed: () => () => {} }
  const connected = (socket: Socket, onGone: () => void) =>
    new Connection({ socket, address: '127.0.0.1', host: front, limits, clock, onGone })
  const port = new ClientPort({ tls, protocols: ['http/1.1'], limits, connect: connected })
  const at = { port: await port.open('127.0.0.1', 0, assert.ifError), host: '127.0.0.1' }
  context.after(() => {
    port.abort()
    return port.close()
  })
  return () => (isSecure ? connectSecurely({ ...at, rejectUnauthorized: false }) : connect(at))
}

for (const isSecure of [false, true])
  test(`answers that pass side by side are each its own to the byte, ${isSecure ? 'over TLS' : 'in the clear'}`, async (context) => {
    const seed = Date.now() % 100_000
    const chance = chanceOf(seed)
    const front = new Front(await Promise.all([startServer(context), startServer(context), startServer(context)]))
    const open = await openPort(context, front, isSecure)
    let call = seed * 1_000
    const clients = Array.from({ length: 30 }, (): Client => {
      const calls = Array.from({ length: 1 + chance(5) }, () => (call += 1))
      return {
        calls,
        isPipelining: chance(2) === 0,
        isSlow: chance(3) === 0,
        leavesAt: chance(4) === 0 ? chance(900_000) : Number.POSITIVE_INFINITY,
      }
    })
    // Some at a time, so that memory comes back while others are read into it.
    const left = [...clients]
    const askSome = async (): Promise<void> => {
      for (let client = left.pop(); client !== undefined; client = left.pop()) await ask(open(), client, seed)
    }
    await Promise.all(Array.from({ length: 10 }, askSome))
    await until(() => front.closed === front.outcomes.size, 'every call is over')
    for (const [each, outcomes] of front.outcomes) assert.equal(outcomes.length, 1, `of ${each}, seed ${seed}`)
  })
