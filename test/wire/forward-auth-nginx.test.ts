/** The nginx of docs/examples, as it stands there but for its addresses, between clients, Remit and a service. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import test, { type TestContext } from 'node:test'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { readAnswers } from '../hostile/hostile-client.ts'
import { startNginx } from '../world/nginx.ts'
import { ownAddress } from '../world/own-address.ts'
import { openProxiedHouse, type ProxiedHouse } from './forward-auth-house.ts'
import { type Received, recordingUpstream } from './upstreams.ts'

const example = readFileSync(new URL('../../docs/examples/nginx-remit.conf', import.meta.url), 'utf8')

interface Heard {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
  /** Of the problem in the body. */
  readonly code: string
}

interface Guarded extends ProxiedHouse {
  readonly received: readonly Received[]
  /** Sends a request from an address of this machine, with these lines in its head, and answers what its sender heard. */
  ask(line: string, lines?: readonly string[], more?: { readonly body?: string; readonly from?: string }): Promise<Heard>
}

async function guarded(context: TestContext): Promise<Guarded> {
  const [remit, upstream] = await Promise.all([openProxiedHouse(context), recordingUpstream(context)])
  const at = ownAddress()
  const here: readonly (readonly [string, string])[] = [
    ['127.0.0.1:9000', `127.0.0.1:${upstream.port}`],
    ['127.0.0.1:8722', `127.0.0.1:${remit.port}`],
    ['127.0.0.1:8080', `${at.host}:${at.port}`],
  ]
  const http = here.reduce((text, [there, now]) => {
    assert.equal(text.split(there).length, 2, `the example has ${there} once`)
    return text.replace(there, now)
  }, example)
  await startNginx(context, http, at)
  const ask: Guarded['ask'] = async (line, lines = [`Authorization: Bearer ${remit.token}`], { body = '', from = '127.0.0.1' } = {}) => {
    const text = [line, 'Host: stall.example', 'Connection: close', ...lines, '', body].join('\r\n')
    const bytes = await new Promise<Buffer>((resolve, reject) => {
      const pieces: Buffer[] = []
      const socket = connect({ ...at, localAddress: from })
      socket.on('error', reject)
      socket.on('data', (piece: Buffer) => pieces.push(piece))
      socket.on('end', () => resolve(Buffer.concat(pieces)))
      socket.write(text)
    })
    const { answers, flaw } = readAnswers(bytes, [line.split(' ')[0] ?? ''], true)
    const [answer] = answers
    if (answer === undefined) return assert.fail(`${flaw ?? 'no answer'} to ${line}: ${bytes.toString()}`)
    const said = answer.body.toString()
    const [, code = ''] = /"urn:remit:refusal:([a-z.-]+)"/.exec(said) ?? []
    return { status: answer.status, headers: answer.headers, body: said, code }
  }
  return { ...remit, received: upstream.received, ask }
}

test('what Remit lets through is forwarded as it came, with the proxy’s secret and without the token', async (context) => {
  const { ask, received, token, lines } = await guarded(context)
  const heard = await ask('GET /items?q=a%20lamp HTTP/1.1')
  assert.deepEqual([heard.status, heard.body, heard.headers.get('set-cookie')], [200, '{}', undefined])
  const bearer = `Authorization: Bearer ${token}`
  assert.equal((await ask('POST /items/7/buy HTTP/1.1', [bearer, 'Content-Length: 5'], { body: 'hello' })).status, 200)
  assert.deepEqual(
    received.map(({ line, body }) => [line, body]),
    [
      ['GET /items?q=a%20lamp', ''],
      ['POST /items/7/buy', 'hello'],
    ],
  )
  const [first] = received
  assert.equal(first?.headers.includes('Bearer the-secret-of-the-stall'), true)
  assert.equal(JSON.stringify(received).includes(token), false)
  const outcomes = (await lines()).filter(({ type }) => type === 'outcome')
  assert.deepEqual(
    outcomes.map(({ result, decision }) => [result, decision]),
    received.map(({ headers }) => ['delegated', headers[headers.indexOf('Remit-Decision') + 1]]),
  )
})

