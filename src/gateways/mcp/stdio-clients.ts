/** Clients that a server may ask something: each has a child of its own, as many as there is room for, and hears what that child says. */
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from '../../kernel/json.ts'
import type { Instant } from '../../kernel/instants.ts'
import { clientOffers, type ClientOffer } from '../../model/services.ts'
import type { Outgoing } from './ports.ts'
import type { Exchange } from './stdio-exchange.ts'
import type { StdioLimits } from './stdio-limits.ts'
import { initialize } from './stdio-messages.ts'
import type { Supervisor, SupervisorInput } from './stdio-supervisor.ts'

/** One session of the revisions before 2026-07-28 whose client can be asked. */
export interface AskedClient {
  readonly session: string
  readonly supervisor: Supervisor
  /** Those that belong to no request. */
  readonly streams: Set<Exchange>
  /** For whom its child runs. */
  holder: string | undefined
  usedAt: Instant
}

export interface StdioClientsInput {
  readonly bounds: StdioLimits
  readonly asks: readonly ClientOffer[]
  readonly now: () => Instant
  readonly supervise: (more: Required<Pick<SupervisorInput, 'own'>> & { readonly client: () => AskedClient }) => Supervisor
}

const capabilitiesLengthMax = 4_096

export class StdioClients {
  readonly #input: StdioClientsInput
  /** The one that was heard longest ago comes first. */
  readonly #clients = new Map<string, AskedClient>()
  readonly #ending = new Set<Promise<void>>()
  #questions = 0

  constructor(input: StdioClientsInput) {
    this.#input = input
  }

  /** `undefined` where the server may not ask it anything, or where it offers nothing. */
  add(session: string, params: JsonObject): AskedClient | undefined {
    const { asks, supervise, now } = this.#input
    const said = params['capabilities']
    const offered = clientOffers.filter((offer) => asks.includes(offer) && isJsonObject(memberOf(said, offer)))
    const capabilities = Object.fromEntries(offered.map((offer) => [offer, memberOf(said, offer) ?? {}]))
    if (offered.length === 0 || canonicalJson(capabilities).length > capabilitiesLengthMax) return undefined
    const asked = params['protocolVersion']
    const opening = initialize(capabilities, typeof asked === 'string' ? asked : undefined)
    const streams = new Set<Exchange>()
    const own = {
      opening,
      client: { offers: offered, stream: () => [...streams].at(-1), nextQuestion: () => (this.#questions += 1) },
    }
    const client: AskedClient = {
      session,
      supervisor: supervise({ own, client: () => client }),
      streams,
      holder: undefined,
      usedAt: now(),
    }
    this.#clients.set(session, client)
    const [oldest] = this.#clients.keys()
    if (this.#clients.size > this.#input.bounds.clientsMax && oldest !== undefined) this.remove(oldest)
    return client
  }

  find(session: string): AskedClient | undefined {
    const client = this.#clients.get(session)
    if (client === undefined) return undefined
    this.#clients.delete(session)
    this.#clients.set(session, client)
    client.usedAt = this.#input.now()
    return client
  }

  /** Whether a child of its own runs for it, or may be started: for whoever holds a grant, while there is room. */
  mayRun(client: AskedClient, { holder }: Pick<Outgoing, 'holder'>): boolean {
    if (client.supervisor.isRunning) return true
    if (holder === undefined || !this.#makeRoom(holder)) return false
    client.holder = holder
    return true
  }

  remove(session: string): void {
    const client = this.#clients.get(session)
    if (client === undefined) return
    this.#clients.delete(session)
    for (const stream of client.streams) stream.end()
    const ending = client.supervisor.close()
    this.#ending.add(ending)
    void ending.finally(() => this.#ending.delete(ending))
  }

  async close(): Promise<void> {
    for (const session of [...this.#clients.keys()]) this.remove(session)
    await Promise.all(this.#ending)
  }

  #makeRoom(holder: string): boolean {
    const { bounds } = this.#input
    const running = [...this.#clients.values()].filter(({ supervisor }) => supervisor.isRunning)
    const ofOne = running.filter((each) => each.holder === holder)
    if (ofOne.length >= bounds.ownChildrenOfOneMax) return this.#endOne(ofOne)
    return running.length < bounds.ownChildrenMax || this.#endOne(running)
  }

  /** The one that was quiet longest, and not only just now: starting and ending in turns would be work for nobody. */
  #endOne(running: readonly AskedClient[]): boolean {
    const { bounds, now } = this.#input
    const quiet = running.find(({ supervisor, usedAt }) => supervisor.isQuiet && now() - usedAt >= bounds.ownQuietMs)
    quiet?.supervisor.stop()
    return quiet !== undefined
  }
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(value) ? value[name] : undefined
}
