/** Asks a server what it has, as a client of its own revision does: a handshake where it wants one, then its lists to their ends. */
import type { Clock } from '../../control/ports.ts'
import type { Milliseconds } from '../../kernel/instants.ts'
import { isJsonObject, type JsonObject } from '../../kernel/json.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { noObligations } from '../../model/obligations.ts'
import { type Collected, collect } from './collect.ts'
import type { Listed } from './declaring.ts'
import { handshakeRevisions, type Headers, statelessRevisions } from './envelope.ts'
import { initializedOf, requestOf } from './joined-messages.ts'
import type { Licence } from './licence.ts'
import type { MessageLimits } from './limits.ts'
import { type ListMethod, lists } from './listing.ts'
import type { McpServer, Message, Outgoing } from './ports.ts'

export interface AskInput {
  readonly server: McpServer
  readonly clock: Pick<Clock, 'now' | 'after'>
  /** Of each answer. */
  readonly limits: MessageLimits
  readonly elementsMax: number
  /** Of all answers together. */
  readonly bytesMax: number
  /** For all of it together. */
  readonly within: Milliseconds
}

export interface SaidByServer extends Listed {
  readonly revision: string
}

const self = { name: 'remit', version: '1' }
/** In what a server says it can do, and where its lists of it are. */
const capabilityOf = {
  'tools/list': 'tools',
  'resources/list': 'resources',
  'resources/templates/list': 'resources',
  'prompts/list': 'prompts',
} as const satisfies Record<ListMethod, string>

/** Refuses what the server's way refuses, and `upstream.malformed` where it answers something else. */
export async function askServer(input: AskInput): Promise<Result<SaidByServer>> {
  const asking = new Asking(input)
  const opened = await asking.open()
  if (!opened.ok) return opened
  const listed = await listAll(asking, opened.value)
  await asking.leave()
  return listed
}

async function listAll(asking: Asking, { revision, capabilities }: Opened): Promise<Result<SaidByServer>> {
  const listed: Record<string, readonly JsonObject[]> = {}
  for (const list of ['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list'] as const) {
    const isOptional = list === 'resources/templates/list'
    const found = capabilities[capabilityOf[list]] === undefined ? done([]) : await asking.all(list)
    if (!found.ok && !isOptional) return found
    listed[lists[list].member] = found.ok ? found.value : []
  }
  const { tools = [], resources = [], resourceTemplates = [], prompts = [] } = listed
  return done({ revision, tools, resources, resourceTemplates, prompts })
}

interface Opened {
  readonly revision: string
  readonly capabilities: JsonObject
}

class Asking {
  readonly #input: AskInput
  readonly #licence: Licence
  #headers: Headers = [['accept', 'application/json, text/event-stream']]
  /** What every request of 2026-07-28 says of itself. */
  #meta: JsonObject = {}
  #id = 0
  #bytes = 0

  constructor(input: AskInput) {
    this.#input = input
    this.#licence = whileItLasts(input)
  }

  /** In the newest revision, and where the server does not know that, with the handshake of those before it. */
  async open(): Promise<Result<Opened>> {
    const [revision] = statelessRevisions
    this.#meta = {
      'io.modelcontextprotocol/protocolVersion': revision,
      'io.modelcontextprotocol/clientInfo': self,
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    const bare = this.#headers
    this.#headers = [...bare, ['mcp-protocol-version', revision]]
    const discovered = await this.#ask('server/discover', {})
    if (!discovered.ok && discovered.refusal.code !== 'upstream.malformed') return discovered
    const said = discovered.ok ? resultIn(discovered.value) : undefined
    if (Array.isArray(said?.['supportedVersions'])) return done({ revision, capabilities: objectIn(said, 'capabilities') })
    this.#meta = {}
    this.#headers = bare
    return this.#shakeHands()
  }

