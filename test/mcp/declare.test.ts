/** `remit declare`, against real servers of both eras: what it writes is a configuration that stands. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { askServer } from '../../src/gateways/mcp/ask-server.ts'
import { defaultFrontLimits } from '../../src/gateways/mcp/front-limits.ts'
import { HttpMcpServer } from '../../src/gateways/mcp/upstream-http.ts'
import { makeClock } from '../../src/host/clock.ts'
import { check } from '../../src/main/check.ts'
import { declareServer } from '../../src/main/declare.ts'
import { tryCli } from '../cli/try-cli.ts'
import { startOlderOps, startOps, startRaw } from './gateway-house.ts'

const house = { declare: declareServer, check }

function attempt(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return tryCli(words, { house, env })
}

/** What it wrote, below what every configuration has: as `remit check` reads it. */
async function checked(context: TestContext, text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'declare-'))
  context.after(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'policies'))
  await writeFile(
    join(folder, 'policies', 'all.cedar'),
    '@id("nothing-is-wiped")\nforbid (principal, action in Effect::Action::"delete", resource);',
  )
  const file = join(folder, 'remit.yaml')
  await writeFile(file, `version: 1\npolicies: ./policies\npeople: [{ name: ana }]\n${text}`)
  return attempt(['check', join(folder, 'policies'), '-f', file])
}

test('a server of 2026-07-28: what it has, as a service that checks', async (context) => {
  const { url } = await startOps(context)
  const { out, err, exitCode } = await attempt(['declare', 'ops', url])
  assert.equal(exitCode, 0, err)
  assert.match(
    out,
    /- \{ name: restart, effect: execute, arguments: \[ \{ name: service, required: true \} \] \} # does not say what it does/,
  )
  assert.match(out, /\{ name: first, uri: runbook:\/\/ops \}/)
  assert.match(out, /prompts:\n +- \{ name: handover \}/)
  const report = await checked(context, out)
  assert.match(report.out, /all is well: \d+ policies, 1 services/, report.err)
})

test('a server of 2025-11-25, whose session is ended again', async (context) => {
  const older = await startOlderOps(context)
  const { out, exitCode } = await attempt(['declare', 'older', older.url, '--json'])
  assert.equal(exitCode, 0)
  const { service } = JSON.parse(out) as { service: { tools: { name: string }[] } }
  assert.deepEqual(
    service.tools.map(({ name }) => name),
    ['look', 'wipe'],
  )
  assert.equal(older.sessions.size, 0)
})

