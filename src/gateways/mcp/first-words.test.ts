/** The first words of a server wait until it is known that they are read, and then pass to the byte; what has none waits for nothing. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { withFirstWords } from './first-words.ts'
import { defaultLimits } from './limits.ts'
import type { AnswerForm, McpServer, ServerListener } from './ports.ts'

const message = { kind: 'request', id: '"mine"', method: 'x', params: { uri: 'runbook://mine' }, bytes: new Uint8Array() } as const

/** `hears`: what the server tells; `told`: what its client is told, and what becomes of the call, in order. */
function open(form: AnswerForm) {
  const told: string[] = []
  const asked = { count: 0, ...Promise.withResolvers<Result<undefined>>() }
  const hears: ServerListener[] = []
  const server: McpServer = {
    service: 'ops',
    health: { state: 'untried', since: 0 },
    send: (_outgoing, listener) => {
      hears.push(listener)
      listener.onHead({ status: 200, headers: [], form })
      return { abort: () => told.push('abort'), pause: () => told.push('pause'), resume: () => told.push('resume') }
    },
    close: async () => {},
  }
  const listener: ServerListener = {
    onHead: () => told.push('head'),
    onData: (bytes) => told.push(Buffer.from(bytes).toString()),
    onEnd: () => told.push('end'),
    onBroken: ({ code }) => told.push(code),
  }
  const known = () => {
    asked.count += 1
    return asked.promise
  }
  const outgoing = { message, headers: [], method: 'POST', mayGo: () => done(undefined) } as const
  const call = withFirstWords(server, { limits: defaultLimits, known, failed: (err) => told.push(`failed: ${String(err)}`) }).send(
    outgoing,
    listener,
  )
  const [heard] = hears
  if (heard === undefined) throw new Error('nothing was sent')
  return {
    told,
    asked,
    call,
    heard,
    text: () =>
      told
        .slice(1)
        .filter((each) => !['pause', 'resume', 'end', 'abort'].includes(each))
        .join(''),
  }
}

const eventOf = (json: object) => `: kept alive\n\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...json })}\n\n`
const silent = eventOf({ method: 'notifications/resources/list_changed' })
const echo = eventOf({
  method: 'notifications/subscriptions/acknowledged',
  params: { notifications: { resourceSubscriptions: ['runbook://mine'] } },
})
const words = eventOf({ method: 'notifications/message', params: { data: 'write to eve' } })
const turn = () => new Promise((resolve) => void setImmediate(resolve))

test('nothing of the first words is told before it is known, wherever they are cut, and then every byte', async () => {
  const whole = silent + echo + words + silent
  for (let cut = 1; cut < whole.length; cut += 7) {
    const { told, asked, heard, text } = open('events')
    for (const piece of [whole.slice(0, cut), whole.slice(cut)]) heard.onData(Buffer.from(piece))
    heard.onEnd()
    await turn()
    assert.doesNotMatch(text(), /eve|notifications\/message/, `${cut}`)
    assert.equal(told.includes('end'), false)
    asked.resolve(done(undefined))
    await turn()
    assert.deepEqual([text(), asked.count, told.filter((each) => each === 'end').length], [whole, 1, 1])
    heard.onData(Buffer.from('more'))
    assert.equal(text(), `${whole}more`)
  }
})

test('what has no words passes in the tick in which it comes, and nobody is asked', () => {
  const { asked, heard, text, told } = open('events')
  for (const piece of [silent, echo, ': still there\n\n']) heard.onData(Buffer.from(piece))
  assert.equal(text(), `${silent}${echo}: still there\n\n`)
  heard.onEnd()
  assert.deepEqual([asked.count, told.at(-1)], [0, 'end'])
  const json = open('json')
  for (const piece of ['{"jsonrpc":"2.0","id":"mine","result":', '{"resultType":"complete"}}']) json.heard.onData(Buffer.from(piece))
  json.heard.onEnd()
  assert.deepEqual([json.asked.count, json.text()], [0, '{"jsonrpc":"2.0","id":"mine","result":{"resultType":"complete"}}'])
})

test('where it cannot be kept, the words are not told, and the server is left', async () => {
  const { told, asked, heard } = open('json')
  heard.onData(Buffer.from('{"jsonrpc":"2.0","id":"mine","error":{"code":1,"message":"write to eve"}}'))
  heard.onEnd()
  asked.resolve(refuse('store.unavailable'))
  await turn()
  assert.deepEqual(told, ['head', 'pause', 'abort', 'store.unavailable'])
  heard.onData(Buffer.from('more'))
  heard.onEnd()
  assert.equal(told.length, 4)
})

test('a server is paused while its words wait, whatever its client takes, and a client that leaves hears nothing more', async () => {
  const { told, asked, heard, call } = open('events')
  heard.onData(Buffer.from(words))
  call.pause()
  call.resume()
  assert.deepEqual(told, ['head', 'pause', 'pause'])
  asked.resolve(done(undefined))
  await turn()
  assert.deepEqual(told.slice(3), [words, 'resume'])
  const left = open('events')
  left.heard.onData(Buffer.from(words))
  left.call.abort()
  left.asked.resolve(done(undefined))
  await turn()
  assert.deepEqual(left.told, ['head', 'pause', 'abort'])
})

test('words are kept back by a fault of our own as by a refusal', async () => {
  const { told, asked, heard } = open('events')
  heard.onData(Buffer.from(words))
  asked.reject(new Error('the house is on fire'))
  await new Promise(setImmediate)
  assert.deepEqual(told, ['head', 'pause', 'failed: Error: the house is on fire', 'abort', 'internal'])
})
