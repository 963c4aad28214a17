import assert from 'node:assert/strict'
import { request } from 'node:http'
import { connect } from 'node:net'
import test, { after, before } from 'node:test'
import { endpoints } from '../../src/api/endpoints.ts'
import { type ApiHouse, openApiHouse } from './api-house.ts'
import { call } from './calls.ts'
import { ask } from './held.ts'

let api: ApiHouse

before(async () => {
  api = await openApiHouse({ hosts: ['remit.example:8443'] })
})
after(() => api.close())

/** Bytes as they are, and everything that comes back until the other side closes. */
function raw(text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(api.port, '127.0.0.1', () => socket.end(text))
    let answered = ''
    socket.on('data', (chunk) => {
      answered += chunk.toString()
    })
    socket.on('close', () => resolve(answered))
    // Whoever answers before it has read everything resets the connection behind its answer.
    socket.on('error', () => undefined)
  })
}

const hosts: readonly { readonly host: string; readonly status: number }[] = [
  { host: 'localhost:PORT', status: 200 },
  { host: '127.0.0.1:PORT', status: 200 },
  { host: '[::1]:PORT', status: 200 },
  { host: 'remit.example:8443', status: 200 },
  { host: 'evil.example', status: 421 },
  { host: 'evil.example:PORT', status: 421 },
  { host: 'localhost', status: 421 },
]
for (const { host, status } of hosts) {
  test(`Host: ${host} is answered ${status}`, async () => {
    const named = host.replace('PORT', `${api.port}`)
    for (const path of ['/v1/health', '/nothing-here']) {
      const answered = await call(api.port, { method: 'GET', path, headers: { host: named } })
      assert.equal(answered.status, status === 200 && path !== '/v1/health' ? 404 : status)
    }
  })
}

test('a page asked for by another name of ours is found at its one origin', async () => {
  const answered = await call(api.port, { method: 'GET', path: '/sign-in?next=%2Fwaiting', headers: { host: `127.0.0.1:${api.port}` } })
  assert.deepEqual([answered.status, answered.headers['location']], [303, `${api.origin}/sign-in?next=%2Fwaiting`])
})

