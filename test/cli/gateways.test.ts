/** Control and gateways as processes of their own, over real TLS: enrolled, fed, cut off, removed. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Cast, gather } from '../../demo/cast.ts'
import { runRemit, type RunningRemit, startRemit } from '../../demo/remit-process.ts'
import type { ExportReport, GatewayNews, Ready } from '../../src/cli/house.ts'
import { freePort } from '../world/own-address.ts'

const program = fileURLToPath(new URL('../../bin/remit', import.meta.url))

const ports = { api: await freePort(), feed: await freePort() }
let folder: string
let upstream: Server
let origin: string
let remit: RunningRemit
let cast: Cast
let feed: string
let edge: Gateway
const streams: ServerResponse[] = []
const gateways: Gateway[] = []

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'remit-gateways-'))
  upstream = createServer((incoming, response) => {
    incoming.resume()
    if (incoming.url === '/incidents') {
      response.write('begin')
      streams.push(response)
    } else response.end(incoming.headers.authorization === 'Bearer sesame' ? 'with its secret' : 'without a secret')
  })
  await new Promise<void>((then) => upstream.listen(0, '127.0.0.1', then))
  origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  await cp(fileURLToPath(new URL('../../demo/shop', import.meta.url)), join(folder, 'shop'), { recursive: true })
  const file = join(folder, 'shop', 'remit.yaml')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace('http://127.0.0.1:9000', `${origin}\n    gateway: edge`))
  remit = await startUp()
  feed = (remit.ready as Ready).feed ?? ''
  cast = await gather(remit, folder)
})

after(async () => {
  await Promise.all(gateways.map((each) => each.stop()))
  await remit?.stop()
  upstream?.closeAllConnections()
  upstream?.close()
  await rm(folder, { recursive: true, force: true })
})

/** Each time where it was before: its gateway knows no other address of it. */
function startUp(): Promise<RunningRemit> {
  const more = ['--port', `${ports.api}`, '--gateways', `${ports.feed}`]
  return startRemit(join(folder, 'data'), join(folder, 'shop', 'remit.yaml'), { SHOP_SECRET: 'sesame' }, more)
}

/** `remit gateway` as a process of its own, and what it said. */
class Gateway {
  readonly child: ChildProcess
  readonly news: GatewayNews[] = []
  stdout = ''
  stderr = ''
  readonly ended: Promise<number | null>

  constructor(name: string, words: readonly string[] = []) {
    this.child = spawn(program, ['gateway', '--control', feed, '--data', join(folder, name), '--json', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    gateways.push(this)
    let text = ''
    this.child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      this.stdout += chunk
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end)
        if (line.startsWith('{"news"')) this.news.push(JSON.parse(line) as GatewayNews)
        text = text.slice(end + 1)
      }
    })
    this.child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.stderr += chunk
    })
    this.ended = new Promise((resolve) => this.child.once('close', (code) => resolve(code)))
  }

  async says<K extends GatewayNews['news']>(kind: K, after = 0): Promise<Extract<GatewayNews, { readonly news: K }>> {
    for (;;) {
      const found = this.news.slice(after).find((each): each is Extract<GatewayNews, { readonly news: K }> => each.news === kind)
      if (found !== undefined) return found
      if (this.child.exitCode !== null) throw new Error(`the gateway ended with ${this.child.exitCode}: ${this.stdout}${this.stderr}`)
      await pause()
    }
  }

  async url(): Promise<string> {
    const { services } = await this.says('ready')
    return services.find(({ service }) => service === 'shop')?.url ?? ''
  }

  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM')
    return this.ended
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10))
}

async function asks<T>(who: string, words: readonly string[], exitCode = 0): Promise<T> {
  const ran = await runRemit([...words, '--json'], cast.as(who))
  assert.equal(ran.code, exitCode, ran.stdout + ran.stderr)
  return JSON.parse(ran.stdout) as T
}

async function invite(name: string): Promise<string> {
  const { code, control } = await asks<{ readonly code: string; readonly control: readonly string[] }>('ana', [
    'gateways',
    'invite',
    name,
    '--gateway',
    'edge',
  ])
  assert.deepEqual(control, [feed])
  return code
}

/** A grant at work, and its token for the gateway. */
async function working(scope: string): Promise<{ readonly id: string; readonly token: string }> {
  const words = ['request', scope, '--task', scope.startsWith('read') ? 'incident' : 'telemetry', '--for', 'a test']
  const who = scope.startsWith('read') ? 'incident-agent' : 'metrics-client'
  const { id } = await asks<{ readonly id: string }>(who, words)
  await asks(who, ['activate', id])
  const { token } = await asks<{ readonly token: string }>(who, ['token', id, '--gateway', 'edge', '--show'])
  return { id, token }
}

function put(url: string, token: string): Promise<Response> {
  return fetch(`${url}/telemetry/latency`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{"value":42}',
  })
}

