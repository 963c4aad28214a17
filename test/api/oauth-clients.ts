/** OAuth clients as a test has them: a metadata document served somewhere, a person's browser, and the calls of RFC 6749, each to be bent. */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Bearer } from '../../src/control/ports.ts'
import { makeClientDocuments } from '../../src/host/client-documents.ts'
import type { Result } from '../../src/kernel/result.ts'
import { TestClock } from '../world/clock.ts'
import { shopDocument } from '../world/shop.ts'
import { type ApiHouse, openApiHouse } from './api-house.ts'
import { type Answered, call } from './calls.ts'

/** Serves documents by path; what stands there may be changed meanwhile. */
export class DocumentServer {
  readonly #server: Server
  readonly #takes = new Map<string, RequestListener>()

  constructor() {
    this.#server = createServer((request, response) => {
      const take = this.#takes.get(request.url ?? '')
      if (take === undefined) response.writeHead(404).end()
      else take(request, response)
    })
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen({ port: 0, host: '127.0.0.1' }, resolve))
  }

  at(path: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`
  }

  /** A document of a client that means well, with changes. Answers its address. */
  put(path: string, changes: Readonly<Record<string, unknown>> = {}): string {
    const document = {
      client_id: this.at(path),
      client_name: 'A test client',
      redirect_uris: ['http://127.0.0.1/callback', 'https://client.example/callback?kept=%20as-is'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      ...changes,
    }
    this.take(path, (_, response) =>
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(document)),
    )
    return this.at(path)
  }

  take(path: string, take: RequestListener): void {
    this.#takes.set(path, take)
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

export const callback = 'http://127.0.0.1:51234/callback'
export const resource = 'http://127.0.0.1:8999/mcp'

export interface Flow {
  readonly verifier: string
  readonly query: Readonly<Record<string, string>>
}

export function flowOf(client: string, changes: Readonly<Record<string, string | undefined>> = {}): Flow {
  const verifier = randomBytes(32).toString('base64url')
  const query: Record<string, string> = {}
  const members = {
    response_type: 'code',
    client_id: client,
    redirect_uri: callback,
    scope: 'read:ops ops/restart,service=checkout,uses=1',
    state: 'the state & more',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    resource,
    ...changes,
  }
  for (const [name, value] of Object.entries(members)) if (value !== undefined) query[name] = value
  return { verifier, query }
}

/** A person at the page, with a passkey. */
export class Consenting {
  readonly #api: ApiHouse
  readonly #name: string
  #signedIn: Promise<string> | undefined

  constructor(api: ApiHouse, name: string) {
    this.#api = api
    this.#name = name
  }

  async open({ query }: Flow): Promise<Answered> {
    return call(this.#api.port, {
      method: 'GET',
      path: `/oauth/authorize?${new URLSearchParams(query).toString()}`,
      headers: { cookie: await this.#cookie() },
    })
  }

  async begin({ query }: Flow, agent = 'aide'): Promise<Answered> {
    return this.#post('/pages/authorize/begin', { request: new URLSearchParams(query).toString(), agent })
  }

  async finish(begun: Answered, signer = this.#name): Promise<Answered> {
    const { challenge } = JSON.parse(begun.body) as { challenge: string }
    // First: a sign-in after it would move the counter past it.
    await this.#cookie()
    const authenticator = this.#api.authenticator(signer)
    const response = authenticator.sign({ challenge, rpId: 'localhost' }, this.#api.origin)
    return this.#post('/pages/authorize/finish', { challenge, response })
  }

  async deny({ query }: Flow): Promise<Answered> {
    return this.#post('/pages/authorize/deny', { request: new URLSearchParams(query).toString() })
  }

  /** Says yes; answers where the browser goes. */
  async allow(flow: Flow, agent = 'aide'): Promise<URL> {
    const begun = await this.begin(flow, agent)
    if (begun.status !== 200) throw new Error(begun.body)
    const finished = await this.finish(begun)
    if (finished.status !== 200) throw new Error(finished.body)
    return new URL((JSON.parse(finished.body) as { to: string }).to)
  }

  /** Once: each sign-in moves the counter of the passkey on. */
  #cookie(): Promise<string> {
    this.#signedIn ??= this.#api.cookie(this.#name)
    return this.#signedIn
  }

  async #post(path: string, body: unknown): Promise<Answered> {
    return call(this.#api.port, {
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json', origin: this.#api.origin, cookie: await this.#cookie() },
      body: JSON.stringify(body),
    })
  }
}

export interface Tokens {
  readonly status: number
  readonly error?: string
  readonly access_token?: string
  readonly refresh_token?: string
  readonly token_type?: string
  readonly expires_in?: number
  readonly scope?: string
}

export async function askForTokens(api: ApiHouse, form: Readonly<Record<string, string | undefined>>): Promise<Tokens> {
  const body = new URLSearchParams()
  for (const [name, value] of Object.entries(form)) if (value !== undefined) body.set(name, value)
  const answered = await call(api.port, {
    method: 'POST',
    path: '/oauth/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: body.toString(),
  })
  return { ...(JSON.parse(answered.body) as object), status: answered.status }
}

/** The form that redeems a code as it should be. */
export function redeeming(flow: Flow, code: string): Readonly<Record<string, string>> {
  const { client_id = '', redirect_uri = '', resource: target = '' } = flow.query
  return { grant_type: 'authorization_code', code, redirect_uri, client_id, code_verifier: flow.verifier, resource: target }
}

const ops = {
  name: 'ops',
  protocol: 'mcp',
  upstream: 'http://127.0.0.1:9/mcp',
  environment: 'prod',
  impact: { data: 'low', service: 'moderate', safety: 'none' },
  tools: [
    { name: 'look', effect: 'read' },
    { name: 'restart', effect: 'execute', arguments: [{ name: 'service', type: 'string' }] },
  ],
}

/** A house with an MCP endpoint at `resource`, and agents: `aide` and `aide2` are ana's, `bens` is ben's, `zoes` zoe's, who comes with her browser. */
export class OauthHouse {
  readonly api: ApiHouse
  readonly clock: TestClock
  readonly documents: DocumentServer
  /** A client that means well. */
  readonly client: string
  /** Ana at her browser, newly signed in. */
  ana: Consenting

  private constructor(parts: { readonly api: ApiHouse; readonly clock: TestClock; readonly documents: DocumentServer }) {
    this.api = parts.api
    this.clock = parts.clock
    this.documents = parts.documents
    this.client = parts.documents.put('/client.json')
    this.ana = new Consenting(parts.api, 'ana')
  }

  /** `fetchMax`: milliseconds of real time for a document, which a busy machine may need. */
  static async open({ fetchMax = 60_000 }: { readonly fetchMax?: number } = {}): Promise<OauthHouse> {
    const clock = new TestClock()
    const documents = new DocumentServer()
    await documents.listen()
    const shop = shopDocument()
    const agents = [
      { name: 'bens', kind: 'ai-agent', owner: 'ben' },
      { name: 'aide2', kind: 'ai-agent', owner: 'ana' },
      { name: 'zoes', kind: 'ai-agent', owner: 'zoe' },
    ]
    const api = await openApiHouse({
      clock,
      document: shopDocument({
        people: [{ name: 'ana' }, { name: 'ben' }, { name: 'eva' }, { name: 'zoe' }, { name: 'dan' }],
        services: [...(shop['services'] as object[]), ops],
        identities: [...(shop['identities'] as object[]), ...agents],
      }),
      clientDocuments: makeClientDocuments({ clock, takesLoopback: true, limits: { fetchMax, keptFailure: 0 } }),
      serviceUrl: (service) => (service === 'ops' ? resource : undefined),
    })
    for (const name of ['ana', 'ben', 'eva']) await api.register(name)
    return new OauthHouse({ api, clock, documents })
  }

  /** Another minute has its own limits, and a sign-in lasts for an hour. */
  nextMinute(): void {
    this.clock.advance(60_000)
    this.ana = new Consenting(this.api, 'ana')
  }

  async codeOf(flow: Flow, agent = 'aide'): Promise<string> {
    return (await this.ana.allow(flow, agent)).searchParams.get('code') ?? ''
  }

  async tokensOf(flow: Flow): Promise<Tokens> {
    return askForTokens(this.api, redeeming(flow, await this.codeOf(flow)))
  }

  async identify(token = ''): Promise<Result<Bearer>> {
    return this.api.gateway.identify(token, '127.0.0.1')
  }

  /** Whether a gateway would take it. */
  async isLive(token: string | undefined): Promise<boolean> {
    const bearer = await this.identify(token)
    const { facts, clock } = this.api.house.desk
    return bearer.ok && facts.isProofLive(bearer.value.claims.provedBy, clock.now())
  }

  async close(): Promise<void> {
    await this.api.close()
    this.documents.close()
  }
}
