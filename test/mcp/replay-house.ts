/** Remit in front of MCP servers, an agent of one grant with official clients, and a person who agrees with whatever is held. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { answer, prepareAnswer } from '../../src/control/answer.ts'
import type { Caller } from '../../src/control/desk.ts'
import { completeGrant } from '../../src/control/end-grant.ts'
import { exchangeToken, tokenTypes } from '../../src/control/exchange-token.ts'
import { gatewayAudience } from '../../src/control/identify.ts'
import { agentDesk } from '../../src/control/own-tools.ts'
import { requestGrant } from '../../src/control/request-grant.ts'
import { activateGrant } from '../../src/control/work-window.ts'
import { type McpGateway, startMcpGateway } from '../../src/gateways/mcp/gateway.ts'
import type { SoftwareAuthenticator } from '../../src/host/software-authenticator.ts'
import type { GrantId } from '../../src/kernel/ids.ts'
import type { JsonObject } from '../../src/kernel/json.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { commandServers } from '../../src/main/command-servers.ts'
import { httpGateway } from '../../src/main/house.ts'
import { type ApiHouse, openApiHouse } from '../api/api-house.ts'
import { callerOf } from '../api/held.ts'
import type { TestClock } from '../world/clock.ts'
import type { Call } from './replay-tasks.ts'

/** What the gateway puts beside a refusal's text, for programs. */
interface Problem {
  readonly type: string
  readonly hold?: string
}

export type Answer =
  | { readonly state: 'done'; readonly text: string }
  | { readonly state: 'held'; readonly hold: string }
  | { readonly state: 'refused'; readonly code: string }

export interface AgentHouseOptions {
  /** With the gateway's own tools. */
  readonly asksHere?: boolean
  /** One that the test moves on. */
  readonly clock?: TestClock
  /** Of idle connections, where it is not to be for as long as the test likes. */
  readonly keepAliveMs?: number
  /** Services with a `command` are started. */
  readonly startsCommands?: boolean
}

export class AgentHouse {
  readonly api: ApiHouse
  gateway: McpGateway
  readonly #startGateway: () => Promise<McpGateway>
  readonly #keeper: SoftwareAuthenticator
  #caller: Caller | undefined

  private constructor(api: ApiHouse, gateway: McpGateway, keeper: SoftwareAuthenticator, startGateway: () => Promise<McpGateway>) {
    this.api = api
    this.gateway = gateway
    this.#startGateway = startGateway
    this.#keeper = keeper
  }

  /** `document` has an agent `assistant` and a person `ben` who answers for it. */
  static async open(
    document: JsonObject,
    { asksHere = false, clock: given, keepAliveMs = Number.MAX_SAFE_INTEGER, startsCommands = false }: AgentHouseOptions = {},
  ): Promise<AgentHouse> {
    const api = await openApiHouse({ document, ...(given === undefined ? {} : { clock: given }) })
    await api.register('ana')
    const keeper = await api.register('ben')
    const log = { info: () => {}, warn: () => {}, error: () => {} }
    const { clock, chance } = api.house.desk
    const startGateway = () =>
      startMcpGateway({
        control: api.gateway,
        clock,
        chance,
        log,
        listen: { host: '127.0.0.1' },
        // Where the test moves the clock on, its clients would find their connections closed.
        ...(given === undefined ? {} : { limits: { keepAliveMs } }),
        ...(asksHere ? { agentDesk: agentDesk(api.house.desk) } : {}),
        ...(startsCommands ? { openCommand: commandServers({ clock, chance, log }) } : {}),
      })
    return new AgentHouse(api, await startGateway(), keeper, startGateway)
  }

  urlOf(service: string): string {
    const url = this.gateway.urls()[service]
    if (url === undefined) throw new Error(`${service} is not served`)
    return url
  }

