/** Lists are read whole, and so are kept while they are read: so much of all of them, whoever asked. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { AnswerRoom } from './answer-room.ts'
import { Collecting } from './collect.ts'
import { ownLicence } from './licence.ts'
import { defaultLimits } from './limits.ts'
import type { McpServer, Message, ServerListener } from './ports.ts'

const licence = ownLicence(Number.MAX_SAFE_INTEGER)
const message: Message = { kind: 'request', id: '1', method: 'tools/list', params: {}, bytes: new Uint8Array() }
const answer = Buffer.from(`{"jsonrpc":"2.0","id":1,"result":{"tools":[],"padding":"${'x'.repeat(940)}"}}`)

/** What its server says is what the test tells the listener. */
function reading(room: AnswerRoom): { readonly hears: ServerListener; readonly code: Promise<string>; readonly isAborted: () => boolean } {
  let hears: ServerListener | undefined
  let isAborted = false
  const server: McpServer = {
    service: 'ops',
    health: { state: 'untried', since: 0 },
    send: (_outgoing, listener) => {
      hears = listener
      return { abort: () => (isAborted = true), pause: () => {}, resume: () => {} }
    },
    close: async () => {},
  }
  const plan = {
    licence,
    server,
    outgoing: { message, headers: [], method: 'POST' },
    clock: { now: () => 0 },
    limits: defaultLimits,
    room,
  } as const
  const { answered } = new Collecting(plan).start()
  if (hears === undefined) throw new Error('nothing was sent')
  hears.onHead({ status: 200, headers: [], form: 'json' })
  return { hears, code: answered.then((each) => (each.ok ? 'answered' : each.refusal.code)), isAborted: () => isAborted }
}

test('of all that is read at a time what began first makes room, and the others are read', async () => {
  const room = new AnswerRoom(3 * answer.byteLength)
  const all = Array.from({ length: 5 }, () => reading(room))
  for (const { hears } of all) hears.onData(answer)
  assert.deepEqual(
    all.map(({ isAborted }) => isAborted()),
    [true, true, false, false, false],
  )
  assert.equal(room.bytes, 3 * answer.byteLength)
  for (const { hears } of all) hears.onEnd()
  assert.deepEqual(await Promise.all(all.map(({ code }) => code)), ['rate.exceeded', 'rate.exceeded', 'answered', 'answered', 'answered'])
  assert.equal(room.bytes, 0)
})

test('what was read stays counted for as long as its reader keeps it, and is given up as a whole', () => {
  const room = new AnswerRoom(100)
  const [pages, other] = [room.begin(), room.begin()]
  pages.grow(60)
  other.grow(30)
  assert.equal(pages.isGivenUp, false)
  other.grow(30)
  assert.deepEqual([pages.isGivenUp, other.isGivenUp, room.bytes], [true, false, 60])
  pages.grow(60)
  other.over()
  other.over()
  assert.equal(room.bytes, 0)
})
