/** What each tool is, as its server said last: read when somebody needs it, believed for a minute, and kept within bounds. */
import type { Clock } from '../../control/ports.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../kernel/json.ts'
import type { Instant, Milliseconds } from '../../kernel/instants.ts'
import { definitionOf, definitionTextMax, type Worse, worseThanDeclared } from '../../model/definitions.ts'
import type { Service } from '../../model/services.ts'
import type { Era } from './envelope.ts'

/** Longer ago than this a tool's definition is not believed: no call goes by it. */
export const believedMs: Milliseconds = 60_000
/** Of one teller: in characters of definitions, and in bytes of answers whose elements were not looked at yet. */
const textsMax = 2_097_152
const unreadBytesMax = 2_097_152
/** Of all of them, both together; who was heard longest ago makes room, and is asked again. */
const sizeMax = 67_108_864
/** Of one service's clients that belong to one caller, and of everybody's. */
const tellersLimits = { ofOneMax: 8, max: 1_000 }

/** Who says what tools are: a service in one era, and to one client alone where each has a server of its own. */
export interface Teller {
  readonly service: Service
  readonly era: Era
  readonly client?: { readonly owner: string; readonly session: string }
}

/** The same for the same teller, and for no other. */
export function placeOf({ service, era, client }: Teller): string {
  return JSON.stringify(client === undefined ? [service.id, era] : [service.id, era, client.owner, client.session])
}

export interface Heard {
  readonly at: Instant
  readonly hash: string
  /** Canonical JSON; absent where it is too long to be shown. */
  readonly text?: string
  /** Worse than reading, where it says so. */
  readonly worse?: Worse
}

type Kept = { readonly at: Instant } & (
  | { readonly kind: 'unread'; readonly element: JsonObject }
  | { readonly kind: 'read'; readonly heard: Omit<Heard, 'at'> }
  /** Stood in one answer more than once: nobody can say which of them is called. */
  | { readonly kind: 'twice' }
)

interface Known {
  readonly service: string
  readonly owner: string | undefined
  readonly tools: Map<string, Kept>
  /** Names on the pages since the last first one. */
  listed: Set<string>
  texts: number
  unreadBytes: number
  /** When the server last said all that it has, and anything of it. */
  wholeAt: Instant
  heardAt: Instant
}

interface Answered {
  /** No page came before it. */
  readonly isFirst: boolean
  /** It is all that the server has. */
  readonly isWhole: boolean
  readonly bytes: number
}

/** Names of one service's declared tools, as its server calls them: nothing else can be called, and nothing else is kept. */
const declared = new WeakMap<Service, ReadonlySet<string>>()

export class ToolBook {
  readonly #clock: Pick<Clock, 'now'>
  /** By place; who was heard longest ago comes first. */
  readonly #tellers = new Map<string, Known>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** How many are believed. */
  get size(): number {
    return this.#tellers.size
  }

  /** `absent` where its server has said in the last instant all that it has, and this was not there; `undefined` where it is to be asked. */
  find(teller: Teller, name: string, absentMs: Milliseconds): Heard | 'absent' | 'twice' | undefined {
    const known = this.#tellers.get(placeOf(teller))
    if (known === undefined) return undefined
    const now = this.#clock.now()
    const kept = known.tools.get(name)
    if (kept === undefined) return now - known.wholeAt < absentMs ? 'absent' : undefined
    if (now - kept.at >= believedMs) return undefined
    return kept.kind === 'twice' ? 'twice' : { at: kept.at, ...read(known, name, kept) }
  }

