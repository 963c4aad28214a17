import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, it } from 'node:test'
import { ask, type Asked, type Heard, tool } from '../../../test/mcp/stdio-client.ts'
import { makeChance } from '../../host/chance.ts'
import { startChild } from '../../host/child-processes.ts'
import { ownUser } from '../../host/child-user.ts'
import { makeClock } from '../../host/clock.ts'
import { type ClientOffer, clientOffers } from '../../model/services.ts'
import type { McpServer } from './ports.ts'
import { type StdioLimits, stdioLimits } from './stdio-limits.ts'
import { stdioServer } from './stdio-server.ts'

const odd = fileURLToPath(new URL('../../../test/mcp/stdio-odd-server.ts', import.meta.url))
const servers: McpServer[] = []
/** How far a test has set the wall clock forward: what waits for a part of a second alone may come too late on a busy machine. */
let ahead = 0

afterEach(async () => {
  await Promise.all(servers.splice(0).map((each) => each.close()))
})

function open(asks: readonly ClientOffer[] = clientOffers, limits: Partial<StdioLimits> = {}): McpServer {
  const quiet = () => undefined
  const server = stdioServer({
    service: 'odd',
    program: { command: [process.execPath, odd], variables: [], user: ownUser() },
    start: startChild,
    clock: makeClock({ floor: 0, wall: () => Date.now() + ahead, sweepEvery: 5 }),
    chance: makeChance(),
    log: { info: quiet, warn: quiet, error: quiet },
    asks,
    limits,
  })
  servers.push(server)
  return server
}

/** A client with a session: what it hears on its streams, by line, as it comes. */
class TestClient {
  readonly told: string[] = []
  readonly #server: McpServer
  readonly #asking
  session = ''

  constructor(server: McpServer, holder: string | undefined) {
    this.#server = server
    this.#asking = { ...(holder === undefined ? {} : { holder }), onData: (text: string) => void this.told.push(text) }
  }

  async initialize(capabilities: object): Promise<Heard> {
    const params = { protocolVersion: '2025-06-18', capabilities, clientInfo: { name: 'c', version: '1' } }
    const heard = await this.send({ id: 0, method: 'initialize', params }).heard
    this.session = heard.headers.find(([name]) => name === 'mcp-session-id')?.[1] ?? ''
    return heard
  }