const unreadable: readonly { readonly says: string; readonly text: string }[] = [
  { says: 'no HTTP', text: 'hello\r\n\r\n' },
  { says: 'two Host headers', text: 'GET /v1/health HTTP/1.1\r\nHost: localhost:PORT\r\nHost: evil.example\r\nConnection: close\r\n\r\n' },
  {
    says: 'two Authorization headers',
    text: 'GET /v1/whoami HTTP/1.1\r\nHost: localhost:PORT\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\nConnection: close\r\n\r\n',
  },
  {
    says: 'two Cookie headers',
    text: 'GET /waiting HTTP/1.1\r\nHost: localhost:PORT\r\nCookie: a=1\r\nCookie: b=2\r\nConnection: close\r\n\r\n',
  },
  { says: 'no Host header', text: 'GET /v1/health HTTP/1.1\r\nConnection: close\r\n\r\n' },
  {
    says: 'a length and chunks',
    text: 'POST /oauth/token HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n',
  },
  { says: 'a path that cannot be decoded', text: 'GET /v1/grants/%zz HTTP/1.1\r\nHost: localhost:PORT\r\nConnection: close\r\n\r\n' },
]
for (const { says, text } of unreadable) {
  test(`${says}: refused without insides`, async () => {
    const answered = await raw(text.replaceAll('PORT', `${api.port}`))
    assert.match(answered, /^HTTP\/1\.1 4(?:00|21) /)
    assert.doesNotMatch(answered, /node_modules|\.ts:\d|at \w+ \(/)
  })
}

test('headers beyond what is read are refused', async () => {
  const answered = await raw(`GET /v1/health HTTP/1.1\r\nHost: localhost:${api.port}\r\nX-Big: ${'x'.repeat(20_000)}\r\n\r\n`)
  assert.match(answered, /^HTTP\/1\.1 4\d\d /)
})

test('whoever calls too often hears when to come back, and nobody else is disturbed', async () => {
  const limited = endpoints.find(({ path }) => path === '/oauth/device_authorization')
  const form = {
    method: 'POST',
    path: '/oauth/device_authorization',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: '',
  }
  const max = limited?.perMinuteMax ?? 0
  const from = performance.now()
  const answers = await Promise.all(Array.from({ length: 3 * max }, () => call(api.port, form)))
  // On a busy machine some come back while they are asked.
  const refilled = Math.ceil(((performance.now() - from) * max) / 60_000)
  const taken = answers.filter(({ status }) => status === 200).length
  assert.ok(max <= taken && taken <= max + refilled, `${taken} of ${max} and ${refilled}`)
  const refused = answers.filter(({ status }) => status === 429)
  assert.equal(refused.length, 3 * max - taken)
  for (const { headers } of refused) assert.ok(Number(headers['retry-after']) >= 1)
  assert.equal((await call(api.port, { method: 'GET', path: '/v1/health' })).status, 200)
})

test('guessing tokens is slow, whatever it is tried on, and disturbs nobody who has one', async () => {
  const paths = ['/v1/whoami', '/v1/grants', '/v1/holds', '/v1/services']
  const guess = (place: number) =>
    call(api.port, { method: 'GET', path: paths[place % paths.length] ?? '', headers: { authorization: `Bearer x${place}` } })
  const perMinuteMax = 120
  const from = performance.now()
  let refused = 0
  while ((await guess(refused)).status === 401) {
    refused += 1
    // On a slow machine some come back while they are used up.
    const refilled = Math.ceil(((performance.now() - from) * perMinuteMax) / 60_000)
    assert.ok(refused <= perMinuteMax + refilled, `${refused} guesses, and ${refilled} came back`)
  }
  assert.ok(refused > 0)
  const token = await api.token('bot')
  assert.equal((await call(api.port, { method: 'GET', path: '/v1/whoami', headers: { authorization: `Bearer ${token}` } })).status, 200)
})

test('an error of ours shows an id, and the log has the rest under it', async () => {
  const fire = () => Promise.reject(new Error('the disk is on fire: secret'))
  const other = await openApiHouse({ sequencer: { vkey: 'x', flush: fire, head: fire } })
  try {
    const answered = await call(other.port, { method: 'GET', path: '/v1/ledger/checkpoint' })
    assert.equal(answered.status, 500)
    assert.doesNotMatch(answered.body, /fire|secret|Error/)
    const [, id] = /: ([0-9a-f]{16})"/.exec(answered.body) ?? []
    const line = other.logged.find(({ facts }) => facts?.['id'] === id)
    assert.match(String(line?.facts?.['error']), /on fire/)
  } finally {
    await other.close()
  }
})

test('one caller waits for so many grants at once, and a client that went away counts no more', async () => {
  const { id } = await ask(api, 'bot', { task: 'release', statement: 'ship', scope: ['shop/deploy'] })
  const headers = { host: `localhost:${api.port}`, authorization: `Bearer ${await api.token('bot')}` }
  const path = `/v1/grants/${id}?wait=60&state=pending`
  const waiting = Array.from({ length: 32 }, () => {
    const outgoing = request({ host: '127.0.0.1', port: api.port, path, agent: false, headers })
    outgoing.on('error', () => undefined)
    outgoing.end()
    return outgoing
  })
  const status = async () => (await call(api.port, { method: 'GET', path: path.replace('wait=60', 'wait=1'), headers })).status
  while ((await status()) !== 429);
  for (const outgoing of waiting) outgoing.destroy()
  while ((await status()) !== 200);
})

test('other methods and paths are not there', async () => {
  for (const [method, path] of [
    ['PUT', '/v1/grants'],
    ['DELETE', '/v1/grants'],
    ['HEAD', '/v1/health'],
    ['OPTIONS', '/v1/grants'],
    ['GET', '/v1/health/'],
    ['GET', '/V1/health'],
    ['GET', '//v1/health'],
    ['TRACE', '/v1/health'],
  ] as const) {
    assert.equal((await call(api.port, { method, path })).status, 404, `${method} ${path}`)
  }
  const page = await call(api.port, { method: 'GET', path: '/nope', headers: { accept: 'text/html' } })
  assert.match(String(page.headers['content-type']), /^text\/html/)
})
