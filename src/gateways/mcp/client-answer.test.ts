/** Answers to a client over a real socket: what ends one request leaves the next alone, and an answer that nobody takes is given up. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { until } from '../../../test/wire/manual-clock.ts'
import { TestClock } from '../../../test/world/clock.ts'
import { ClientPort } from '../shared/client-port.ts'
import type { ClientStream } from '../shared/client-stream.ts'
import { Connection } from '../shared/connection.ts'
import { ClientAnswer } from './client-answer.ts'
import { defaultFrontLimits as limits } from './front-limits.ts'

interface Answered {
  readonly answer: ClientAnswer
  finished?: boolean
  drained?: boolean
}

async function open(context: TestContext, clock: TestClock, begin: (answered: Answered) => void): Promise<[Socket, ClientPort]> {
  const host = {
    refuse: () => assert.fail('nothing is refused'),
    begin: (stream: ClientStream) => {
      const onClosed = (finished: boolean) => void (answered.finished = finished)
      const onDrain = () => void (answered.drained = true)
      const answered: Answered = { answer: new ClientAnswer(stream, { onDrain, onClosed }) }
      begin(answered)
    },
  }
  const connected = (socket: Socket, onGone: () => void) => new Connection({ socket, address: '127.0.0.1', host, limits, clock, onGone })
  const port = new ClientPort({ protocols: ['http/1.1'], limits, connect: connected })
  const socket = connect(await port.open('127.0.0.1', 0, assert.ifError), '127.0.0.1')
  context.after(() => {
    socket.destroy()
    port.abort()
    return port.close()
  })
  await once(socket, 'connect')
  return [socket.on('error', () => {}), port]
}

const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

test('a word too late for one request does nothing to the next of its connection', async (context) => {
  const all: Answered[] = []
  const [socket] = await open(context, new TestClock(), (answered) => all.push(answered))
  let said = ''
  socket.setEncoding('latin1').on('data', (text: string) => (said += text))
  socket.write(request)
  await until(() => all.length === 1, 'the first is there')
  all[0]?.answer.whole(200, [], Buffer.from('one'))
  socket.write(request)
  await until(() => all.length === 2, 'the second is there')
  all[0]?.answer.abort()
  all[1]?.answer.whole(200, [], Buffer.from('two'))
  await until(() => said.endsWith('two'), 'the second is answered')
  assert.deepEqual(
    all.map(({ finished }) => finished),
    [true, true],
  )
})

for (const headers of [[], [['Content-Length', '200000000']]] as const)
  test(`a long piece that the system takes at once stops nobody, ${headers.length === 0 ? 'in chunks' : 'of a length'}`, async (context) => {
    const all: Answered[] = []
    const [socket] = await open(context, new TestClock(), (answered) => all.push(answered))
    socket.pause().write(request)
    await until(() => all.length === 1, 'it is there')
    const [{ answer }] = all as [Answered]
    answer.head(200, headers, false)
    assert.deepEqual([answer.write(Buffer.alloc(200_000)), answer.isBehind], [true, false])
    let pieces = 1
    while (answer.write(Buffer.alloc(200_000))) pieces += 1
    assert.ok(answer.isBehind && pieces < 900, `${pieces}`)
    socket.resume()
    await until(() => all[0]?.drained === true, 'it is told to go on')
  })

test('an answer that cannot have a body says no length, and ends', async (context) => {
  const [socket] = await open(context, new TestClock(), ({ answer }) => {
    answer.head(
      204,
      [
        ['Content-Length', '5'],
        ['Mcp-More', 'x'],
      ],
      false,
    )
    answer.end()
  })
  socket.write(request)
  const [said] = (await once(socket, 'data')) as [Buffer]
  assert.match(said.toString(), /^HTTP\/1\.1 204 No Content\r\nMcp-More: x\r\nDate: [^\r]+\r\n\r\n$/)
})

test('a whole answer that nobody takes is given up, in the time that it takes at the least rate', async (context) => {
  const clock = new TestClock()
  const all: Answered[] = []
  const body = Buffer.alloc(20_000_000, 'x')
  const [socket, port] = await open(context, clock, (answered) => {
    all.push(answered)
    answered.answer.whole(200, [], body)
  })
  socket.pause()
  socket.write(request)
  await until(() => all.length === 1, 'it is answered')
  port.sweep(clock.now())
  clock.advance(limits.keepAliveMs)
  port.sweep(clock.now())
  assert.equal(all[0]?.finished, undefined)
  clock.advance(((body.byteLength + 1_000) * 1_000) / limits.bodyBytesPerSecondMin)
  port.sweep(clock.now())
  assert.equal(all[0]?.finished, false)
})