test('what Remit refuses is not forwarded, and its sender reads the whole problem', async (context) => {
  const { ask, received, token } = await guarded(context)
  const bearer = `Authorization: Bearer ${token}`
  const none = await ask('GET /items HTTP/1.1', [])
  assert.deepEqual([none.status, none.code, none.headers.get('www-authenticate')], [401, 'credential.missing', 'Bearer realm="remit"'])
  const rows: readonly (readonly [what: string, line: string, code: string, lines?: readonly string[]])[] = [
    ['an operation that nobody declared', 'GET /secrets HTTP/1.1', 'action.unknown'],
    ['tier 2', 'DELETE /items HTTP/1.1', 'action.needs-gateway'],
    ['what a person must approve', 'POST /restart HTTP/1.1', 'action.needs-gateway', [bearer, 'Content-Length: 0']],
    ['arguments in the body', 'PATCH /items/7 HTTP/1.1', 'action.needs-gateway', [bearer, 'Content-Length: 0']],
    ['a duty that needs the answer', 'GET /export HTTP/1.1', 'action.duty-unmet'],
    ['an encoded slash', 'GET /items/a%2Fb HTTP/1.1', 'action.ambiguous'],
    ['an encoded letter', 'GET /items/%61 HTTP/1.1', 'action.ambiguous'],
    ['an empty segment', 'GET //items HTTP/1.1', 'action.ambiguous'],
    ['dots', 'GET /items/../items HTTP/1.1', 'action.ambiguous'],
    ['a fragment', 'GET /items#top HTTP/1.1', 'action.ambiguous'],
    ['an argument twice', 'GET /items?q=a&q=b HTTP/1.1', 'action.ambiguous'],
    ['an argument that nobody declared', 'GET /items?admin=1 HTTP/1.1', 'action.arguments'],
    ['a second method', 'GET /items HTTP/1.1', 'action.ambiguous', [bearer, 'X-HTTP-Method-Override: DELETE']],
    ['a second target', 'GET /items HTTP/1.1', 'action.ambiguous', [bearer, 'X-Original-URL: /secrets']],
    ['a header twice', 'GET /items HTTP/1.1', 'action.ambiguous', [bearer, 'Range: bytes=0-1', 'Range: bytes=2-3']],
    ['an upgrade', 'GET /items HTTP/1.1', 'action.needs-gateway', [bearer, 'Upgrade: websocket']],
    ['a GET with a body', 'GET /items HTTP/1.1', 'action.ambiguous', [bearer, 'Content-Length: 1']],
    ['a GET with chunks', 'GET /items HTTP/1.1', 'action.ambiguous', [bearer, 'Transfer-Encoding: chunked']],
    [
      'a form',
      'POST /items/7/buy HTTP/1.1',
      'action.needs-gateway',
      [bearer, 'Content-Type: application/x-www-form-urlencoded', 'Content-Length: 1'],
    ],
  ]
  for (const [what, line, code, lines] of rows) {
    const heard = await ask(line, lines, { body: '0\r\n\r\n' })
    assert.deepEqual([heard.status, heard.code, heard.headers.get('content-type')], [403, code, 'application/problem+json'], what)
    assert.equal(heard.headers.get('remit-refusal'), code, what)
    const problem: Readonly<Record<string, string>> = JSON.parse(heard.body)
    assert.ok((problem['remedy'] ?? '').length > 10, what)
    assert.equal(problem['decision'], heard.headers.get('remit-decision'), what)
  }
  assert.deepEqual(received, [])
})

test('what a client says in the proxy’s place counts for nothing', async (context) => {
  const { ask, received, token } = await guarded(context)
  const bearer = `Authorization: Bearer ${token}`
  const forged = [
    'X-Original-Method: GET',
    'X-Original-URI: /items',
    'X-Original-Framing: length= coding= upgrade=',
    'X-Real-IP: 127.0.0.1',
    'X-Forwarded-For: 127.0.0.1',
    'Forwarded: for=127.0.0.1',
    'Remit-Decision: dec_forged',
  ]
  const lied = await ask('GET /secrets HTTP/1.1', [bearer, ...forged, ...forged])
  assert.deepEqual([lied.status, lied.code], [403, 'action.unknown'])
  assert.deepEqual(received, [])
  assert.equal((await ask('GET /items HTTP/1.1', [bearer, ...forged])).status, 200)
  const sent = received.flatMap(({ headers }) => headers).join('\n')
  assert.doesNotMatch(sent, /dec_forged|X-Original|Forwarded\n|for=/)
  // The token is bound to the address that used it first, which another one cannot claim to be.
  const elsewhere = await ask('GET /items HTTP/1.1', [bearer, ...forged], { from: '127.0.0.77' })
  assert.deepEqual([elsewhere.status, elsewhere.code], [401, 'credential.elsewhere'])
  // Nor is the place where nginx asks reached from outside.
  assert.equal((await ask('GET /.remit-asks HTTP/1.1', [bearer])).status, 404)
  assert.equal(received.length, 1)
})

test('a target in absolute form is read, decided and forwarded as the path that nginx makes of it', async (context) => {
  const { ask, received } = await guarded(context)
  assert.equal((await ask('GET http://stall.example/items HTTP/1.1')).status, 200)
  assert.equal((await ask('GET http://stall.example/secrets HTTP/1.1')).code, 'action.unknown')
  assert.deepEqual(
    received.map(({ line }) => line),
    ['GET /items'],
  )
})

test('the end of the grant binds at the next request, and uses are counted', async (context) => {
  const { ask, received, token, world, grant } = await guarded(context)
  const buy = () => ask('POST /items/7/buy HTTP/1.1', [`Authorization: Bearer ${token}`, 'Content-Length: 0'])
  assert.deepEqual([(await buy()).status, (await buy()).status, (await buy()).code], [200, 200, 'grant.uses-spent'])
  assert.equal((await ask('GET /items HTTP/1.1')).status, 200)
  mustBe(await revokeGrant(world.desk, await world.caller('ben'), grant.id, 'stop'))
  const ended = await ask('GET /items HTTP/1.1')
  assert.equal(ended.status, 403)
  assert.match(ended.code, /^(grant|session)\.ended$/)
  assert.equal(received.length, 3)
})

test('without Remit nothing is forwarded', async (context) => {
  const { ask, received, door } = await guarded(context)
  assert.equal((await ask('GET /items HTTP/1.1')).status, 200)
  await door.close(0)
  assert.equal((await ask('GET /items HTTP/1.1')).status, 500)
  assert.equal(received.length, 1)
})
