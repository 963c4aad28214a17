import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { Client as EarlierClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as EarlierTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { commandDigest } from '../../src/wire/command-digest.ts'
import { ContractServer, grantId } from '../cli/contract-server.ts'
import { type ServerAtWork, startFixture } from './fixture-server.ts'

const entry = fileURLToPath(new URL('../cli/entry.ts', import.meta.url))
const processes: ChildProcess[] = []
let fixture: ServerAtWork

before(async () => {
  fixture = await startFixture()
})
after(async () => {
  for (const each of processes) each.kill('SIGKILL')
  await fixture.close()
})

/** A Remit by its contract, and behind it the official server in a gateway's place. */
async function remit(url = fixture.url): Promise<ContractServer> {
  const server = await ContractServer.open()
  const routes = [{ name: 'echo', method: 'tools/call', path: 'echo', effect: 'execute', tier: 1, arguments: [] }]
  const ops = { name: 'ops', environment: 'prod', labels: [], url, routes, commandDigest: commandDigest(['ops-server', '--all']) }
  server.on('GET /v1/services', () => ({ status: 200, body: { services: [ops] } }))
  return server
}

function environment(server: ContractServer): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', REMIT_URL: server.url, REMIT_SECRET: 'rmt_agent' }
}

interface Shim {
  readonly process: ChildProcess
  readonly lines: string[]
  readonly said: () => string
  readonly ended: Promise<number | null>
  say(message: object): void
  answer(id: number | string): Promise<Answer>
}

interface Answer {
  readonly id?: unknown
  readonly method?: string
  readonly result?: Record<string, unknown>
  readonly error?: { readonly code: number; readonly message: string }
}

