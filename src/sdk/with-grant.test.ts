import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, test } from 'node:test'
import { ContractServer, grantId, refusal } from '../../test/cli/contract-server.ts'
import { Remit } from './remit.ts'
import { RemitRefusal } from './remit-refusal.ts'

let server: ContractServer
let remit: Remit

beforeEach(async () => {
  server = await ContractServer.open()
  remit = new Remit({ url: server.url, credential: { secret: 's' } })
})
afterEach(() => server.close())

const task = { task: 'release', statement: 'ship 1.4', scope: ['shop/deploy'], heartbeatSeconds: 0.02 }
const path = (end: string) => `POST /v1/grants/${grantId}/${end}`

test('work that ends well ends its grant, and gives its result', async () => {
  const result = await remit.withGrant(task, async ({ grant, token }) => {
    assert.equal(grant.state, 'active')
    assert.equal(await token(), `token-for-urn:remit:main:gateway:http-grant:${grantId}`)
    return 7
  })
  assert.equal(result, 7)
  assert.equal(server.calls(path('done')).length, 1)
  assert.equal(server.grant?.ending?.how, 'completed')
})

test('work that throws ends its grant, and the caller sees what it threw', async () => {
  await assert.rejects(
    remit.withGrant(task, () => Promise.reject(new Error('broken'))),
    /broken/,
  )
  assert.equal(server.grant?.ending?.how, 'abandoned')
  assert.match(server.grant?.ending?.reason ?? '', /broken/)
})

test('what the work threw is seen also when the grant cannot be ended', async () => {
  server.on(path('abandon'), () => refusal('internal', 500))
  await assert.rejects(
    remit.withGrant(task, () => Promise.reject(new Error('broken'))),
    /broken/,
  )
})

test('a grant that could not be ended after good work is no secret', async () => {
  server.on(path('done'), () => refusal('store.unavailable', 500))
  await assert.rejects(
    remit.withGrant(task, () => Promise.resolve()),
    RemitRefusal,
  )
})

test('a denied request never starts the work', async () => {
  server.firstState = 'pending'
  let worked = false
  const pages: string[] = []
  const asked = remit.withGrant({ ...task, onState: ({ page }) => pages.push(page) }, async () => {
    worked = true
  })
  await server.called(`GET /v1/grants/${grantId}`, 2)
  server.set('denied', { ending: { how: 'denied', by: 'alice', reason: 'freeze' } })
  await assert.rejects(asked, (thrown: unknown) => thrown instanceof RemitRefusal && thrown.message.includes('denied by alice: freeze'))
  assert.equal(worked, false)
  assert.ok(pages[0]?.endsWith(grantId))
})

test('the caller who breaks off while waiting withdraws the request', async () => {
  server.firstState = 'pending'
  const stop = new AbortController()
  const asked = remit.withGrant({ ...task, signal: stop.signal }, () => Promise.resolve())
  await server.called(`GET /v1/grants/${grantId}`, 2)
  stop.abort(new Error('enough'))
  await assert.rejects(asked, /enough/)
  assert.equal(server.calls(path('abandon')).length, 1)
})

test('signs of life are sent while the work goes on, and no longer', async () => {
  // They do not stop by themselves.
  server.on(path('heartbeat'), () => ({ status: 200, body: { state: 'active' } }))
  await remit.withGrant(task, () => server.called(path('heartbeat'), 3))
  const sent = server.calls(path('heartbeat')).length
  // Time for several more; one that was on the way when the work ended may still arrive.
  await new Promise((then) => setTimeout(then, 150))
  assert.ok(server.calls(path('heartbeat')).length <= sent + 1)
})

test('work hears that its grant ended first', async () => {
  await assert.rejects(
    remit.withGrant(task, async ({ signal }) => {
      server.set('ended', { ending: { how: 'revoked', by: 'alice', reason: 'stop' } })
      const { promise, reject } = Promise.withResolvers<never>()
      signal.addEventListener('abort', () => reject(signal.reason))
      await promise
    }),
    /the grant ended before the work did/,
  )
})

test('each service is called with the token that is for its own gateway', async (t) => {
  const seen: (string | undefined)[] = []
  const gateway = createServer((request, response) => {
    seen.push(`${request.url} ${request.headers.authorization}`)
    response.end('ok')
  })
  await new Promise<void>((then) => gateway.listen(0, '127.0.0.1', then))
  t.after(() => {
    gateway.closeAllConnections()
    gateway.close()
  })
  const { port } = gateway.address() as AddressInfo
  const [here, there, second] = [`http://127.0.0.1:${port}`, `http://localhost:${port}`, `http://127.0.0.2:${port}`]
  const service = { environment: 'prod', labels: [], routes: [] }
  server.on('GET /v1/services', () => ({
    status: 200,
    body: {
      services: [
        { ...service, name: 'till', url: here },
        { ...service, name: 'shop', gateway: 'edge', url: there, urls: [there, second] },
      ],
    },
  }))
  const tokenFor = (name: string) => `token-for-urn:remit:main:gateway:${name}-grant:${grantId}`
  await remit.withGrant(task, async ({ fetch, token, url: urlOf }) => {
    assert.deepEqual([urlOf('shop'), urlOf('till')], [there, here])
    assert.throws(() => urlOf('nowhere'), /no gateway of a service "nowhere"/)
    // The scope names the shop.
    assert.deepEqual([await token(), await token('shop'), await token('till')], [tokenFor('edge'), tokenFor('edge'), tokenFor('http')])
    await assert.rejects(token('nowhere'), /there is no service "nowhere"/)
    for (const [url, path] of [
      [here, 'till'],
      [there, 'shop'],
    ])
      assert.equal(await (await fetch(`${url}/${path}`)).text(), 'ok')
    await assert.rejects(fetch(`${second}/shop`), /fetch failed/)
  })
  assert.deepEqual(seen, [`/till Bearer ${tokenFor('http')}`, `/shop Bearer ${tokenFor('edge')}`])
})

test('the token goes to gateways and nowhere else', async () => {
  const seen: (string | undefined)[] = []
  const gateway = createServer((request, response) => {
    seen.push(request.headers.authorization)
    response.end('ok')
  })
  await new Promise<void>((then) => gateway.listen(0, '127.0.0.1', then))
  const url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`
  server.on('GET /v1/services', () => ({
    status: 200,
    body: { services: [{ name: 'shop', environment: 'prod', labels: [], url, routes: [] }] },
  }))
  await remit.withGrant(task, async ({ fetch }) => {
    assert.equal(await (await fetch(`${url}/orders`, { method: 'POST', body: 'x' })).text(), 'ok')
    await assert.rejects(fetch(`${server.url}/v1/whoami`), /is not a gateway of this Remit/)
  })
  assert.deepEqual(seen, [`Bearer token-for-urn:remit:main:gateway:http-grant:${grantId}`])
  gateway.closeAllConnections()
  gateway.close()
})
