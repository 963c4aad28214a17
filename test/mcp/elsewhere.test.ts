/** A gateway on a machine of its own, over TLS: it starts an MCP server, tells OAuth clients where to go, and serves official clients. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Cast, gather } from '../../demo/cast.ts'
import { runRemit, type RunningRemit, startRemit } from '../../demo/remit-process.ts'
import type { GatewayNews, Ready } from '../../src/cli/house.ts'
import { ownUser } from '../../src/host/child-user.ts'
import { freePort } from '../world/own-address.ts'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const everything = path('../../node_modules/@modelcontextprotocol/server-everything/dist/index.js')

type ReadyNews = Extract<GatewayNews, { readonly news: 'ready' }>

let folder: string
let remit: RunningRemit
let cast: Cast
let gateway: ChildProcess
let ready: ReadyNews
/** A file that holds what the gateway's certificates hang on. */
let authority: string

const service = `
  - name: tools
    protocol: mcp
    gateway: edge
    command: ${JSON.stringify([process.execPath, everything, 'stdio'])}
    user: ${JSON.stringify(ownUser())}
    environment: prod
    impact: { data: low, service: low, safety: none }
    tools:
      - { name: echo, effect: read, trust: trusted, arguments: [{ name: message, type: string }] }
      - { name: get-sum, effect: read, trust: trusted, arguments: [{ name: a, type: long }, { name: b, type: long }] }
`
const policy = `
@id("agents-may-use-tools") @duration("20m") @maxDuration("1h")
permit (principal in Role::"incident-agents", action == Action::"request", resource in Server::"tools")
when { context.task.kind == "incident" };
`

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'remit-elsewhere-'))
  const shop = join(folder, 'shop')
  await cp(path('../../demo/shop'), shop, { recursive: true })
  await writeFile(join(shop, 'remit.yaml'), (await readFile(join(shop, 'remit.yaml'), 'utf8')) + service)
  await writeFile(join(shop, 'policies', 'tools.cedar'), policy)
  remit = await startRemit(join(folder, 'data'), join(shop, 'remit.yaml'), { SHOP_SECRET: 'sesame' }, ['--gateways', `${await freePort()}`])
  cast = await gather(remit, folder)
  const { code } = await asks<{ readonly code: string }>('ana', ['gateways', 'invite', 'edge-1', '--gateway', 'edge'])
  const feed = (remit.ready as Ready).feed ?? ''
  const words = ['gateway', '--control', feed, '--data', join(folder, 'edge'), '--enrol', code, '--tls', '--json']
  gateway = spawn(path('../../bin/remit'), words, { stdio: ['ignore', 'pipe', 'inherit'] })
  ready = await readyOf(gateway)
  authority = ready.authority ?? ''
})

after(async () => {
  if (gateway?.exitCode === null) await new Promise((then) => gateway.once('close', then).kill('SIGTERM'))
  await remit?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function readyOf(child: ChildProcess): Promise<ReadyNews> {
  let text = ''
  for await (const piece of child.stdout ?? []) {
    text += String(piece)
    for (const line of text.split('\n').slice(0, -1)) {
      const news = JSON.parse(line) as GatewayNews
      if (news.news === 'ready') return news
    }
  }
  throw new Error(`the gateway ended: ${text}`)
}

async function asks<T>(who: string, words: readonly string[]): Promise<T> {
  const ran = await runRemit([...words, '--json'], cast.as(who))
  assert.equal(ran.code, 0, ran.stdout + ran.stderr)
  return JSON.parse(ran.stdout) as T
}

async function get(
  url: string,
  method = 'GET',
): Promise<{ readonly status: number; readonly headers: NodeJS.Dict<string | string[]>; readonly body: string }> {
  const ca = await readFile(authority)
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof get>>>()
  const headers = method === 'POST' ? { 'content-type': 'application/json' } : {}
  const sent = request(url, { method, ca, headers }, (answer) => {
    let body = ''
    answer.setEncoding('utf8').on('data', (piece: string) => void (body += piece))
    answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }))
  })
  sent.on('error', reject)
  sent.end(method === 'POST' ? '{"jsonrpc":"2.0","id":1,"method":"ping"}' : undefined)
  return promise
}

const url = () => ready.services.find((each) => each.service === 'tools')?.url ?? ''

test('a client without a token is told where it gets one: at control, for this gateway', async () => {
  assert.match(url(), /^https:\/\//)
  const bare = await get(url(), 'POST')
  assert.equal(bare.status, 401)
  const [, metadata = ''] = /resource_metadata="([^"]+)"/.exec(String(bare.headers['www-authenticate'])) ?? []
  assert.equal(new URL(metadata).origin, new URL(url()).origin)
  const told = JSON.parse((await get(metadata)).body) as { readonly resource: string; readonly authorization_servers: readonly string[] }
  assert.equal(told.resource, url())
  assert.deepEqual(told.authorization_servers, [new URL((remit.ready as Ready).pages).origin])
})

test('official clients of both eras use the server that the gateway started, over https, until the task is done', async () => {
  const { id } = await asks<{ readonly id: string }>('incident-agent', [
    'request',
    'tools/echo,message=hi',
    '--task',
    'incident',
    '--for',
    'x',
  ])
  await asks('incident-agent', ['activate', id])
  const { token } = await asks<{ readonly token: string }>('incident-agent', ['token', id, '--gateway', 'edge', '--show'])
  const calls = JSON.stringify([
    ['echo', { message: 'hi' }],
    ['echo', { message: 'ho' }],
    ['get-sum', { a: 1, b: 2 }],
  ])
  const env = { PATH: process.env['PATH'] ?? '', TOKEN: token, NODE_EXTRA_CA_CERTS: authority }
  const call = (era: string) => promisify(execFile)(process.execPath, [path('./https-caller.ts'), era, url(), calls], { env })
  for (const { stdout } of await Promise.all(['today', 'earlier'].map(call))) {
    const { tools, answers } = JSON.parse(stdout) as { readonly tools: readonly string[]; readonly answers: readonly string[] }
    assert.deepEqual(
      tools.filter((name) => !name.startsWith('remit_')),
      ['echo'],
    )
    assert.equal(answers[0], 'Echo: hi')
    assert.match(answers[1] ?? '', /^grant\.arguments/)
    assert.match(answers[2] ?? '', /^grant\./)
  }
  await asks('incident-agent', ['done', id])
  const { stderr } = await call('today').catch((failed: { readonly stderr: string }) => failed)
  assert.match(stderr, /grant|credential|401/)
})