test('five commands: a service behind a gateway on another machine', async () => {
  const code = await invite('edge-1')
  edge = new Gateway('edge-1', ['--enrol', code, '--authz', '0'])
  const url = await edge.url()
  const ready = await edge.says('ready')
  assert.deepEqual([ready.name, ready.gateway, ready.space], ['edge-1', 'edge', 'main'])
  // Proxies may ask here as well, but not about a service that this gateway forwards itself.
  const asked = await fetch(`${ready.authz}/ext-authz/shop/incidents`, { headers: { 'x-real-ip': '127.0.0.1' } })
  assert.deepEqual([asked.status, asked.headers.get('remit-refusal')], [404, 'not-found'])
  const { token } = await working('shop/put-telemetry,uses=5')
  const answered = await put(url, token)
  assert.deepEqual([answered.status, await answered.text()], [200, 'with its secret'])
  // A token for another gateway is none here, and the gateway inside control does not serve what is another's.
  const elsewhere = await asks<{ readonly token: string }>('metrics-client', ['token', (await working('shop/put-telemetry')).id, '--show'])
  assert.equal((await put(url, elsewhere.token)).status, 401)
  assert.deepEqual(remit.ready.gateways, [])
  const listed = await asks<{ readonly gateways: readonly Record<string, unknown>[] }>('ana', ['gateways'])
  assert.deepEqual(
    listed.gateways.map((each) => [each['name'], each['gateway'], each['state'], each['connected']]),
    [['edge-1', 'edge', 'enrolled', true]],
  )
  assert.match((await runRemit(['gateways'], cast.as('ana'))).stdout, /^NAME +GATEWAY +STATE[^\n]*\nedge-1 +edge +connected since/)
  for (const file of ['keys/gateway.pem', 'keys/journal.pem', 'keys/enrolment.json'])
    assert.equal((await stat(join(folder, 'edge-1', file))).mode & 0o777, 0o600, file)
})

test('remit run finds a service behind a gateway elsewhere, and has the token that is for it', async () => {
  const url = await edge.url()
  const listed = await asks<{ readonly services: readonly Record<string, unknown>[] }>('incident-agent', ['services'])
  assert.deepEqual(
    listed.services.map((each) => [each['name'], each['gateway'], each['url'], each['urls']]),
    [['shop', 'edge', url, undefined]],
  )
  assert.match((await runRemit(['services'], cast.as('ana'))).stdout, /^SERVICE +GATEWAY +TOKEN FOR[^\n]*\nshop +http:[^ ]+ +edge /)
  const script = `fetch(process.env.REMIT_SERVICE_SHOP_URL + '/incidents/1', { headers: { authorization: 'Bearer ' + process.env.REMIT_TOKEN } })
    .then(async (response) => console.log(response.status, await response.text()))`
  const words = ['run', '--task', 'incident', '--can', 'read:shop', '--for', 'a look', '--', process.execPath, '-e', script]
  const ran = await runRemit(words, cast.as('incident-agent'))
  assert.deepEqual([ran.stdout, ran.code], ['200 with its secret\n', 0], ran.stderr)
})

test('a code is good once: whoever comes second is told nothing, and an operator is told of it', async () => {
  const code = await invite('edge-2')
  const first = new Gateway('edge-2', ['--enrol', code])
  await first.says('ready')
  const second = new Gateway('thief', ['--enrol', code])
  assert.equal(await second.ended, 1)
  assert.match(second.stdout, /this code enrols nobody/)
  const never = new Gateway('nobody', ['--enrol', `gwc_${'0'.repeat(40)}.${code.split('.')[1]}`])
  assert.equal(await never.ended, 1)
  assert.equal(never.stdout, second.stdout)
  const wrong = new Gateway('lost', ['--enrol', `gwc_${'0'.repeat(40)}.${'A'.repeat(43)}`])
  assert.equal(await wrong.ended, 1)
  assert.match(wrong.stdout, /is not the control that this code is from/)
  // The same line again, as a service manager would start it, is no second use.
  assert.equal(await first.stop(), 0)
  const again = new Gateway('edge-2', ['--enrol', code])
  await again.says('ready')
  const locked = new Gateway('edge-2')
  assert.equal(await locked.ended, 1)
  assert.match(locked.stdout, /another process has this data folder/)
  assert.equal(await again.stop(), 0)
  const told = await ledger()
  assert.ok(told.includes('enrolment-code-reused'))
  assert.ok(!told.includes(code.slice(4, 44)))
})

test('what is revoked at control stops at the gateway', async () => {
  const url = await edge.url()
  const { id, token } = await working('read:shop')
  const stream = await open(url, token)
  assert.equal(stream.status, 200)
  const { confirmed } = await asks<{ readonly confirmed: readonly { readonly gateway: string; readonly how?: string }[] }>('ben', [
    'revoke',
    id,
    '--reason',
    'enough',
  ])
  // Before revoke answered, the last byte had passed.
  assert.equal(await stream.closed, 'cut')
  assert.ok(
    confirmed.some(({ gateway }) => gateway === 'edge-1'),
    JSON.stringify(confirmed),
  )
})