function start(server: ContractServer, words: readonly string[], env: Record<string, string> = {}): Shim {
  const child = spawn(process.execPath, [entry, 'mcp', ...words], {
    env: { ...environment(server), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  processes.push(child)
  const lines: string[] = []
  let [rest, err] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    const pieces = (rest + chunk.toString()).split('\n')
    rest = pieces.pop() ?? ''
    lines.push(...pieces)
  })
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const { promise, resolve } = Promise.withResolvers<number | null>()
  child.once('close', resolve)
  return {
    process: child,
    lines,
    said: () => err,
    ended: promise,
    say: (message) => void child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`),
    answer: async (id) => {
      for (;;) {
        const found = lines.map((line) => JSON.parse(line) as Answer).find((each) => each.id === id && each.method === undefined)
        if (found !== undefined) return found
        if (child.exitCode !== null) throw new Error(`it ended: ${err}`)
        await new Promise((then) => setTimeout(then, 10))
      }
    },
  }
}

const initialize = {
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
}
const modern = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} }

function scene(says: string, play: (server: ContractServer) => Promise<void>): void {
  it(says, async () => {
    const server = await remit()
    try {
      await play(server)
    } finally {
      await server.close()
    }
  })
}

describe('remit mcp', () => {
  for (const { says, make } of [
    { says: 'the official client of the revisions before 2026-07-28', make: () => new EarlierClient({ name: 'earlier', version: '1' }) },
    { says: 'the official client of today, opening', make: () => new Client({ name: 'today', version: '1' }) },
    {
      says: 'the official client of today, without an opening',
      make: () => new Client({ name: 'today', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } }),
    },
  ])
    scene(`serves ${says}`, async (server) => {
      const command = { command: process.execPath, args: [entry, 'mcp', '--service', 'ops'], env: environment(server) }
      const client = make()
      await (client instanceof Client ? client.connect(new StdioClientTransport(command)) : client.connect(new EarlierTransport(command)))
      const { tools } = await client.listTools()
      assert.equal(
        tools.some(({ name }) => name === 'test_simple_text'),
        true,
      )
      const called = await client.callTool({ name: 'test_simple_text', arguments: {} })
      assert.match(JSON.stringify(called.content), /simple text/)
      const steps: number[] = []
      const options = { onprogress: ({ progress }: { progress: number }) => void steps.push(progress) }
      await (client instanceof Client
        ? client.callTool({ name: 'test_tool_with_progress', arguments: {} }, options)
        : client.callTool({ name: 'test_tool_with_progress', arguments: {} }, undefined, options))
      assert.equal(steps.length > 0, true)
      await client.close()
    })

  scene('uses the token of the grant that is named, and one without a grant where none is', async (server) => {
    const named = start(server, ['--service', 'ops', '--grant', grantId])
    named.say(initialize)
    await named.answer(0)
    assert.deepEqual(scopes(server), [undefined, `grant:${grantId}`])
    named.process.stdin?.end()
    assert.equal(await named.ended, 0)
    const own = start(server, ['--service', 'ops'])
    own.say(initialize)
    await own.answer(0)
    assert.deepEqual(scopes(server).slice(2), [undefined, undefined])
    own.process.stdin?.end()
    assert.equal(await own.ended, 0)
  })

  scene('takes what remit run handed over, and asks nobody', async (server) => {
    const env = { REMIT_GRANT: grantId, REMIT_TOKEN: 'given', REMIT_SERVICE_OPS_URL: fixture.url, REMIT_SECRET: '' }
    const shim = start(server, ['--service', 'ops'], env)
    shim.say({ id: 1, method: 'server/discover', params: { _meta: modern } })
    assert.notEqual((await shim.answer(1)).result, undefined)
    assert.equal(server.received.length, 0)
    shim.process.kill('SIGTERM')
    assert.equal(await shim.ended, 143)
  })

  scene('lists while a grant waits for a person, and says so to what would act', async (server) => {
    server.firstState = 'pending'
    const shim = start(server, ['--service', 'ops', '--task', 'incident', '--for', 'checkout hangs'])
    shim.say(initialize)
    await shim.answer(0)
    shim.say({ id: 1, method: 'tools/call', params: { name: 'test_simple_text' } })
    const early = await shim.answer(1)
    assert.equal(early.result?.['isError'], true)
    assert.match(JSON.stringify(early.result), /not approved yet.*role:release-manager.*requests/)
    assert.deepEqual(
      server.calls('POST /v1/grants').map(({ body }) => (body as { readonly scope: string[] }).scope),
      [['execute:ops']],
    )
    server.set('approved')
    await server.called(`POST /v1/grants/${grantId}/activate`)
    while (!shim.lines.some((line) => line.includes('list_changed'))) await new Promise((then) => setTimeout(then, 10))
    shim.say({ id: 2, method: 'tools/call', params: { name: 'test_simple_text' } })
    assert.match(JSON.stringify((await shim.answer(2)).result), /simple text/)
    assert.equal(scopes(server).at(-1), `grant:${grantId}`)
    shim.process.stdin?.end()
    assert.equal(await shim.ended, 0)
    assert.equal(server.calls(`POST /v1/grants/${grantId}/done`).length, 1)
  })

  scene('goes on after a no, says it to what would act, and ends with 3', async (server) => {
    server.firstState = 'pending'
    const shim = start(server, ['--service', 'ops', '--task', 'incident', '--for', 'checkout hangs'])
    await server.called('POST /v1/grants')
    server.set('denied', { ending: { how: 'denied', by: 'alice', reason: 'not today' } })
    while (!shim.said().includes('came to nothing')) await new Promise((then) => setTimeout(then, 10))
    shim.say({ id: 1, method: 'tools/call', params: { name: 'echo', _meta: modern } })
    assert.match(JSON.stringify((await shim.answer(1)).result), /not today.*"resultType":"complete"/)
    shim.process.stdin?.end()
    assert.equal(await shim.ended, 3)
  })

  it('opens a lost session once for all who wait, and sends nothing without one meanwhile', async () => {
    const sessions: (string | undefined)[] = []
    let openings = 0
    const lost: ServerResponse[] = []
    const place = createServer((request, response) => {
      let text = ''
      request.on('data', (piece: Buffer) => (text += piece.toString()))
      request.on('end', () => {
        const { id, method } = (text === '' ? {} : JSON.parse(text)) as { readonly id?: number; readonly method?: string }
        const session = request.headers['mcp-session-id']
        const answer = (result: object, headers: Record<string, string> = {}) =>
          void response
            .writeHead(200, { 'content-type': 'application/json', ...headers })
            .end(JSON.stringify({ jsonrpc: '2.0', id, result }))
        if (method === 'initialize') {
          openings += 1
          const opened = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 't', version: '1' } }
          answer(opened, { 'mcp-session-id': `session-${openings}` })
        } else if (method !== 'tools/call') response.writeHead(method === undefined ? 405 : 202).end()
        else {
          sessions.push(typeof session === 'string' ? session : undefined)
          if (session === 'session-1') lost.push(response)
          else answer({ content: [] })
          // Each hears that it is gone only when all have asked, so that all look for another at one moment.
          if (lost.length === 3) for (const each of lost.splice(0)) each.writeHead(404).end()
        }
      })
    })
    await new Promise<void>((then) => place.listen(0, '127.0.0.1', then))
    const server = await remit(`http://127.0.0.1:${(place.address() as AddressInfo).port}/mcp`)
    const shim = start(server, ['--service', 'ops'])
    shim.say(initialize)
    await shim.answer(0)
    for (const id of [1, 2, 3]) shim.say({ id, method: 'tools/call', params: { name: 'echo' } })
    for (const id of [1, 2, 3]) assert.deepEqual((await shim.answer(id)).result, { content: [] })
    assert.deepEqual(sessions, ['session-1', 'session-1', 'session-1', 'session-2', 'session-2', 'session-2'])
    assert.equal(openings, 2)
    shim.process.stdin?.end()
    await shim.ended
    await server.close()
    place.closeAllConnections()
    place.close()
  })

  scene('finds a service by the command that its gateway starts, and starts none here', async (server) => {
    const shim = start(server, ['--', 'ops-server', '--all'])
    shim.say(initialize)
    assert.notEqual((await shim.answer(0)).result, undefined)
    shim.process.stdin?.end()
    assert.equal(await shim.ended, 0)
    const other = start(server, ['--json', '--', 'touch', 'a-file'])
    assert.equal(await other.ended, 3)
    assert.match(other.said(), /no gateway starts this command[\s\S]*command: \["touch","a-file"\]/)
    assert.deepEqual(other.lines, [])
  })

  it('gets another token when one is refused, opens again when its session is gone, and says when nobody answers', async () => {
    const relay = await openRelay()
    const server = await remit(relay.url)
    const shim = start(server, ['--service', 'ops'])
    shim.say(initialize)
    await shim.answer(0)
    shim.say({ method: 'notifications/initialized' })
    relay.refusals.push(401)
    shim.say({ id: 1, method: 'tools/call', params: { name: 'test_simple_text' } })
    assert.match(JSON.stringify((await shim.answer(1)).result), /simple text/)
    assert.equal(scopes(server).length, 3)
    const earlier = fixture
    fixture = await startFixture()
    await earlier.close()
    shim.say({ id: 2, method: 'tools/call', params: { name: 'test_simple_text' } })
    assert.match(JSON.stringify((await shim.answer(2)).result), /simple text/)
    assert.equal(shim.lines.filter((line) => line.includes('protocolVersion')).length, 1)
    relay.refusals.push(503)
    shim.say({ id: 3, method: 'ping' })
    assert.equal((await shim.answer(3)).error?.code, 503)
    relay.close()
    shim.say({ id: 4, method: 'ping' })
    assert.match((await shim.answer(4)).error?.message ?? '', /did not answer.*not known/)
    shim.process.stdin?.end()
    assert.equal(await shim.ended, 0)
    await server.close()
  })

  scene('refuses what is no message, and words that do not fit', async (server) => {
    const shim = start(server, ['--service', 'ops'])
    shim.process.stdin?.write('{"jsonrpc":\n')
    while (shim.lines.length === 0) await new Promise((then) => setTimeout(then, 10))
    assert.match(shim.lines[0] ?? '', /"id":null,"error":\{"code":-32700/)
    shim.process.stdin?.end()
    await shim.ended
    for (const words of [
      [],
      ['--service', 'ops', '--', 'x'],
      ['--service', 'ops', '--task', 't'],
      ['--service', 'ops', '--task', 't', '--for', 'f', '--grant', grantId],
    ])
      assert.equal(await start(server, words).ended, 2)
    assert.equal(await start(server, ['--service', 'none']).ended, 3)
  })
})

function scopes(server: ContractServer): (string | undefined)[] {
  return server.calls('POST /oauth/token').map(({ body }) => (body as { readonly scope?: string }).scope)
}

/** Stands before whichever fixture is there, and answers with a status of its own where one is wanted. */
async function openRelay() {
  const refusals: number[] = []
  const relay = createServer((asked, answered) => {
    const status = asked.method === 'POST' ? refusals.shift() : undefined
    if (status !== undefined) return void asked.resume().once('end', () => answered.writeHead(status).end('no'))
    const url = new URL(fixture.url)
    const sent = request(url, { method: asked.method ?? '', headers: { ...asked.headers, host: url.host } }, (answer) => {
      answered.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders()
      answer.pipe(answered)
      answer.once('error', () => answered.destroy())
    })
    sent.once('error', () => answered.destroy())
    answered.once('close', () => sent.destroy())
    asked.pipe(sent)
  })
  await new Promise<void>((then) => relay.listen(0, '127.0.0.1', then))
  const close = () => {
    relay.close()
    relay.closeAllConnections()
  }
  return { url: `http://127.0.0.1:${(relay.address() as AddressInfo).port}/mcp`, refusals, close }
}
