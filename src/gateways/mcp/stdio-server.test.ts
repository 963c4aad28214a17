import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { afterEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ask, type Given, type Heard, tool } from '../../../test/mcp/stdio-client.ts'
import { makeChance } from '../../host/chance.ts'
import { startChild } from '../../host/child-processes.ts'
import { ownUser } from '../../host/child-user.ts'
import { makeClock } from '../../host/clock.ts'
import { refuse } from '../../kernel/refusals.ts'
import type { McpServer } from './ports.ts'
import { type StdioLimits, stdioLimits } from './stdio-limits.ts'
import { stdioServer } from './stdio-server.ts'

const odd = fileURLToPath(new URL('../../../test/mcp/stdio-odd-server.ts', import.meta.url))
const servers: McpServer[] = []
/** How far a test has set the wall clock forward. */
let ahead = 0
const logged: { facts: Record<string, unknown>; says: string }[] = []

afterEach(async () => {
  logged.length = 0
  await Promise.all(servers.splice(0).map((each) => each.close()))
})

interface Setting {
  readonly mode?: string
  readonly command?: readonly string[]
  readonly variables?: readonly string[]
  readonly limits?: Partial<StdioLimits>
}

function open({ mode = '', command = [process.execPath, odd, mode], variables = [], limits = {} }: Setting = {}): McpServer {
  const write = (facts: object, says: string) => void logged.push({ facts: { ...facts }, says })
  const server = stdioServer({
    service: 'odd',
    program: { command, variables, user: ownUser() },
    start: startChild,
    clock: makeClock({ floor: 0, wall: () => Date.now() + ahead, sweepEvery: 5 }),
    chance: makeChance(),
    log: { info: write, warn: write, error: write },
    limits,
  })
  servers.push(server)
  return server
}

/** What a tool said, of a JSON answer or the last event. */
function said({ text, broken }: Heard): string {
  assert.equal(broken, undefined)
  const line = text.startsWith('event:') ? (text.trim().split('data: ').at(-1) ?? '') : text
  const message = JSON.parse(line) as { readonly result: { readonly content: readonly { readonly text: string }[] } }
  return message.result.content[0]?.text ?? ''
}

async function place(server: McpServer): Promise<{ readonly cwd: string; readonly pid: number; readonly openings: number }> {
  return JSON.parse(said(await tool(server, '1', 'place').heard)) as { cwd: string; pid: number; openings: number }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((then) => setTimeout(then, 10))
}

