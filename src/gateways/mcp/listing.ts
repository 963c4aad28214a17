/** Lists of a server with what a caller may not see left out: every element that stays keeps its bytes. */
import { canonicalString, isJsonObject, type JsonObject, type JsonValue } from '../../kernel/json.ts'
import type { Instant } from '../../kernel/instants.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { VisibleOperation } from '../../control/visible.ts'
import { joint } from '../../model/configured-mcp.ts'
import type { Route, Service } from '../../model/services.ts'
import { elementSpans, memberSpans, type Span } from './list-spans.ts'
import type { Message } from './ports.ts'
import { startOf } from './spans.ts'

/** Each list: where it stands in the result, and what an element is known by. */
export const lists = {
  'tools/list': { member: 'tools', key: 'name', method: 'tools/call' },
  'prompts/list': { member: 'prompts', key: 'name', method: 'prompts/get' },
  'resources/list': { member: 'resources', key: 'uri', method: 'resources/read' },
  'resources/templates/list': { member: 'resourceTemplates', key: 'uriTemplate', method: 'resources/read' },
} as const
export type ListMethod = keyof typeof lists

export function isList(method: string | undefined): method is ListMethod {
  return method !== undefined && Object.hasOwn(lists, method)
}

/** What a caller can see of one service. */
export interface Sight {
  readonly service: Service
  readonly operations: readonly VisibleOperation[]
}

/** Whether a name or URI of the server's is one that the caller can see; a template where whatever it begins with is. Made once for a list. */
export function seenBy({ service, operations }: Sight, list: ListMethod): (key: string) => boolean {
  const visible = new Set(operations.map(({ operation }) => operation))
  const { method } = lists[list]
  const paths = service.routes.flatMap((route) => (route.method === method && visible.has(route.name) ? [route.path] : []))
  const isUri = method === 'resources/read'
  const exact = new Set(paths.filter((path) => !(isUri && path.endsWith('*'))))
  const beginnings = isUri ? paths.flatMap((path) => (path.endsWith('*') ? [path.slice(0, -1)] : [])) : []
  if (list === 'resources/templates/list') {
    return (key) => {
      const [literal = ''] = key.split('{')
      return beginnings.some((beginning) => literal.startsWith(beginning))
    }
  }
  return (key) => exact.has(key) || beginnings.some((beginning) => key.length > beginning.length && key.startsWith(beginning))
}

/** Whether one declared operation can be seen. */
export function isSeenRoute(operations: readonly VisibleOperation[], { name }: Pick<Route, 'name'>): boolean {
  return operations.some(({ operation }) => operation === name)
}

/** When the first of the grants that show something ends: what is listed may not be kept for longer. */
export function seenUntil(sights: readonly Sight[]): Instant {
  return Math.min(...sights.flatMap(({ operations }) => operations.map(({ endsAt }) => endsAt)))
}

export interface Shown {
  /** Elements that stay, as they are to be written. */
  readonly elements: readonly Uint8Array[]
  readonly nextCursor?: string
  readonly ttlMs?: number
}

/** The elements of a response that its caller can see; under `prefix` where the service is joined with others. */
export function shownOf(response: Message, list: ListMethod, sight: Sight, prefix?: string): Result<Shown> {
  const { member, key } = lists[list]
  const result = response.result
  const elements = isJsonObject(result) ? result[member] : undefined
  if (!isJsonObject(result) || !isArray(elements)) return refuse('upstream.malformed', { detail: `its answer has no ${member}` })
  const at = placesIn(response, result, member)
  const isSeen = seenBy(sight, list)
  const shown: Uint8Array[] = []
  for (const [place, element] of elements.entries()) {
    const span = at.element(place)
    const name = isJsonObject(element) ? element[key] : undefined
    if (span === undefined || typeof name !== 'string')
      return refuse('upstream.malformed', { detail: `one of its ${member} has no ${key}` })
    if (isSeen(name))
      shown.push(written(response.bytes, span, key === 'name' && prefix !== undefined ? `${prefix}${joint}${name}` : undefined))
  }
  const { nextCursor, ttlMs } = result
  return done({
    elements: shown,
    ...(typeof nextCursor === 'string' ? { nextCursor } : {}),
    ...(typeof ttlMs === 'number' ? { ttlMs } : {}),
  })
}

/** An element as it came, or with another name in it. */
function written(bytes: Uint8Array, span: Span, name: string | undefined): Uint8Array {
  if (name === undefined) return bytes.subarray(span.from, span.to)
  const at = memberSpans(bytes, span.from).get('name')
  if (at === undefined) throw new Error('an element has a name that does not stand in its bytes')
  return Buffer.concat([bytes.subarray(span.from, at.from), Buffer.from(canonicalString(name)), bytes.subarray(at.to, span.to)])
}