test('without control everything ends with the lease; with it back, it catches up and serves', async () => {
  const url = await edge.url()
  const { token } = await working('shop/put-telemetry,uses=50')
  const reading = await working('read:shop')
  const stream = await open(url, reading.token)
  assert.equal((await put(url, token)).status, 200)
  const heard = edge.news.length
  remit.process.kill('SIGKILL')
  await new Promise((resolve) => remit.process.once('exit', resolve))
  // What is counted has its home at control, and is refused at once.
  const counted = await put(url, token)
  assert.equal(counted.status, 503)
  assert.match(await counted.text(), /urn:remit:refusal:/)
  await edge.says('lost', heard)
  assert.equal(await stream.closed, 'cut')
  const refused = await fetch(`${url}/incidents/1`, { headers: { authorization: `Bearer ${reading.token}` } })
  assert.equal(refused.status, 503)
  remit = await startUp()
  await edge.says('back', heard)
  assert.equal((await put(url, token)).status, 200)
})

test('whoever is removed is out at once, and its key for good', async () => {
  const url = await edge.url()
  const { token } = await working('read:shop')
  const stream = await open(url, token)
  const heard = edge.news.length
  const removed = await asks<{ readonly secrets: readonly string[] }>('ben', ['gateways', 'remove', 'edge-1', '--reason', 'stolen'])
  assert.deepEqual(removed.secrets, ['shop'])
  await edge.says('lost', heard)
  assert.equal(await stream.closed, 'cut')
  assert.equal(await edge.stop(), 0)
  const back = new Gateway('edge-1')
  const { why } = await back.says('waiting')
  assert.match(why, /no gateway is enrolled under this key/)
  assert.equal(await back.stop(), 0)
  while (!(await exported()).text.includes('gateway-key-unknown')) await pause()
  await ledger()
})

test('whoever has the journal of a gateway checks it against an export', async () => {
  await ledger()
  const out = join(folder, 'beside.jsonl')
  assert.equal((await runRemit(['ledger', 'export', '--out', out], cast.as('eva'))).code, 0)
  const kept = join(folder, 'kept')
  await cp(join(folder, 'edge-1', 'journal'), kept, { recursive: true })
  const verify = async (...folders: readonly string[]) => {
    const ran = await runRemit(['ledger', 'verify', out, '--json', ...folders.flatMap((each) => ['--journal', each])], {})
    return { code: ran.code, said: ran.stdout + ran.stderr }
  }
  const alone = await verify()
  assert.equal(alone.code, 0, alone.said)
  const without = JSON.parse(alone.said) as ExportReport
  assert.deepEqual(
    without.journals.map(({ name }) => name),
    ['remit.local/main/http'],
  )
  const beside = await verify(kept, join(folder, 'edge-2', 'journal'))
  assert.equal(beside.code, 0, beside.said)
  const report = JSON.parse(beside.said) as ExportReport
  assert.deepEqual(report.elsewhere, [])
  const [mine] = without.elsewhere.toSorted((one, other) => other.anchors - one.anchors)
  const read = report.journals.find(({ name }) => name === mine?.name)
  assert.deepEqual([read?.anchors, read?.anchoredTo], [mine?.anchors, mine?.anchoredTo])
  // One word of it changed, and a folder that has none.
  const [file = ''] = (await readdir(kept)).filter((name) => name.endsWith('.jsonl'))
  const text = await readFile(join(kept, file), 'utf8')
  await writeFile(join(kept, file), text.replace('put-telemetry', 'get-telemetry'))
  const changed = await verify(kept)
  assert.equal(changed.code, 1, changed.said)
  assert.match(changed.said, /lines \d+ to \d+ are not those that line \d+ seals/)
  assert.match((await verify(folder)).said, /there is no journal in/)
})

/** Every entry, as whoever audits has it. */
async function exported(): Promise<{ readonly out: string; readonly text: string }> {
  const out = join(folder, `${performance.now()}.jsonl`)
  const ran = await runRemit(['ledger', 'export', '--out', out], cast.as('eva'))
  assert.equal(ran.code, 0, ran.stdout + ran.stderr)
  return { out, text: await readFile(out, 'utf8') }
}

/** The same, checked. */
async function ledger(): Promise<string> {
  const { out, text } = await exported()
  const verified = await runRemit(['ledger', 'verify', out], {})
  assert.equal(verified.code, 0, verified.stdout + verified.stderr)
  return text
}

/** A request whose answer goes on until somebody ends it. */
function open(url: string, token: string): Promise<{ readonly status: number; readonly closed: Promise<'cut' | 'ended'> }> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/incidents`, { headers: { authorization: `Bearer ${token}` }, agent: false }, (incoming) => {
      const closed = new Promise<'cut' | 'ended'>((then) => {
        incoming.on('close', () => then(incoming.complete ? 'ended' : 'cut'))
        incoming.on('error', () => then('cut'))
      })
      incoming.once('data', () => resolve({ status: incoming.statusCode ?? 0, closed }))
    })
    sent.on('error', reject)
    sent.end()
  })
}
