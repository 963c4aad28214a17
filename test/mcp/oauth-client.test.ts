import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import {
  Client,
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client'
import type { Caller } from '../../src/control/desk.ts'
import { completeGrant } from '../../src/control/end-grant.ts'
import { requestGrant } from '../../src/control/request-grant.ts'
import { activateGrant } from '../../src/control/work-window.ts'
import { type McpGateway, startMcpGateway } from '../../src/gateways/mcp/gateway.ts'
import { resourceHook } from '../../src/gateways/mcp/resource-metadata.ts'
import { makeAuthority, makeLeaf } from '../../src/host/certificates.ts'
import { makeClientDocuments } from '../../src/host/client-documents.ts'
import { makeClock } from '../../src/host/clock.ts'
import type { JsonObject } from '../../src/kernel/json.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { type ApiHouse, openApiHouse } from '../api/api-house.ts'
import { Consenting } from '../api/oauth-clients.ts'
import { type HouseServer, serveHouse } from './house-servers.ts'

const policies = `
@id("tasks") @duration("30m") @maxDuration("1h")
permit (principal in Role::"operators", action == Action::"request", resource)
when { context.task.kind == "incident" };
`

let upstream: HouseServer
let documents: Server
let documentUrl: string
let api: ApiHouse
let gateway: McpGateway
/** What the client's metadata document says, for the test at hand. */
let redirects: readonly string[] = ['http://127.0.0.1/callback']

before(async () => {
  upstream = await serveHouse('ops', {
    look: { says: 'looks', takes: {}, answer: () => 'all is well' },
    restart: { says: 'restarts', takes: { service: 'string' }, changes: true, answer: ({ service }) => `restarted ${String(service)}` },
  })
  const now = Date.now()
  const plan = { from: now - 60_000, to: now + 3_600_000 }
  const authority = await makeAuthority({ commonName: 'documents', names: [], ...plan })
  const leaf = await makeLeaf(authority, { commonName: 'documents', names: ['localhost'], ...plan })
  documents = createServer({ cert: leaf.certificate, key: leaf.key }, (_request, response) => {
    const document = {
      client_id: documentUrl,
      client_name: 'The official client',
      redirect_uris: redirects,
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    }
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(document))
  })
  await new Promise<void>((resolve) => documents.listen(0, '127.0.0.1', resolve))
  documentUrl = `https://localhost:${(documents.address() as AddressInfo).port}/client.json`
  const document = {
    version: 1,
    space: 'main',
    policyFiles: [{ name: 'ops.cedar', text: policies }],
    people: [{ name: 'ana' }, { name: 'ben' }],
    roles: { operators: ['helper-of-ana', 'ana'] },
    identities: [{ name: 'helper-of-ana', kind: 'ai-agent', owner: 'ana' }],
    services: [
      {
        name: 'ops',
        protocol: 'mcp',
        upstream: upstream.url,
        environment: 'test',
        impact: { data: 'low', service: 'low', safety: 'none' },
        tools: [
          { name: 'look', effect: 'read', trust: 'trusted' },
          { name: 'restart', effect: 'execute', arguments: [{ name: 'service', type: 'string', required: true }] },
        ],
      },
    ],
  }
  api = await openApiHouse({
    document: document as unknown as JsonObject,
    clientDocuments: makeClientDocuments({ clock: makeClock({ floor: 0 }), takesLoopback: true, authorities: authority.certificate }),
    serviceUrl: (service) => gateway.urls()[service],
  })
  await api.register('ana')
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const { clock, chance } = api.house.desk
  const resource = resourceHook(api.gateway, () => api.origin)
  gateway = await startMcpGateway({ control: api.gateway, clock, chance, log, listen: { host: '127.0.0.1' }, resource })
})
after(async () => {
  await gateway.close()
  await api.close()
  await upstream.close()
  documents.closeAllConnections()
  documents.close()
})

