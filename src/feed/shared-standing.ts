/** Which gateways elsewhere are connected to which control node, and where they serve: each node tells the others, so that any can be asked. */
import { every } from '../kernel/every.ts'
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { gatewayOf } from '../model/gateways.ts'
import type { Facts } from '../control/facts.ts'
import type { Clock, Nodes } from '../control/ports.ts'
import type { ServedAt } from './messages.ts'
import { isOrigin } from './parse-from-gateway.ts'

/** A gateway that is connected here. */
export interface Connected {
  readonly id: string
  readonly services: readonly ServedAt[]
}

export interface SharedStandingParts {
  readonly nodes: Nodes
  readonly space: string
  readonly facts: Pick<Facts, 'enrolled' | 'service'>
  readonly clock: Pick<Clock, 'now' | 'after'>
  readonly connected: () => readonly Connected[]
}

const everyMs: Milliseconds = 2_000
/** What is said may be lost: it holds until it was not repeated twice. */
const goodForMs: Milliseconds = 3 * everyMs
/** A notice may have 4,000 bytes, of which one place takes at most 600. */
const noticeLengthMax = 3_000
/** Of gateways and places that are told at once, and that are remembered. */
const toldMax = 1_000
const heardMax = 20_000

interface Heard {
  readonly node: string
  readonly at: Instant
  readonly url?: string
}

/** From `begin` to `stop`. It is for people and for finding a gateway: nothing is decided by what is heard here. */
export class SharedStanding {
  readonly #parts: SharedStandingParts
  /** By gateway, and by gateway and service. */
  readonly #heard = new Map<string, Heard>()
  #stop: (() => void) | undefined

  constructor(parts: SharedStandingParts) {
    this.#parts = parts
  }

  begin(): void {
    this.#parts.nodes.onNotice((text, from) => this.#hear(text, from))
    this.#tellAgain()
    this.#stop = every(this.#parts.clock, everyMs, () => this.#tellAgain())
  }

  stop(): void {
    this.#stop?.()
  }

  /** The other node that this gateway is connected to, as far as is known. */
  nodeOf(gateway: string): string | undefined {
    return this.#fresh(gateway)?.node
  }

  /** Where a service listens at the gateways that are connected to other nodes; only its own gateway's processes are believed. */
  urlsOf(name: string): readonly string[] {
    const { facts } = this.#parts
    const service = facts.service(name)
    if (service === undefined) return []
    const all = facts.enrolled.all().filter(({ gateway }) => gateway === gatewayOf(service))
    return all
      .toSorted((one, other) => (one.name < other.name ? -1 : 1))
      .flatMap(({ id }) => {
        const url = this.#fresh(placeOf(id, name))?.url
        return url === undefined ? [] : [url]
      })
  }

  #fresh(key: string): Heard | undefined {
    const heard = this.#heard.get(key)
    return heard !== undefined && this.#parts.clock.now() - heard.at < goodForMs ? heard : undefined
  }

  #tellAgain(): void {
    const { clock, nodes } = this.#parts
    const oldest = clock.now() - goodForMs
    for (const [key, { at }] of this.#heard) if (at <= oldest) this.#heard.delete(key)
    if (nodes.others().length > 0) this.#tell()
  }

  #tell(): void {
    const connected = this.#parts.connected()
    const places = connected.flatMap(({ id, services }) => services.map(({ service, url }) => ({ id, service, url })))
    // Who is connected comes first, since that is one for each.
    const all = [...connected.map(({ id }) => ({ id })), ...places].slice(0, toldMax)
    let part: JsonObject[] = []
    let length = 0
    for (const each of all) {
      const next = canonicalJson(each).length
      if (length + next > noticeLengthMax) {
        this.#say(part)
        part = []
        length = 0
      }
      part.push(each)
      length += next + 1
    }
    if (part.length > 0) this.#say(part)
  }

  #say(gateways: readonly JsonObject[]): void {
    const { nodes, space } = this.#parts
    nodes.tell(canonicalJson({ what: 'gateways', space, gateways }))
  }

  #hear(text: string, from: string): void {
    const read = parseJson(text)
    if (!read.ok || !isJsonObject(read.value)) return
    const { what, space, gateways } = read.value
    if (what !== 'gateways' || space !== this.#parts.space || !Array.isArray(gateways)) return
    const all: readonly JsonValue[] = gateways
    for (const each of all) if (isJsonObject(each)) this.#take(each, from)
  }

  #take({ id, service, url }: JsonObject, node: string): void {
    const { facts, clock } = this.#parts
    if (typeof id !== 'string' || facts.enrolled.get(id) === undefined) return
    const at = clock.now()
    if (service === undefined) this.#keep(id, { node, at })
    else if (typeof service === 'string' && facts.service(service) !== undefined && typeof url === 'string' && isOrigin(url))
      this.#keep(placeOf(id, service), { node, at, url })
  }

  #keep(key: string, heard: Heard): void {
    if (this.#heard.has(key) || this.#heard.size < heardMax) this.#heard.set(key, heard)
  }
}

function placeOf(gateway: string, service: string): string {
  return `${gateway} ${service}`
}