export interface Freshness {
  /** Of the revision without sessions: lists then say how long they may be kept, and by whom. */
  readonly isStateless: boolean
  readonly now: Instant
  readonly until: Instant
}

/** The response with these elements instead of its own, and nothing else of it changed but for how long it may be kept. */
export function withShown(response: Message, list: ListMethod, shown: Shown, freshness: Freshness): Uint8Array {
  const { member } = lists[list]
  if (!isJsonObject(response.result)) throw new Error('a list was read that is none')
  const places = placesIn(response, response.result, member)
  const at = places.member(member)
  if (at === undefined) throw new Error(`a list was read with ${member}, which does not stand in its bytes`)
  const edits: { readonly at: Span; readonly by: Uint8Array }[] = []
  edits.push({ at, by: joined(shown.elements) })
  if (freshness.isStateless) {
    for (const [name, text] of kept(shown, freshness)) {
      const known = places.member(name)
      // Put in before the list, where it is missing: the list's key is there in any case.
      const before = at.whole.from
      edits.push(
        known === undefined
          ? { at: { from: before, to: before }, by: Buffer.from(`"${name}":${text},`) }
          : { at: known, by: Buffer.from(text) },
      )
    }
  }
  return edited(response.bytes, edits)
}

/** A response of our own, with what several servers show. */
export function listResponse(id: string, list: ListMethod, shown: Shown, freshness: Freshness): Uint8Array {
  const { isStateless } = freshness
  const more = isStateless
    ? [...kept(shown, freshness), ['resultType', '"complete"'] as const].map(([name, text]) => `"${name}":${text},`).join('')
    : ''
  const { member } = lists[list]
  return Buffer.concat([
    Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{${more}"${member}":`),
    joined(shown.elements),
    Buffer.from('}}'),
  ])
}

function kept({ ttlMs = 0 }: Shown, { now, until }: Freshness): readonly (readonly [string, string])[] {
  const left = Number.isFinite(until) ? Math.max(0, until - now) : 0
  return [
    ['ttlMs', `${Math.floor(Math.min(Math.max(0, ttlMs), left))}`],
    ['cacheScope', '"private"'],
  ]
}

function joined(elements: readonly Uint8Array[]): Uint8Array {
  const parts = elements.flatMap((element, place) => (place === 0 ? [element] : [Buffer.from(','), element]))
  return Buffer.concat([Buffer.from('['), ...parts, Buffer.from(']')])
}

function edited(bytes: Uint8Array, edits: readonly { readonly at: Span; readonly by: Uint8Array }[]): Uint8Array {
  const parts: Uint8Array[] = []
  let from = 0
  for (const { at, by } of edits.toSorted((a, b) => a.at.from - b.at.from)) {
    parts.push(bytes.subarray(from, at.from), by)
    from = at.to
  }
  return Buffer.concat([...parts, bytes.subarray(from)])
}

type MemberSpan = Span & { readonly whole: Span }

/** Where the members of a result and the elements of its list stand, counted from where the result begins. */
interface Places {
  /** The member that is the list. */
  readonly list: string
  readonly members: ReadonlyMap<string, MemberSpan>
  readonly elements: readonly Span[]
}

/** A result that is known again is the same to the byte, wherever it stands. */
const placesOf = new WeakMap<JsonObject, Places>()

function placesIn({ bytes }: Message, result: JsonObject, list: string) {
  const start = startOf(bytes, ['result'])
  if (start === undefined) throw new Error('a result was read that does not stand in its bytes')
  const known = placesOf.get(result)
  const places = known?.list === list ? known : findPlaces(bytes.subarray(start), list)
  placesOf.set(result, places)
  const moved = ({ from, to }: Span) => ({ from: from + start, to: to + start })
  return {
    member: (name: string): MemberSpan | undefined => {
      const found = places.members.get(name)
      return found === undefined ? undefined : { ...moved(found), whole: moved(found.whole) }
    },
    element: (place: number): Span | undefined => {
      const found = places.elements[place]
      return found === undefined ? undefined : moved(found)
    },
  }
}

function findPlaces(result: Uint8Array, list: string): Places {
  const members = memberSpans(result, 0)
  const at = members.get(list)
  return { list, members, elements: at === undefined ? [] : elementSpans(result, at.from) }
}

function isArray(value: JsonValue | JsonObject | undefined): value is readonly JsonValue[] {
  return Array.isArray(value)
}