  send(message: object): Asked {
    return ask(this.#server, JSON.stringify({ jsonrpc: '2.0', ...message }), this.#with())
  }

  tool(name: string, given: object = {}): Asked {
    return tool(this.#server, '7', name, { ...given, asking: this.#with() })
  }

  listen(method: 'GET' | 'DELETE' = 'GET'): Asked {
    return ask(this.#server, '', { ...this.#with(), method })
  }

  #with() {
    return { ...this.#asking, headers: this.session === '' ? [] : ([['mcp-session-id', this.session]] as const) }
  }

  /** The requests that it was sent. */
  get questions(): readonly { readonly id: number; readonly method: string; readonly params: { readonly message: string } }[] {
    return [...this.told.join('').matchAll(/^data: (.*"method":"[a-z]+\/.*)$/gm)]
      .map(([, line = '']) => JSON.parse(line) as { id: number; method: string; params: { message: string } })
      .filter(({ id }) => id !== undefined)
  }

  async asked(count = 1): Promise<void> {
    await until(() => this.questions.length >= count)
  }

  async place(): Promise<{ readonly pid: number; readonly opened: { readonly capabilities: object; readonly protocolVersion: string } }> {
    return JSON.parse(said(await this.tool('place').heard)) as never
  }

  async replies(): Promise<readonly { readonly id: string; readonly error?: { readonly code: number; readonly message: string } }[]> {
    return JSON.parse(said(await this.tool('replies').heard)) as never
  }
}

async function clientOf(server: McpServer, capabilities: object, holder: string | undefined = 'agent'): Promise<TestClient> {
  const client = new TestClient(server, holder)
  await client.initialize(capabilities)
  return client
}

function said({ text, broken }: Heard): string {
  assert.equal(broken, undefined)
  const line = text.startsWith('event:') ? (text.trim().split('data: ').at(-1) ?? '') : text
  return (JSON.parse(line) as { readonly result: { readonly content: readonly { readonly text: string }[] } }).result.content[0]?.text ?? ''
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((then) => setTimeout(then, 5))
}

const everything = { sampling: { context: {} }, elicitation: { form: {}, url: {} }, roots: { listChanged: true }, experimental: { x: {} } }

describe('a server that may ask its clients', () => {
  it('is told of each what it offers and may be asked for, and nothing else', async () => {
    const server = open(['sampling', 'roots'])
    const client = await clientOf(server, everything)
    const { opened } = await client.place()
    assert.deepEqual(opened.capabilities, { sampling: { context: {} }, roots: { listChanged: true } })
    assert.equal(opened.protocolVersion, '2025-06-18')
  })

  for (const [says, asks, offers, holder] of [
    ['may not ask', [], everything, 'agent'],
    ['is offered nothing by', clientOffers, { experimental: {} }, 'agent'],
    ['is called by somebody without a grant, by', clientOffers, everything, undefined],
    ['is offered far too much by', clientOffers, { sampling: { x: 'x'.repeat(5_000) } }, 'agent'],
  ] as const)
    it(`shares its child between all whom it ${says}`, async () => {
      const server = open(asks)
      const [one, other] = [new TestClient(server, holder), new TestClient(server, holder)]
      for (const each of [one, other]) await each.initialize(offers)
      assert.equal((await one.place()).pid, (await other.place()).pid)
      assert.deepEqual((await one.place()).opened.capabilities, {})
      await one.tool('askApart', { method: 'sampling/createMessage' }).heard
      assert.deepEqual(
        (await one.replies()).map(({ error }) => error?.code),
        [-32_601],
      )
    })

  for (const method of ['sampling/createMessage', 'elicitation/create', 'roots/list'])
    it(`asks ${method} of the one that called it, and hears its answer`, async () => {
      const server = open()
      const [one, other] = [await clientOf(server, everything), await clientOf(server, everything)]
      const shared = await clientOf(server, {})
      const beside = [other.tool('never'), other.listen(), shared.tool('never'), shared.listen()]
      const called = one.tool('ask', { method, text: 'who are you?' })
      await one.asked()
      const [question] = one.questions
      assert.deepEqual([question?.method, question?.params.message, typeof question?.id], [method, 'who are you?', 'number'])
      // Nobody else's answer to it is one.
      const answer = { id: question?.id, result: { text: 'somebody else' } }
      assert.equal((await other.send(answer).heard).status, 202)
      assert.equal((await shared.send(answer).heard).status, 202)
      assert.equal((await one.send({ id: question?.id, result: { text: 'ana' } }).heard).status, 202)
      assert.deepEqual(JSON.parse(said(await called.heard)), { jsonrpc: '2.0', id: 'ask-1', result: { text: 'ana' } })
      // A second answer is one to nothing.
      await one.send({ id: question?.id, result: { text: 'again' } }).heard
      assert.equal((await one.replies()).length, 1)
      assert.deepEqual([other.questions, shared.questions], [[], []])
      for (const each of beside) each.call.abort()
    })

  it('hears at once what the client does not offer, and what no client does', async () => {
    const client = await clientOf(open(), { roots: {} })
    for (const method of ['sampling/createMessage', 'toString', 'tasks/get', 'ping']) await client.tool('askApart', { method }).heard
    const replies = await client.replies()
    assert.deepEqual(
      replies.map(({ id, error }) => [id, error?.code]),
      [
        ['ask-1', -32_601],
        ['ask-2', -32_601],
        ['ask-3', -32_601],
        ['ask-4', undefined],
      ],
    )
    assert.deepEqual(client.questions, [])
  })

  it('is not heard where its id is none', async () => {
    const client = await clientOf(open(), everything)
    for (const id of [null, {}, { a: 1 }, [1], true]) await client.tool('askApart', { method: 'elicitation/create', id }).heard
    await client.tool('askApart', { method: 'ping' }).heard
    assert.deepEqual(
      (await client.replies()).map(({ id }) => id),
      ['ask-6'],
    )
    assert.deepEqual(client.questions, [])
  })

  it('asks no more at a time than somebody could answer', async () => {
    const client = await clientOf(open(clientOffers, { questionsMax: 2 }), everything)
    const stream = client.listen()
    for (const _ of [1, 2, 3]) await client.tool('askApart', { method: 'roots/list' }).heard
    await client.asked(2)
    assert.match((await client.replies())[0]?.error?.message ?? '', /2 questions are waiting/)
    await client.send({ id: client.questions[0]?.id, error: { code: -1, message: 'no' } }).heard
    await client.tool('askApart', { method: 'roots/list' }).heard
    await client.asked(3)
    stream.call.abort()
  })

  it('keeps no more of what cannot be told than somebody could read', async () => {
    const server = open(clientOffers, { questionBytesMax: 2_000 })
    const client = await clientOf(server, everything)
    const headers = [['mcp-session-id', client.session] as const, ['accept', 'application/json'] as const]
    const askApart = (text: string) =>
      tool(server, '7', 'askApart', { method: 'elicitation/create', text, asking: { holder: 'agent', headers } }).heard
    for (const text of ['a'.repeat(1_500), 'b'.repeat(1_500), 'c']) await askApart(text)
    const stream = client.listen()
    await client.asked(2)
    assert.deepEqual(
      (await client.replies()).map(({ id, error }) => [id, error?.message]),
      [['ask-2', 'at most 2000 bytes of questions wait for this client']],
    )
    // What was told takes no room.
    await askApart('d'.repeat(1_500))
    await client.asked(3)
    stream.call.abort()
  })

  it('is counted in the room of all that waits for its server’s clients, and leaves it when it is told or nobody waits', async () => {
    const server = open(clientOffers, { waitingBytesMax: 4_000, questionBytesMax: 1_000_000 })
    const [ana, ben] = [await clientOf(server, everything, 'ana'), await clientOf(server, everything, 'ben')]
    const askApart = (client: TestClient, holder: string, text: string) => {
      const headers = [['mcp-session-id', client.session] as const, ['accept', 'application/json'] as const]
      return tool(server, '7', 'askApart', { method: 'elicitation/create', text, asking: { holder, headers } }).heard
    }
    const full = 'more waits for the clients of this server than there is room for'
    const errorsOf = async (client: TestClient) => (await client.replies()).map(({ error }) => error?.message)
    await askApart(ana, 'ana', 'a'.repeat(3_000))
    await askApart(ben, 'ben', 'b'.repeat(3_000))
    assert.deepEqual(await errorsOf(ben), [full])
    const stream = ana.listen()
    await ana.asked()
    // What was told takes no room, and what waits for one client takes that of another.
    await askApart(ben, 'ben', 'b'.repeat(3_000))
    const eva = await clientOf(server, everything, 'eva')
    await askApart(eva, 'eva', 'e'.repeat(3_000))
    // With its child goes what it asked.
    await ben.listen('DELETE').heard
    await askApart(eva, 'eva', 'e'.repeat(3_000))
    assert.deepEqual(await errorsOf(eva), [full])
    stream.call.abort()
  })

  it('hears that whom it asked has left', async () => {
    const client = await clientOf(open(), everything)
    const called = client.tool('ask', { method: 'elicitation/create' })
    await client.asked()
    called.call.abort()
    assert.deepEqual(
      (await client.replies()).map(({ id, error }) => [id, error?.message]),
      [['ask-1', 'the client left']],
    )
  })

  it('waits for a stream, and not for ever', async () => {
    const server = open()
    const plain = await clientOf(server, everything)
    const json = tool(server, '7', 'askApart', {
      method: 'roots/list',
      asking: {
        holder: 'agent',
        headers: [
          ['mcp-session-id', plain.session],
          ['accept', 'application/json'],
        ],
      },
    })
    await json.heard
    const waiting = plain.listen()
    await plain.asked()
    waiting.call.abort()
    await plain.send({ id: plain.questions[0]?.id, result: {} }).heard
    assert.equal((await plain.replies()).length, 1)
    const again = {
      holder: 'agent',
      headers: [
        ['mcp-session-id', plain.session],
        ['accept', 'application/json'],
      ] as const,
    }
    await tool(server, '8', 'askApart', { method: 'roots/list', asking: again }).heard
    // It asked before it answered.
    ahead += stdioLimits.streamMs
    let replies: Awaited<ReturnType<TestClient['replies']>> = []
    while (replies.length < 2) replies = JSON.parse(said(await tool(server, '9', 'replies', { asking: again }).heard)) as never
    assert.match(replies[1]?.error?.message ?? '', /no stream open/)
  })

  it('waits for a person longer than for a server, and not for ever', async () => {
    const client = await clientOf(open(), everything)
    const { heard } = client.tool('ask', { method: 'elicitation/create' })
    await client.asked()
    let isOver = false
    void heard.then(() => (isOver = true))
    const step = stdioLimits.answerMs / 2
    for (let passed = 0; passed < stdioLimits.questionMs; passed += step) {
      assert.equal((await client.replies()).length, 0)
      assert.equal(isOver, false)
      ahead += step
      // Longer than from one look at the clock to the next.
      await new Promise((then) => setTimeout(then, 10))
    }
    const reply = JSON.parse(said(await heard)) as { error: { message: string } }
    assert.match(reply.error.message, /did not answer in time/)
  })

  it('takes back what it asked', async () => {
    const client = await clientOf(open(), everything)
    const stream = client.listen()
    await client.tool('askApart', { method: 'sampling/createMessage' }).heard
    await client.asked()
    const id = client.questions[0]?.id
    await client.tool('withdraw').heard
    await until(() => client.told.join('').includes(`"requestId":${String(id)}`))
    await client.send({ id, result: {} }).heard
    assert.deepEqual(await client.replies(), [])
    stream.call.abort()
  })

  it('says to its one client what it says to nobody in particular, and hears it', async () => {
    const client = await clientOf(open(), everything)
    assert.match((await client.send({ id: 1, method: 'logging/setLevel', params: { level: 'info' } }).heard).text, /"result":\{\}/)
    await client.tool('tell', { text: 'for this one' }).heard
    assert.match(client.told.join(''), /notifications\/message.*for this one/)
    assert.match((await client.initialize(everything)).text, /"logging":\{\}.*"subscribe":true/)
  })
})

describe('children of one client each', () => {
  const pidOf = async (client: TestClient) => (await client.place()).pid

  it('are no more than there is room for: who comes beyond shares one', async () => {
    const server = open(clientOffers, { ownChildrenMax: 2, ownChildrenOfOneMax: 1 })
    const [ana, again, ben, eva] = [
      await clientOf(server, everything, 'ana'),
      await clientOf(server, everything, 'ana'),
      await clientOf(server, everything, 'ben'),
      await clientOf(server, everything, 'eva'),
    ]
    const pids = [await pidOf(ana), await pidOf(again), await pidOf(ben), await pidOf(eva)]
    assert.equal(new Set(pids).size, 3)
    assert.equal(pids[1], pids[3])
    assert.deepEqual((await again.place()).opened.capabilities, {})
  })

  it('make room when they are quiet, and start again when they are called', async () => {
    const server = open(clientOffers, { ownChildrenMax: 1, ownQuietMs: 0 })
    const [ana, ben] = [await clientOf(server, everything, 'ana'), await clientOf(server, everything, 'ben')]
    const [first, second, third] = [await pidOf(ana), await pidOf(ben), await pidOf(ana)]
    assert.equal(new Set([first, second, third]).size, 3)
    assert.deepEqual(Object.keys((await ana.place()).opened.capabilities).toSorted(), ['elicitation', 'roots', 'sampling'])
  })

  it('end with their session', async () => {
    const server = open()
    const client = await clientOf(server, everything)
    const pid = await pidOf(client)
    await client.listen('DELETE').heard
    await until(() => {
      try {
        return !process.kill(pid, 0)
      } catch {
        return true
      }
    })
  })
})
