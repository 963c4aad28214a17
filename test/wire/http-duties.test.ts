/** What a duty demands is done, whoever permitted the action: large answers and long exchanges are cut, and the record says so. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import type { ServerResponse } from 'node:http'
import test, { type TestContext } from 'node:test'
import type { Obligations } from '../../src/model/obligations.ts'
import { openGateway } from './http-gateways.ts'
import { manualClock, until } from './manual-clock.ts'
import { httpUpstream } from './upstreams.ts'

interface Story {
  readonly says: string
  readonly obligations: Obligations
  /** What the upstream does with a request for `/export`. */
  readonly upstream: (response: ServerResponse) => void
  readonly method?: string
  /** The whole answer, or what came of it before it broke off. */
  readonly want: { readonly status: number; readonly body?: string; readonly breaks?: boolean }
  readonly outcome: { readonly result: string; readonly bytes: number; readonly reason?: string }
}

const large = 'a duty demands answer<=10B'
const whole = (text: string) => (response: ServerResponse) => {
  response.writeHead(200, { 'content-length': `${text.length}` })
  response.end(text)
}
/** One piece after the other, each flushed by itself, without a length said beforehand. */
const pieces =
  (...texts: readonly string[]) =>
  (response: ServerResponse) => {
    response.writeHead(200)
    const next = (place: number): void => {
      const text = texts[place]
      if (text === undefined) response.end()
      else response.write(text, () => void setImmediate(next, place + 1))
    }
    next(0)
  }

const stories: readonly Story[] = [
  {
    says: 'an answer of just so many bytes passes whole',
    obligations: { answerBytesMax: 10 },
    upstream: whole('0123456789'),
    want: { status: 200, body: '0123456789' },
    outcome: { result: 'answered', bytes: 10 },
  },
  {
    says: 'an answer that says it is larger is refused before a byte of it passes',
    obligations: { answerBytesMax: 10 },
    upstream: whole('0123456789A'),
    want: { status: 403 },
    outcome: { result: 'cut', bytes: 0, reason: large },
  },
  {
    says: 'an answer that turns out larger is cut at the piece that would pass the limit',
    obligations: { answerBytesMax: 10 },
    upstream: pieces('01234', '56789', 'A'),
    want: { status: 200, body: '0123456789', breaks: true },
    outcome: { result: 'cut', bytes: 10, reason: large },
  },
  {
    says: 'what a HEAD says of an answer is no answer',
    obligations: { answerBytesMax: 10 },
    method: 'HEAD',
    upstream: whole('0123456789A'),
    want: { status: 200, body: '' },
    outcome: { result: 'answered', bytes: 0 },
  },
  {
    says: 'without a duty it passes, whatever its size',
    obligations: {},
    upstream: pieces('01234', '56789', 'A'),
    want: { status: 200, body: '0123456789A' },
    outcome: { result: 'answered', bytes: 11 },
  },
]

/** The answer as far as it comes: unlike a whole client, which rejects what breaks off. */
async function hear(port: number, method: string): Promise<{ readonly status: number; readonly text: string }> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`${method} /export HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer live\r\nConnection: close\r\n\r\n`)
  let text = ''
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1')
  })
  socket.on('error', () => {})
  await new Promise<void>((resolve) => socket.on('close', () => resolve()))
  return { status: Number(text.slice(9, 12)), text }
}

/** Of a chunked answer what its chunks carried, and whether the last one came. */
function bodyOf(text: string): { readonly body: string; readonly ends: boolean } {
  const end = text.indexOf('\r\n\r\n')
  const [head, rest] = [text.slice(0, end), text.slice(end + 4)]
  if (!/transfer-encoding: chunked/i.test(head)) return { body: rest, ends: true }
  let [body, left] = ['', rest]
  for (;;) {
    const [, size = ''] = /^([0-9a-f]+)\r\n/i.exec(left) ?? []
    if (size === '') return { body, ends: false }
    if (Number.parseInt(size, 16) === 0) return { body, ends: true }
    const from = size.length + 2
    body += left.slice(from, from + Number.parseInt(size, 16))
    left = left.slice(from + Number.parseInt(size, 16) + 2)
  }
}

for (const { says, obligations, upstream, method = 'GET', want, outcome } of stories)
  test(says, async (context: TestContext) => {
    const upstreamPort = await httpUpstream(context, (request, response) => {
      request.resume()
      response.on('error', () => {})
      upstream(response)
    })
    const { control, port } = await openGateway(context, { upstreamPort })
    control.obligations = obligations
    const { status, text } = await hear(port, method)
    await until(() => control.finished.length === 1, 'the outcome is recorded')
    assert.equal(status, want.status)
    if (want.body === undefined) assert.match(text, /urn:remit:refusal:action\.cut.*answerBytesMax/s)
    else {
      const { body, ends } = bodyOf(text)
      assert.equal(body, want.body)
      assert.equal(ends, want.breaks !== true)
    }
    const [finished] = control.finished.map(({ outcome: each }) => each)
    assert.equal(finished?.result, outcome.result)
    assert.equal(finished?.responseBytes, outcome.bytes)
    assert.equal(finished?.reason, outcome.reason)
  })

test('an exchange is cut when the time that a duty gives it is up, at whatever it is', async (context) => {
  const clock = manualClock()
  const answering: ServerResponse[] = []
  const upstreamPort = await httpUpstream(context, (request, response) => {
    request.resume()
    response.on('error', () => {})
    answering.push(response)
    if (request.url === '/begins') response.write('begun')
  })
  const { control, ask, port } = await openGateway(context, { upstreamPort, clock })
  control.obligations = { millisecondsMax: 3_000 }
  const silent = ask('GET', '/silent')
  const begun = { text: '', isOver: false }
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    begun.text += bytes.toString('latin1')
  })
  socket.on('close', () => {
    begun.isOver = true
  })
  socket.write('GET /begins HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer live\r\n\r\n')
  await until(() => answering.length === 2 && begun.text.includes('begun'), 'both are under way')
  clock.advance(2_999)
  assert.equal(control.finished.length, 0)
  clock.advance(1)
  // In the very tick.
  assert.deepEqual(
    control.finished.map(({ outcome: { result, reason } }) => [result, reason]),
    [
      ['cut', 'a duty demands time<=3s'],
      ['cut', 'a duty demands time<=3s'],
    ],
  )
  const refused = await silent
  assert.equal(refused.status, 403)
  assert.match(refused.body, /action\.cut/)
  assert.match(refused.body, /its outcome is not known/)
  await until(() => begun.isOver, 'an answer that had begun breaks off')
  assert.equal(bodyOf(begun.text).ends, false)
  await until(() => answering.every((response) => response.closed), 'the upstream is let go')
})

test("the grant's own end comes first where it is nearer, and says so", async (context) => {
  const clock = manualClock()
  let asked = 0
  const upstreamPort = await httpUpstream(context, (request) => {
    request.resume()
    asked += 1
  })
  const { control, ask } = await openGateway(context, { upstreamPort, clock, lives: 2_000 })
  control.obligations = { millisecondsMax: 3_000 }
  const silent = ask('GET', '/silent')
  await until(() => asked === 1, 'it is under way')
  clock.advance(2_000)
  assert.equal(control.finished[0]?.outcome.reason, 'the grant has ended')
  assert.match((await silent).body, /session\.ended/)
})