test('a command, which is given what is named and nothing else', async (context) => {
  const server = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-memory/dist/index.js')
  const { out, err, exitCode } = await attempt(['declare', 'notes', '--', process.execPath, server])
  assert.equal(exitCode, 0, err)
  assert.match(out, /\{ name: delete_entities, effect: delete, .*# says that it destroys/)
  assert.match((await checked(context, out)).out, /all is well/)
})

test('a token goes to the server by its name, and is written by its name', async (context) => {
  const { url, heard } = await startRaw(context, ({ response }) => response.writeHead(401).end())
  const { out, err, exitCode } = await attempt(['declare', 'bank', url, '--bearer', 'env:BANK'], { BANK: 'sesame-opens-it' })
  assert.equal(heard[0]?.request.headers.authorization, 'Bearer sesame-opens-it')
  assert.equal(exitCode, 1)
  assert.match(err, /the server cannot be asked.*\n +next +check address and --bearer/)
  assert.doesNotMatch(out + err, /sesame/)
})

const wrong: Readonly<Record<string, readonly [words: readonly string[], says: RegExp]>> = {
  'no server': [['declare', 'bank'], /no server is named/],
  'a name that is none': [['declare', 'The Bank', 'http://127.0.0.1:1/mcp'], /is not a name/],
  'an address with a password': [['declare', 'bank', 'http://me:pw@127.0.0.1:1/mcp'], /not the address of an MCP server/],
  'a token on the command line': [
    ['declare', 'bank', 'http://127.0.0.1:1/mcp', '--bearer', 'sesame'],
    /a token does not stand on a command line/,
  ],
  'a token that is not set': [['declare', 'bank', 'http://127.0.0.1:1/mcp', '--bearer', 'env:NOT_SET'], /NOT_SET is not set/],
  'a token for a command': [['declare', 'bank', '--bearer', 'env:BANK', '--', 'true'], /a command is given no token/],
}

for (const [what, [words, says]] of Object.entries(wrong)) {
  test(`it is a matter of usage: ${what}`, async () => {
    const { err, exitCode } = await attempt(words, { BANK: 'sesame-opens-it' })
    assert.equal(exitCode, 2)
    assert.match(err, says)
    assert.doesNotMatch(err, /:pw@/)
  })
}

const results: Readonly<Record<string, readonly [body: string, says: RegExp]>> = {
  'what is no JSON': ['{"jsonrpc":', /cannot be read/],
  'a key twice': ['{"jsonrpc":"2.0","id":1,"result":{},"result":{}}', /cannot be read/],
  'an error of its own': ['{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}', /initialize with an error/],
}

for (const [what, [body, says]] of Object.entries(results)) {
  test(`a server that answers ${what} is told of`, async (context) => {
    const { url } = await startRaw(context, ({ response }) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(body))
    const { err, exitCode } = await attempt(['declare', 'bank', url])
    assert.equal(exitCode, 1)
    assert.match(err, says)
  })
}

function serverAt(url: string) {
  const { origin, pathname } = new URL(url)
  const clock = makeClock({ floor: 0 })
  const server = new HttpMcpServer({
    service: 'bank',
    origin,
    endpoint: pathname,
    clock,
    limits: defaultFrontLimits,
    credential: () => ({ ok: true, value: undefined }),
  })
  return { server, clock }
}

test('pages are followed to their end, and not for ever', async (context) => {
  const page = (tools: readonly object[]) => JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools, nextCursor: 'more' } })
  let pages = 0
  const { url } = await startRaw(context, ({ body, response }) => {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    if (!body.includes('"tools/list"'))
      return response.end('{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}}')
    pages += 1
    return response.end(page([{ name: `tool${pages}` }]))
  })
  const { server, clock } = serverAt(url)
  const said = await askServer({ server, clock, limits: defaultFrontLimits, elementsMax: 20, bytesMax: 1_000_000, within: 60_000 })
  await server.close()
  assert.equal(said.ok, false)
  assert.equal(pages, 21)
})

test('a server that never answers is not waited for beyond the time', async (context) => {
  const { url, heard } = await startRaw(context, () => {})
  const { server, clock } = serverAt(url)
  const alive = setInterval(() => undefined, 1_000)
  const said = await askServer({ server, clock, limits: defaultFrontLimits, elementsMax: 20, bytesMax: 1_000_000, within: 300 })
  clearInterval(alive)
  await server.close()
  assert.equal(said.ok, false)
  assert.equal(heard.length, 1)
})

const endless: Readonly<Record<string, readonly [elements: readonly unknown[], says: RegExp]>> = {
  'pages of what is no tool': [[1], /more than 20 tools/],
  'pages that are large': [[{ name: 'tool', description: 'x'.repeat(300_000) }], /its lists are too long/],
}

for (const [what, [elements, says]] of Object.entries(endless)) {
  test(`it stops at ${what}`, async (context) => {
    const { url } = await startRaw(context, ({ body, response }) => {
      const result = body.includes('"tools/list"')
        ? { tools: elements, nextCursor: 'more' }
        : { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } }
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: 1, result }))
    })
    const { origin, pathname } = new URL(url)
    const clock = makeClock({ floor: 0 })
    const credential = () => ({ ok: true, value: undefined }) as const
    const server = new HttpMcpServer({ service: 'bank', origin, endpoint: pathname, clock, limits: defaultFrontLimits, credential })
    const said = await askServer({ server, clock, limits: defaultFrontLimits, elementsMax: 20, bytesMax: 1_000_000, within: 10_000 })
    await server.close()
    assert.match(said.ok ? '' : (said.refusal.detail ?? ''), says)
  })
}

test('a revision that is none is not repeated to anybody', async (context) => {
  const { url, heard } = await startRaw(context, ({ body, response }) => {
    const result = body.includes('"initialize"')
      ? '"result":{"protocolVersion":"2025-11-25\\r\\nx-role: root","capabilities":{}}'
      : '"error":{"code":-32601,"message":"no"}'
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(`{"jsonrpc":"2.0","id":1,${result}}`)
  })
  const { err, exitCode } = await attempt(['declare', 'bank', url])
  assert.equal(exitCode, 1)
  assert.match(err, /it speaks no revision of MCP/)
  assert.equal(heard.length, 2)
})