  async #shakeHands(): Promise<Result<Opened>> {
    const [wanted] = handshakeRevisions
    const answered = await this.#ask('initialize', { protocolVersion: wanted, capabilities: {}, clientInfo: self })
    if (!answered.ok) return answered
    const said = resultIn(answered.value)
    if (said === undefined) return malformed('initialize', answered.value)
    // It goes into headers: a server says one of those that there are, or nothing that counts.
    const revision = handshakeRevisions.find((each) => each === said['protocolVersion'])
    if (revision === undefined) return refuse('upstream.malformed', { detail: 'it speaks no revision of MCP that is known here' })
    const session = answered.value.headers.find(([name]) => name.toLowerCase() === 'mcp-session-id')?.[1]
    this.#headers = [
      ...this.#headers,
      ['mcp-protocol-version', revision],
      ...(session === undefined ? [] : [['mcp-session-id', session] as const]),
    ]
    const told = await this.#send(initializedOf())
    return told.ok ? done({ revision, capabilities: objectIn(said, 'capabilities') }) : told
  }

  /** Page by page. */
  async all(list: ListMethod): Promise<Result<readonly JsonObject[]>> {
    const found: JsonObject[] = []
    let elements = 0
    let cursor: string | undefined
    do {
      const answered = await this.#ask(list, cursor === undefined ? {} : { cursor })
      if (!answered.ok) return answered
      const said = resultIn(answered.value)
      const page = said?.[lists[list].member]
      if (said === undefined || !Array.isArray(page)) return malformed(list, answered.value)
      found.push(...page.filter(isJsonObject))
      // What is no element counts as well: a page of such would be asked for without end.
      elements += page.length
      if (elements > this.#input.elementsMax)
        return refuse('upstream.malformed', { detail: `it has more than ${this.#input.elementsMax} ${lists[list].member}` })
      const { nextCursor } = said
      // A page without anything on it that names another one would never end.
      cursor = typeof nextCursor === 'string' && page.length > 0 ? nextCursor : undefined
    } while (cursor !== undefined)
    return done(found)
  }

  /** Ends the session, where there is one; a server that does not let itself be told keeps it for as long as it likes. */
  async leave(): Promise<void> {
    if (this.#headers.some(([name]) => name === 'mcp-session-id')) await this.#send(initializedOf(), { method: 'DELETE' })
  }

  #ask(method: string, params: JsonObject): Promise<Result<Collected>> {
    this.#id += 1
    const isStateless = Object.keys(this.#meta).length > 0
    const headers: Headers = isStateless ? [...this.#headers, ['mcp-method', method]] : this.#headers
    const message = requestOf({ id: `${this.#id}`, method, params: isStateless ? { ...params, _meta: this.#meta } : params })
    return this.#send(message, { headers })
  }

  async #send(
    message: Message,
    { headers = this.#headers, method = 'POST' }: Partial<Pick<Outgoing, 'headers' | 'method'>> = {},
  ): Promise<Result<Collected>> {
    const { server, clock, limits } = this.#input
    const answered = await collect({ licence: this.#licence, server, outgoing: { message, headers, method }, clock, limits })
    this.#bytes += answered.ok ? (answered.value.response?.bytes.byteLength ?? 0) : 0
    return this.#bytes > this.#input.bytesMax ? refuse('upstream.malformed', { detail: 'its lists are too long' }) : answered
  }
}

function resultIn({ response }: Collected): JsonObject | undefined {
  return isJsonObject(response?.result) ? response.result : undefined
}

function objectIn(object: JsonObject | undefined, name: string): JsonObject {
  const value = object?.[name]
  return isJsonObject(value) ? value : {}
}

function malformed(method: string, { status, response }: Collected): Result<never> {
  const said = response?.error === undefined ? `status ${status}` : 'an error'
  return refuse('upstream.malformed', { detail: `it answered ${method} with ${said}` })
}

/** Nobody decides here: an administrator asks for themselves. What is under way when the time is over is cut. */
function whileItLasts({ clock, within }: AskInput): Licence {
  const endsAt = clock.now() + within
  const endsFor = `it took longer than ${within / 1_000} s`
  return {
    endsAt,
    endsFor,
    obligations: noObligations,
    duties: [],
    mayGo: () => (clock.now() < endsAt ? done(undefined) : refuse('upstream.timeout', { detail: endsFor })),
    stopReason: () => undefined,
    watch: (item) => clock.after(Math.max(0, endsAt - clock.now()), () => item.cut(endsFor)),
    finish: () => {},
  }
}
