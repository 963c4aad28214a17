/** The memory of a message is given back once nobody needs it: not for what is still to be sent, not for its hash, and not for whoever keeps it. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { until } from '../../../test/wire/manual-clock.ts'
import { RealClock } from '../../../test/world/clock.ts'
import type { Outcome } from '../../control/ports.ts'
import { done } from '../../kernel/result.ts'
import { ownLicence } from './licence.ts'
import { defaultFrontLimits as limits } from './front-limits.ts'
import { Passage, type PassagePlan } from './passage.ts'
import type { McpServer, Message, ServerCall, ServerListener } from './ports.ts'
import { HttpMcpServer } from './upstream-http.ts'

const clock = new RealClock()

function messageOf(text: string): Message {
  const params = { name: 'put', arguments: { text } }
  // Memory of its own, as that which a long body is put together in.
  const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }))
  const bytes = Buffer.allocUnsafeSlow(body.byteLength)
  body.copy(bytes)
  return { kind: 'request', id: '1', method: 'tools/call', params, bytes }
}

interface Started {
  readonly passage: Passage
  readonly message: Message
  readonly outcomes: Outcome[]
}

function start(server: McpServer, text: string, plan: Partial<PassagePlan>): Started {
  const message = messageOf(text)
  const outcomes: Outcome[] = []
  let isAnswered = false
  const answer = {
    get isAnswered() {
      return isAnswered
    },
    head: () => {
      isAnswered = true
    },
    write: () => true,
    end: () => passage.clientClosed(true),
    abort: () => passage.clientClosed(false),
  }
  const passage: Passage = new Passage({
    licence: { ...ownLicence(Number.POSITIVE_INFINITY), finish: (outcome) => outcomes.push(outcome) },
    server,
    outgoing: { message, headers: [], method: 'POST' },
    answer,
    clock,
    secret: undefined,
    session: () => false,
    refuse: () => {},
    onOver: () => {},
    isMessageOurs: true,
    ...plan,
  })
  passage.start()
  return { passage, message, outcomes }
}

/** Answers when it is told to. */
class Server implements McpServer {
  readonly service = 'ops'
  readonly health = { state: 'up' } as never
  listener: ServerListener | undefined
  readonly #isTaken: boolean | undefined

  constructor(isTaken: boolean | undefined) {
    this.#isTaken = isTaken
  }

  send(outgoing: Parameters<McpServer['send']>[0], listener: ServerListener): ServerCall {
    assert.ok(outgoing.mayGo().ok)
    this.listener = listener
    const isTaken = this.#isTaken
    return { abort: () => {}, pause: () => {}, resume: () => {}, ...(isTaken === undefined ? {} : { isTaken: () => isTaken }) }
  }

  sweep(): void {}

  close(): Promise<void> {
    return Promise.resolve()
  }

  answer(): void {
    this.listener?.onHead({ status: 200, headers: [], form: 'json' })
    this.listener?.onEnd()
  }
}

const plain = 'y'.repeat(200_000)
const escaped = 'y\n'.repeat(200_000)

interface Row {
  readonly says: string
  readonly text?: string
  readonly plan?: Partial<PassagePlan>
  /** Of the server: nothing, where it does not say. */
  readonly isTaken?: boolean | undefined
  readonly ends?: (started: Started, server: Server) => void
  readonly isLetGo: boolean
}

const rows: readonly Row[] = [
  { says: 'a message that was answered', isLetGo: true },
  { says: 'one that somebody else keeps', plan: { isMessageOurs: false }, isLetGo: false },
  { says: 'one of which something is still to be sent', isTaken: false, isLetGo: false },
  { says: 'one to a server that does not say', isTaken: undefined, isLetGo: false },
  { says: 'one whose hash is made, all of it', text: escaped, isLetGo: true },
  { says: 'one whose hash is not made yet', text: escaped, plan: { clock: { now: () => clock.now() } }, isLetGo: false },
  { says: 'one that was cut', ends: ({ passage }) => passage.cut('somebody said so'), isLetGo: false },
  { says: 'one whose client left', ends: ({ passage }) => passage.clientClosed(false), isLetGo: false },
  { says: 'one whose server broke off', ends: (_, server) => server.listener?.onBroken({ code: 'upstream.unreachable' }), isLetGo: false },
]

for (const { says, text = plain, plan = {}, ends = (_: Started, server: Server) => server.answer(), isLetGo, ...row } of rows)
  test(`${says}: its memory is ${isLetGo ? 'given back' : 'left alone'}, and its hash is right`, async () => {
    const server = new Server('isTaken' in row ? row.isTaken : true)
    const started = start(server, text, plan)
    const { message, outcomes } = started
    const whole = Buffer.from(message.bytes)
    // As many turns as its hash takes.
    for (let turn = 0; turn < 20; turn += 1) await clock.turn()
    ends(started, server)
    assert.equal(message.bytes.byteLength === 0, isLetGo)
    const made = outcomes[0]?.bodySha256
    assert.ok(outcomes.length === 1 && typeof made === 'object')
    const isFramed = text === plain
    const hashed = isFramed ? whole.toString().replace(plain, '') : whole
    assert.deepEqual([made.hex(), made.isOfFrame], [hash('sha256', hashed), isFramed])
  })

/** Answers as soon as it has a head, and reads what it is sent long after: by then the connection may be over, and what the system has of it arrives. */
async function startEarly(context: TestContext): Promise<{ readonly origin: string; readonly heard: Set<string>[] }> {
  /** Of each message the capital letters. */
  const heard: Set<string>[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let left = 0
    let letters = new Set<string>()
    socket.on('error', () => {})
    socket.on('data', (piece: Buffer) => {
      for (let text = piece.toString('latin1'); text !== ''; ) {
        if (left === 0) {
          const [head = '', length] = /^[^]*?content-length: (\d+)[^]*?\r\n\r\n/i.exec(text) ?? []
          left = Number(length)
          text = text.slice(head.length)
          letters = new Set()
          heard.push(letters)
          socket.pause()
          socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}')
          setTimeout(() => socket.resume(), 100)
        }
        const body = text.slice(0, left)
        for (const letter of new Set(body.replaceAll(/[^A-Z]|(?<=[A-Z])[A-Z]/g, ''))) letters.add(letter)
        left -= body.length
        text = text.slice(body.length)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const address = server.address()
  return { origin: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, heard }
}

test('a server that answers before it has read: nothing of another message reaches it', async (context) => {
  const { origin, heard } = await startEarly(context)
  const credential = () => done(undefined)
  const server = new HttpMcpServer({ service: 'ops', origin, endpoint: '/mcp', clock, limits, credential })
  context.after(() => server.close())
  const letters = Array.from({ length: 24 }, (_, at) => String.fromCharCode(0x41 + at))
  for (let round = 0; round < 3; round += 1) {
    // Half of them more than the system takes at once, so that the rest waits in memory of ours.
    const begun = letters
      .slice(round * 8, round * 8 + 8)
      .map((letter, at) => start(server, letter.repeat(at % 2 === 0 ? 9_000_000 : 300_000), {}))
    await until(() => begun.every(({ outcomes }) => outcomes.length === 1), 'all are answered')
    for (const { message, outcomes } of begun)
      assert.ok(message.bytes.byteLength === 0 || message.bytes.byteLength === outcomes[0]?.requestBytes, 'all of it, or nothing')
  }
  assert.equal(heard.length, letters.length)
  assert.ok(heard.every((each) => each.size <= 1))
})