  /** A grant for these lines, at work, and a token of it for the gateway. */
  async grantFor(task: string, scope: readonly string[], statement = task): Promise<{ readonly id: GrantId; readonly token: string }> {
    const { desk } = this.api.house
    this.#caller ??= await callerOf(this.api, 'assistant')
    const asked = mustBe(await requestGrant(desk, this.#caller, { task, statement, scope }))
    // Of its earlier tasks it may have read what anybody may have written.
    if (asked.untrusted === true) await this.approve(asked.id)
    const { id: grant } = mustBe(await activateGrant(desk, this.#caller, asked.id))
    const subjectToken = await this.api.secret('assistant')
    const audience = gatewayAudience(desk.space, httpGateway)
    const asking = { subjectToken, subjectTokenType: tokenTypes.secret, address: '127.0.0.1', audience, grant }
    return { id: grant, token: reveal(mustBe(await exchangeToken(desk, asking)).token) }
  }

  /** A token of an agent, of no grant: whatever its chain may do, it may. */
  async tokenOf(name: string): Promise<string> {
    const { desk } = this.api.house
    const audience = gatewayAudience(desk.space, httpGateway)
    const subjectToken = await this.api.secret(name)
    const asking = { subjectToken, subjectTokenType: tokenTypes.secret, address: '127.0.0.1', audience }
    return reveal(mustBe(await exchangeToken(desk, asking)).token)
  }

  async agent(task: string, scope: readonly string[], statement?: string): Promise<Agent> {
    return new Agent(this, await this.grantFor(task, scope, statement))
  }

  /** The task is done. */
  async complete(grant: GrantId): Promise<void> {
    const caller = this.#caller ?? (await callerOf(this.api, 'assistant'))
    mustBe(await completeGrant(this.api.house.desk, caller, grant, 'the task is done'))
  }

  /** Another gateway in the place of the one there was: it remembers nothing. */
  async restartGateway(): Promise<void> {
    await this.gateway.close()
    this.gateway = await this.#startGateway()
  }

  /** Ben signs a yes to what is held, or a no. */
  async approve(hold: string, decision: 'approve' | 'deny' = 'approve'): Promise<void> {
    const { desk } = this.api.house
    const ben = desk.facts.identityNamed('ben')
    if (ben === undefined) throw new Error('nobody is called ben')
    const prepared = mustBe(await prepareAnswer(desk, ben, { subject: hold as never, decision, narrowing: {} }))
    const allowCredentials = prepared.credentialIds.map((id) => ({ id, type: 'public-key' as const }))
    const wish = { challenge: prepared.challenge, rpId: 'localhost', allowCredentials }
    const response = this.#keeper.sign(wish, this.api.origin) as unknown as JsonObject
    mustBe(await answer(desk, ben, { challenge: prepared.challenge, response }))
  }

  async close(): Promise<void> {
    await this.gateway.close()
    await this.api.close()
  }
}

/** One client per server that it calls, all with the one token. */
export class Agent {
  readonly #house: AgentHouse
  readonly #grant: { readonly id: GrantId; readonly token: string }
  readonly #clients = new Map<string, Client>()

  constructor(house: AgentHouse, grant: { readonly id: GrantId; readonly token: string }) {
    this.#house = house
    this.#grant = grant
  }

  async call([operation, given]: Call): Promise<Answer> {
    const [service = '', name = ''] = operation.split('/')
    const client = await this.#clientOf(service)
    const { content, isError, _meta } = await client.callTool({ name, arguments: { ...given } })
    const problem = _meta?.['remit/refusal'] as Problem | undefined
    if (problem?.hold !== undefined) return { state: 'held', hold: problem.hold }
    if (problem !== undefined) return { state: 'refused', code: problem.type.slice('urn:remit:refusal:'.length) }
    const text = content.map((each) => (each.type === 'text' ? each.text : each.type)).join('\n')
    if (isError === true) throw new Error(`${operation} failed at its server: ${text}`)
    return { state: 'done', text }
  }

  async #clientOf(service: string): Promise<Client> {
    const known = this.#clients.get(service)
    if (known !== undefined) return known
    const client = new Client({ name: 'replay', version: '1.0.0' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
    const headers = { authorization: `Bearer ${this.#grant.token}` }
    await client.connect(new StreamableHTTPClientTransport(new URL(this.#house.urlOf(service)), { requestInit: { headers } }))
    this.#clients.set(service, client)
    return client
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close()))
    await this.#house.complete(this.#grant.id)
  }
}