  /** Elements of an answer to `tools/list`, a page or all. A tool that stands on two pages as two things is as if it stood on one twice. */
  hear(teller: Teller, elements: readonly JsonValue[], { isFirst, isWhole, bytes }: Answered): void {
    const at = this.#clock.now()
    const place = placeOf(teller)
    const before = this.#tellers.get(place)
    const known = isWhole || before === undefined ? nothingOf(teller) : before
    const names = namesOf(teller.service)
    const seen = new Set<string>()
    if (isFirst) known.listed = new Set()
    for (const element of elements) {
      const name = isJsonObject(element) ? element['name'] : undefined
      if (!isJsonObject(element) || typeof name !== 'string' || !names.has(name)) continue
      const isTwice = seen.has(name) || (known.listed.has(name) && isOther(known, name, element))
      forget(known, name)
      known.tools.set(name, isTwice ? { at, kind: 'twice' } : { at, kind: 'unread', element })
      seen.add(name)
    }
    for (const name of seen) known.listed.add(name)
    known.unreadBytes += bytes
    known.heardAt = at
    if (isWhole) known.wholeAt = at
    if (known.unreadBytes > unreadBytesMax) condense(known)
    this.#tellers.delete(place)
    this.#tellers.set(place, known)
    this.#makeRoom(known, at)
  }

  /** Its server says that something changed, or it is another server by now. */
  forget(service: string): void {
    for (const [place, known] of this.#tellers) if (known.service === service) this.#tellers.delete(place)
  }

  clear(): void {
    this.#tellers.clear()
  }

  /** What nobody believes any more goes: who was heard longest ago comes first. */
  sweep(now: Instant): void {
    for (const [place, { heardAt }] of this.#tellers) {
      if (now - heardAt < believedMs) return
      this.#tellers.delete(place)
    }
  }

  /** What nobody believes any more goes first, then what one caller has too much of, and what was heard longest ago. */
  #makeRoom({ service, owner }: Known, now: Instant): void {
    this.sweep(now)
    let ofOne = 0
    let size = 0
    for (const known of this.#tellers.values()) {
      size += sizeOf(known)
      if (owner !== undefined && known.owner === owner && known.service === service) ofOne += 1
    }
    for (const [place, known] of this.#tellers) {
      const isOfOne = owner !== undefined && known.owner === owner && known.service === service
      const isTooMuch = size > sizeMax || this.#tellers.size > tellersLimits.max
      if (!isTooMuch && !(isOfOne && ofOne > tellersLimits.ofOneMax)) continue
      this.#tellers.delete(place)
      size -= sizeOf(known)
      if (isOfOne) ofOne -= 1
    }
  }
}

function nothingOf({ service, client }: Teller): Known {
  return {
    service: service.id,
    owner: client?.owner,
    tools: new Map(),
    listed: new Set(),
    texts: 0,
    unreadBytes: 0,
    wholeAt: 0,
    heardAt: 0,
  }
}

function sizeOf({ texts, unreadBytes }: Known): number {
  return texts + unreadBytes
}

function namesOf(service: Service): ReadonlySet<string> {
  const known = declared.get(service)
  if (known !== undefined) return known
  const names = new Set(service.routes.flatMap(({ method, path }) => (method === 'tools/call' ? [path] : [])))
  declared.set(service, names)
  return names
}

function read(known: Known, name: string, kept: Extract<Kept, { kind: 'unread' | 'read' }>): Omit<Heard, 'at'> {
  if (kept.kind === 'read') return kept.heard
  const definition = definitionOf(kept.element)
  const { hash, text } = definition
  const worse = worseThanDeclared('read', definition)
  const isKept = text.length <= definitionTextMax && known.texts + text.length <= textsMax
  const heard = { hash, ...(isKept ? { text } : {}), ...(worse === undefined ? {} : { worse }) }
  if (isKept) known.texts += text.length
  known.tools.set(name, { at: kept.at, kind: 'read', heard })
  return heard
}

function isOther(known: Known, name: string, element: JsonObject): boolean {
  const kept = known.tools.get(name)
  if (kept === undefined) return false
  return kept.kind === 'twice' || read(known, name, kept).hash !== definitionOf(element).hash
}

/** What was not looked at yet is as large as its server made it: from here on it has a size of ours. */
function condense(known: Known): void {
  for (const [name, kept] of known.tools) if (kept.kind === 'unread') read(known, name, kept)
  known.unreadBytes = 0
}

function forget(known: Known, name: string): void {
  const kept = known.tools.get(name)
  if (kept?.kind === 'read') known.texts -= kept.heard.text?.length ?? 0
}