/** What a desktop client keeps, with a person in place of its browser. */
class Desktop implements OAuthClientProvider {
  readonly redirectUrl = 'http://127.0.0.1:51999/callback'
  readonly clientMetadataUrl = documentUrl
  readonly clientMetadata = {
    client_name: 'The official client',
    redirect_uris: [this.redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
  }
  sentTo: URL | undefined
  kept: StoredOAuthTokens | undefined
  #client: StoredOAuthClientInformation | undefined
  #verifier = ''
  #found: OAuthDiscoveryState | undefined

  state() {
    return 'state-of-this-try'
  }
  clientInformation() {
    return this.#client
  }
  saveClientInformation(information: StoredOAuthClientInformation) {
    this.#client = information
  }
  tokens() {
    return this.kept
  }
  saveTokens(tokens: StoredOAuthTokens) {
    this.kept = tokens
  }
  redirectToAuthorization(url: URL) {
    this.sentTo = url
  }
  saveCodeVerifier(verifier: string) {
    this.#verifier = verifier
  }
  codeVerifier() {
    return this.#verifier
  }
  saveDiscoveryState(state: OAuthDiscoveryState) {
    this.#found = state
  }
  discoveryState() {
    return this.#found
  }
}

const endpoint = () => new URL(gateway.urls()['ops'] ?? '')

/** The person reads the page that the client opened, and says yes. */
async function sayYes(sentTo: URL | undefined): Promise<URL> {
  assert.ok(sentTo !== undefined, 'the client opened no page')
  const query = Object.fromEntries(sentTo.searchParams)
  const ana = new Consenting(api, 'ana')
  const shown = await ana.open({ verifier: '', query })
  assert.equal(shown.status, 200, shown.body)
  assert.match(shown.body, /The official client/)
  return ana.allow({ verifier: '', query }, 'helper-of-ana')
}

for (const mode of ['legacy', { pin: '2026-07-28' }] as const) {
  const era = typeof mode === 'string' ? 'revisions with sessions' : '2026-07-28'
  test(`the official client finds its way to a token, sees what a grant allows, and refreshes: ${era}`, async () => {
    const desktop = new Desktop()
    const first = new StreamableHTTPClientTransport(endpoint(), { authProvider: desktop })
    const knocking = new Client({ name: 'desktop', version: '1.0.0' }, { versionNegotiation: { mode } })
    await assert.rejects(knocking.connect(first), UnauthorizedError)
    const { sentTo } = desktop
    assert.equal(sentTo?.origin, api.origin)
    assert.equal(sentTo?.searchParams.get('client_id'), documentUrl)
    assert.equal(sentTo?.searchParams.get('resource'), endpoint().href)
    assert.equal(sentTo?.searchParams.get('scope'), 'read:ops', 'as the 401 said')
    const back = await sayYes(sentTo)
    assert.equal(back.searchParams.get('state'), 'state-of-this-try')
    await first.finishAuth(back.searchParams)
    assert.equal(desktop.kept?.token_type, 'Bearer')

    const client = new Client({ name: 'desktop', version: '1.0.0' }, { versionNegotiation: { mode } })
    await client.connect(new StreamableHTTPClientTransport(endpoint(), { authProvider: desktop }))
    assert.deepEqual(await looks(client), [], 'a token alone permits nothing')
    const complete = await grantTo(desktop.kept?.access_token ?? '')
    assert.deepEqual(await looks(client), ['look'])
    const called = await client.callTool({ name: 'look', arguments: {} })
    assert.deepEqual(called.content, [{ type: 'text', text: 'all is well' }])
    const refused = await client.callTool({ name: 'restart', arguments: { service: 'checkout' } })
    assert.equal(refused.isError, true)
    assert.deepEqual(upstream.deeds, [])

    // A token that has ended is refreshed on the way, without a person.
    const { access_token: old, refresh_token: oldRefresh } = desktop.kept ?? {}
    desktop.kept = { ...desktop.kept, access_token: 'eyJ.gone.bad', token_type: 'Bearer' }
    desktop.sentTo = undefined
    const again = new Client({ name: 'desktop', version: '1.0.0' }, { versionNegotiation: { mode } })
    await again.connect(new StreamableHTTPClientTransport(endpoint(), { authProvider: desktop }))
    assert.equal(desktop.sentTo, undefined)
    assert.notEqual(desktop.kept?.refresh_token, oldRefresh)
    assert.notEqual(desktop.kept?.access_token, old)
    assert.deepEqual(await looks(again), ['look'])
    await client.close()
    await again.close()
    await complete()
  })
}

const ownTools = /^remit_/

/** Tools of the service; those of Remit itself are always there. */
async function looks(client: Client): Promise<readonly string[]> {
  return (await client.listTools()).tools.map(({ name }) => name).filter((name) => !ownTools.test(name))
}

/** What the agent asks for itself, for the chain that its token names. Answers how to say that it is done. */
async function grantTo(token: string): Promise<() => Promise<void>> {
  const { desk } = api.house
  const { claims, address } = mustBe(await api.gateway.identify(token, '127.0.0.1'))
  const chain = claims.chain.map((id) => {
    const identity = desk.facts.identity(id)
    assert.ok(identity !== undefined)
    return identity
  })
  const [actor] = chain
  assert.ok(actor !== undefined)
  assert.deepEqual(
    chain.map(({ name }) => name),
    ['helper-of-ana', 'ana'],
  )
  const caller: Caller = { actor, chain, claims, address }
  const asked = mustBe(await requestGrant(desk, caller, { task: 'incident', statement: 'look once', scope: ['ops/look'] }))
  mustBe(await activateGrant(desk, caller, asked.id))
  return async () => void mustBe(await completeGrant(desk, caller, asked.id, 'looked'))
}

test('a client that was sent to another server hears whose answer it has (RFC 9207)', async () => {
  const desktop = new Desktop()
  const transport = new StreamableHTTPClientTransport(endpoint(), { authProvider: desktop })
  await assert.rejects(new Client({ name: 'desktop', version: '1.0.0' }).connect(transport), UnauthorizedError)
  const back = await sayYes(desktop.sentTo)
  back.searchParams.set('iss', 'https://evil.example')
  await assert.rejects(transport.finishAuth(back.searchParams), /issuer/i)
  back.searchParams.delete('iss')
  await assert.rejects(transport.finishAuth(back.searchParams), /iss/i)
  assert.equal(desktop.kept, undefined)
})

test('a client that mends its document meanwhile is answered by what it says now', async () => {
  const desktop = new Desktop()
  const transport = new StreamableHTTPClientTransport(endpoint(), { authProvider: desktop })
  await assert.rejects(new Client({ name: 'desktop', version: '1.0.0' }).connect(transport), UnauthorizedError)
  redirects = ['https://elsewhere.example/callback']
  await assert.rejects(sayYes(desktop.sentTo), /403/)
  redirects = ['http://127.0.0.1/callback']
})

test('the endpoint says where its tokens come from, to whoever reaches it by whatever name it has', async () => {
  const { port } = endpoint()
  for (const host of ['127.0.0.1', 'localhost'])
    for (const path of ['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp']) {
      const answered = await fetch(`http://${host}:${port}${path}`)
      assert.equal(answered.status, 200)
      assert.deepEqual(await answered.json(), {
        resource: `http://${host}:${port}/mcp`,
        authorization_servers: [api.origin],
        scopes_supported: ['execute:ops', 'read:ops'],
        bearer_methods_supported: ['header'],
        resource_name: 'ops',
      })
    }
  assert.equal((await fetch(`http://127.0.0.1:${port}/.well-known/oauth-protected-resource/other`)).status, 404)
  const knocked = await fetch(endpoint(), { method: 'POST', headers: { authorization: 'Bearer nonsense' } })
  assert.equal(knocked.status, 401)
  assert.match(
    knocked.headers.get('www-authenticate') ?? '',
    /^Bearer error="invalid_token", error_description="[^"]+", resource_metadata="http:\/\/127\.0\.0\.1:\d+\/\.well-known\/oauth-protected-resource\/mcp", scope="read:ops"$/,
  )
  const nobody = await fetch(endpoint(), { method: 'POST' })
  assert.equal(nobody.status, 401)
  assert.doesNotMatch(nobody.headers.get('www-authenticate') ?? '', /error=/)
})