/** One that is over and only waits to be counted is not. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describe('a server that the gateway starts', () => {
  it('answers each client under its own id, in whatever order it answers', async () => {
    const server = open()
    const first = tool(server, '7', 'hold', { text: 'for the first' })
    const second = tool(server, '7', 'hold', { text: 'for the second' })
    const third = tool(server, '"a\\u0062"', 'hold', { text: 'for the third' })
    await tool(server, '7', 'release').heard
    const heard = await Promise.all([first.heard, second.heard, third.heard])
    assert.deepEqual(heard.map(said), ['for the first', 'for the second', 'for the third'])
    assert.match(heard[0].text, /"id":7,/)
    assert.match(heard[2].text, /"id":"a\\u0062",/)
    assert.deepEqual([heard[0].status, heard[0].form], [200, 'json'])
  })

  it('is opened once, and its opening is told to everybody who opens', async () => {
    const server = open()
    const opening = (version: string) =>
      ask(server, `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"${version}","capabilities":{"roots":{}}}}`)
        .heard
    const [newer, older] = [await opening('2025-11-25'), await opening('2025-06-18')]
    assert.match(newer.text, /"id":0,.*"protocolVersion":"2025-11-25"/)
    assert.match(older.text, /"protocolVersion":"2025-06-18"/)
    // What one client of several cannot be given is not announced.
    assert.match(newer.text, /"capabilities":\{"resources":\{"listChanged":true\},"tools":\{"listChanged":true\}\}/)
    const [one, other] = [newer, older].map(({ headers }) => headers.find(([name]) => name === 'mcp-session-id')?.[1] ?? '')
    assert.match(one ?? '', /^[0-9a-f]{32}$/)
    assert.notEqual(one, other)
    assert.equal((await place(server)).openings, 1)
    const notified = await ask(server, '{"jsonrpc":"2.0","method":"notifications/initialized"}').heard
    assert.deepEqual([notified.status, notified.bytes], [202, 0])
  })

  it('has PATH, HOME and its variables, an empty folder, and nothing else of ours', async () => {
    process.env['ODD_TOKEN'] = 'tok-4711-secret'
    process.env['ODD_OTHER'] = 'not-for-it'
    const server = open({ variables: ['ODD_TOKEN'] })
    const seen = JSON.parse(said(await tool(server, '1', 'environment').heard)) as Record<string, string>
    assert.equal(seen['ODD_TOKEN'], 'tok-4711-secret')
    assert.deepEqual(
      Object.keys(seen).filter((name) => !/^(PATH|HOME|ODD_TOKEN|LD_LIBRARY_PATH|PWD|SHLVL|_)$/.test(name)),
      [],
    )
    const { cwd, pid } = await place(server)
    assert.match(cwd, /remit-child-/)
    await server.close()
    assert.equal(existsSync(cwd), false)
    assert.equal(isAlive(pid), false)
  })

  it('is refused by name where one of its variables is not set', async () => {
    const { broken } = await tool(open({ variables: ['ODD_MISSING'] }), '1', 'echo', { text: 'hi' }).heard
    assert.equal(broken?.code, 'upstream.secret-unavailable')
    assert.match(broken.detail ?? '', /ODD_MISSING/)
  })

  it('has its stderr in the log, without control characters and secrets', async () => {
    process.env['ODD_TOKEN'] = 'tok-4711-secret'
    const server = open({ variables: ['ODD_TOKEN'] })
    const text = `\u001b[31mtoken is tok-4711-secret, or ${Buffer.from('tok-4711-secret').toString('base64')}\nsecond`
    await tool(server, '1', 'log', { text }).heard
    await until(() => logged.some(({ facts }) => facts['line'] === 'second'))
    const line = String(logged.find(({ facts }) => String(facts['line']).includes('token is'))?.facts['line'])
    assert.equal(line, '\ufffd[31mtoken is [secret], or [secret]')
  })

  it('floods its stderr, and neither the log nor anybody who calls it is drowned', async () => {
    const server = open()
    const before = process.memoryUsage().rss
    const flooded = tool(server, '1', 'flood', { bytes: 60_000_000 })
    assert.equal(said(await tool(server, '2', 'echo', { text: 'beside it' }).heard), 'beside it')
    assert.equal(said(await flooded.heard), 'flooded')
    assert.ok(logged.length <= 3_000, `${logged.length} lines`)
    assert.ok(process.memoryUsage().rss - before < 120_000_000)
  })

  it('gives progress to whoever asked, under the token that was given', async () => {
    const server = open()
    const [one, other] = [
      tool(server, '1', 'progress', { text: 'one', token: '"t"' }),
      tool(server, '1', 'progress', { text: 'other', token: '"t"' }),
    ]
    const heard = await Promise.all([one.heard, other.heard])
    assert.deepEqual(heard.map(said), ['one', 'other'])
    assert.match(heard[0].text, /^event: message\ndata: \{.*"progressToken":"t".*"message":"one"/)
    assert.equal(heard[0].text.includes('other'), false)
    assert.equal(heard[0].form, 'events')
    // A client that takes no events gets the answer alone.
    const plain = await tool(server, '1', 'progress', { text: 'x', token: '1', asking: { headers: [['accept', 'application/json']] } })
      .heard
    assert.deepEqual([plain.form, said(plain)], ['json', 'x'])
  })

  it('says nothing to one client that belongs to another, or to nobody', async () => {
    const server = open()
    const waiting = tool(server, '1', 'hold', { text: 'mine' })
    const heard = await tool(server, '2', 'foreign', { token: '5' }).heard
    assert.deepEqual([heard.form, said(heard)], ['json', 'done'])
    assert.equal(said(await tool(server, '1', 'unknown').heard), 'known')
    assert.equal(said(await tool(server, '1', 'again').heard), 'first')
    await tool(server, '3', 'release').heard
    // It gave no token, so that progress under its number was not passed on.
    assert.equal((await waiting.heard).text.includes('not yours'), false)
  })

  it('is told when a client leaves, and what it answers then is dropped', async () => {
    const server = open()
    const left = tool(server, '1', 'hold', { text: 'late' })
    await place(server)
    left.call.abort()
    const reasons = said(await tool(server, '2', 'cancelled').heard)
    assert.match(reasons, /"requestId":1\b/)
    assert.equal(said(await tool(server, '3', 'release').heard), 'released')
  })

  it('is told of a cancellation by the session that asked, and by no other', async () => {
    const server = open()
    const headers = [['mcp-session-id', 'one']] as const
    const mine = tool(server, '5', 'hold', { text: 'mine', asking: { headers } })
    const theirs = tool(server, '5', 'hold', { text: 'theirs', asking: { headers: [['mcp-session-id', 'two']] } })
    await place(server)
    await ask(server, '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}', { headers }).heard
    assert.equal((await mine.heard).bytes, 0)
    assert.match(said(await tool(server, '6', 'cancelled').heard), /^\[\{[^{}]*"requestId":1\}\]$/)
    await tool(server, '7', 'release').heard
    assert.equal(said(await theirs.heard), 'theirs')
  })

  it('is refused what it asks of clients, and answered when it pings', async () => {
    const server = open()
    await tool(server, '1', 'sample').heard
    const replies = JSON.parse(said(await tool(server, '2', 'replies').heard)) as {
      id: string
      error?: { code: number }
      result?: object
    }[]
    assert.deepEqual(
      replies.map(({ id, error, result }) => [id, error?.code, result]),
      [
        ['ask-1', -32601, undefined],
        ['ask-2', undefined, {}],
      ],
    )
  })

  it('tells of changed lists on the streams of clients that listen', async () => {
    const server = open()
    const stream = ask(server, '', { method: 'GET' })
    await tool(server, '1', 'changed').heard
    await server.close()
    const heard = await stream.heard
    assert.equal(heard.form, 'events')
    assert.match(heard.text, /list_changed/)
  })

  it('sends nothing that may not go any more', async () => {
    const server = open()
    const { broken } = await tool(server, '1', 'echo', { asking: { mayGo: () => refuse('grant.missing') } }).heard
    assert.equal(broken?.code, 'grant.missing')
  })

  it('takes a message over several lines as one', async () => {
    const text = '{"jsonrpc":"2.0",\r\n"id":1,\n"method":"tools/call","params":{"name":"echo","arguments":{"text":"a\\nb"}}}'
    assert.equal(said(await ask(open(), text).heard), 'a\nb')
  })

  it('answers large results piece by piece, as fast as they are taken', async () => {
    const server = open()
    const bytes = 20_000_000
    const { call, heard } = tool(server, '1', 'large', { bytes, asking: { onData: () => call.pause() } })
    let isOver = false
    void heard.then(() => (isOver = true))
    while (!isOver) {
      call.resume()
      await new Promise<void>((then) => setImmediate(then))
    }
    assert.equal((await heard).bytes > bytes, true)
  })
})

describe('a server that goes wrong', () => {
  const rows: readonly { readonly does: string; readonly given?: Given; readonly code: string; readonly limits?: Partial<StdioLimits> }[] =
    [
      { does: 'endlessGarbage', code: 'upstream.malformed' },
      { does: 'twice', code: 'upstream.malformed' },
      { does: 'neither', code: 'upstream.malformed' },
      { does: 'half', code: 'upstream.unreachable' },
      { does: 'die', code: 'upstream.unreachable' },
      { does: 'large', given: { bytes: 200_000 }, code: 'upstream.malformed', limits: { lineBytesMax: 100_000 } },
      { does: 'endless', code: 'upstream.malformed', limits: { lineBytesMax: 100_000, endlessLineBytesMax: 300_000 } },
    ]
  for (const { does, given = {}, code, limits = {} } of rows)
    it(`breaks the exchange and serves the next one: ${does}`, async () => {
      const server = open({ limits })
      const { broken, text } = await tool(server, '1', does, given).heard
      assert.deepEqual([broken?.code, text], [code, ''])
      assert.equal(said(await tool(server, '1', 'echo', { text: 'well again' }).heard), 'well again')
    })

  // The clock is set forward: an answer that is waited for a tenth of a second alone may come too late on a busy machine.
  for (const { does, code, isHeard } of [
    { does: 'never', code: 'upstream.timeout', isHeard: () => true },
    { does: 'silentGarbage', code: 'upstream.malformed', isHeard: () => logged.some(({ says }) => says.includes('no message')) },
  ])
    it(`breaks the exchange when its time is over, and serves the next one: ${does}`, async () => {
      const server = open()
      await place(server)
      const { heard } = tool(server, '1', does)
      await until(isHeard)
      let isOver = false
      void heard.then(() => (isOver = true))
      await until(() => {
        if (!isOver) ahead += stdioLimits.answerMs
        return isOver
      })
      const { broken, text } = await heard
      assert.deepEqual([broken?.code, text], [code, ''])
      assert.equal(said(await tool(server, '1', 'echo', { text: 'well again' }).heard), 'well again')
    })

  it('leaves out lines that are no message', async () => {
    const server = open()
    assert.equal(said(await tool(server, '1', 'garbage').heard), 'after garbage')
    assert.equal(logged.filter(({ says }) => says.includes('no message')).length, 3)
  })

  it('disturbs nobody else with an answer that is too large', async () => {
    const server = open({ limits: { lineBytesMax: 100_000 } })
    const waiting = tool(server, '1', 'hold', { text: 'patient' })
    assert.equal((await tool(server, '2', 'large', { bytes: 200_000 }).heard).broken?.code, 'upstream.malformed')
    await tool(server, '3', 'release').heard
    assert.equal(said(await waiting.heard), 'patient')
  })

  it('gives up a client that does not take what comes', async () => {
    const server = open({ limits: { waitingBytesMax: 100_000 } })
    const slow = tool(server, '1', 'large', { bytes: 150_000 })
    assert.equal((await slow.heard).broken?.code, 'upstream.malformed')
  })

  it('is left alone for a while when it cannot be started', async () => {
    const server = open({ mode: 'broken', limits: { failuresMax: 2, restMs: 30_000 } })
    const seen: string[] = [server.health.state]
    for (let attempt = 0; attempt < 3; attempt += 1)
      seen.push((await tool(server, '1', 'echo').heard).broken?.code ?? '', server.health.state)
    const [down, resting] = ['upstream.unreachable', 'upstream.resting']
    assert.deepEqual(seen, ['untried', down, 'failing', down, 'resting', resting, 'resting'])
    assert.match(server.health.error ?? '', /it exited with 1/)
    assert.deepEqual(
      logged.filter(({ says }) => says.startsWith('an MCP server does not run')).map(({ facts }) => facts['service']),
      ['odd'],
    )
    const none = await tool(open({ command: ['/nonexistent/program'] }), '1', 'echo').heard
    assert.equal(none.broken?.code, 'upstream.unreachable')
    assert.match(none.broken.detail ?? '', /there is no such program/)
  })

  it('is known to run once it has answered somebody', async () => {
    const server = open()
    await place(server)
    assert.equal(server.health.state, 'reachable')
    assert.equal((await tool(server, '1', 'die').heard).broken?.code, 'upstream.unreachable')
    assert.equal(server.health.state, 'reachable')
  })

  it('is ended when it does not answer its opening', async () => {
    const { broken } = await tool(open({ mode: 'mute', limits: { startMs: 200 } }), '1', 'echo').heard
    assert.equal(broken?.code, 'upstream.timeout')
  })

  it('takes no more than so many requests', async () => {
    const server = open({ limits: { exchangesMax: 2 } })
    const calls = [1, 2, 3].map(() => tool(server, '1', 'never'))
    assert.equal((await calls[2]?.heard)?.broken?.code, 'rate.exceeded')
  })
})

describe('the end of a server', () => {
  it('comes when it is idle, and the next request starts another', async () => {
    const server = open({ limits: { idleMs: 50 } })
    const { pid } = await place(server)
    await until(() => !isAlive(pid))
    assert.notEqual((await place(server)).pid, pid)
  })

  it('takes what it started with it', async () => {
    const server = open()
    const grandchild = Number(said(await tool(server, '1', 'grandchild').heard))
    assert.equal(isAlive(grandchild), true)
    await server.close()
    await until(() => !isAlive(grandchild))
  })

  it('takes what it started with it, also when it dies by itself', async () => {
    const server = open()
    const grandchild = Number(said(await tool(server, '1', 'grandchild').heard))
    await tool(server, '1', 'die').heard
    await until(() => !isAlive(grandchild))
  })

  it('comes by force after two seconds', async () => {
    const server = open({ mode: 'stubborn' })
    const { pid } = await place(server)
    const began = performance.now()
    await server.close()
    assert.equal(isAlive(pid), false)
    assert.equal(performance.now() - began >= 1_900, true)
  })

  it('breaks off what is under way', async () => {
    const server = open()
    const waiting = tool(server, '1', 'never')
    await place(server)
    await server.close()
    assert.equal((await waiting.heard).broken?.code, 'upstream.unreachable')
    assert.equal((await tool(server, '1', 'echo').heard).broken?.code, 'upstream.unreachable')
  })
})
