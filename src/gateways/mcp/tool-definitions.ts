/** Knows what a tool is before it is called: from the lists that pass, and by asking its server where none did. */
import type { Bearer, Call, Clock } from '../../control/ports.ts'
import type { HeardTool } from '../../control/pin-first.ts'
import { pinnedOf, speaksOf } from '../../control/riding.ts'
import type { VisibleOperation } from '../../control/visible.ts'
import type { Milliseconds } from '../../kernel/instants.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../kernel/json.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { type Action, resourceOf } from '../../model/actions.ts'
import { isChange } from '../../model/effects.ts'
import type { NamedAction } from './actions.ts'
import type { Reading } from './answer-room.ts'
import type { Asked } from './asked.ts'
import { collect } from './collect.ts'
import type { Door, Member } from './door.ts'
import { requestOf } from './joined-messages.ts'
import type { Licence } from './licence.ts'
import { ListEar } from './list-ear.ts'
import type { Tap } from './passage.ts'
import type { Message } from './ports.ts'
import { ownerOf } from './sessions.ts'
import { ShownTools } from './shown-tools.ts'
import { type Heard, placeOf, type Teller, ToolBook } from './tool-book.ts'
import { holderOf, type Way } from './ways.ts'

/** After this a server is asked again, beside the call that goes by what it said before. */
const renewAfterMs: Milliseconds = 30_000
/** A server that has just said all that it has is not asked for a tool that was not there. */
const absentMs: Milliseconds = 1_000
/** For all pages of its list together. */
const answerWithinMs: Milliseconds = 5_000

/** What a call's action says of its tool, and the definition for whoever is asked about it. */
export type Said = Pick<Call, 'action' | 'heard'>

export class ToolDefinitions {
  readonly #clock: Pick<Clock, 'now' | 'after'>
  readonly #book: ToolBook
  readonly #shown = new ShownTools()
  readonly #first: First = (grant, resource) => this.#shown.of(grant, resource)
  /** What is being asked, by service and by whose session it is asked in. */
  readonly #asking = new Map<string, Promise<Result<undefined>>>()

  constructor(clock: Pick<Clock, 'now' | 'after'>) {
    this.#clock = clock
    this.#book = new ToolBook(clock)
  }

  /** An answer to `tools/list`, also one page of it. */
  hear(
    member: Pick<Member, 'service'>,
    asked: Client & Pick<Asked, 'message'>,
    { result, bytes }: Pick<Message, 'result' | 'bytes'>,
  ): void {
    const page = pageOf(result)
    if (page === undefined) return
    const isFirst = asked.message.params['cursor'] === undefined
    const answered = { isFirst, isWhole: isFirst && page.next === undefined, bytes: bytes.byteLength }
    this.#book.hear(tellerOf(member, asked), page.elements, answered)
  }

  /** The tools among these are about to be listed to this caller, under the grants that show them. */
  show(
    { service }: Pick<Member, 'service'>,
    operations: readonly Pick<VisibleOperation, 'operation' | 'grant' | 'pinned'>[],
    asked: Client,
  ): void {
    const { bearer } = asked
    const teller = tellerOf({ service }, asked)
    const paths = new Map(service.routes.flatMap(({ method, name, path }) => (method === 'tools/call' ? [[name, path]] : [])))
    for (const { operation, grant, pinned } of operations) {
      const path = paths.get(operation)
      const heard = path === undefined ? undefined : this.#book.find(teller, path, 0)
      if (typeof heard !== 'object') continue
      const resource = resourceOf({ service: service.id, operation })
      this.#shown.add(grant, resource, () => ({ hash: heard.hash, ...(heard.text === undefined ? {} : { says: heard.text }) }))
      const against = pinned ?? this.#shown.of(grant, resource)?.hash
      if (against !== undefined) this.#shown.read(ownerOf(bearer), resource, { heard, against })
    }
  }

  /** Hears, beside `tap`, where a stream of this server's says that its lists changed. */
  ear({ service }: Pick<Member, 'service'>, tap: Tap | undefined): Tap {
    return new ListEar(() => this.#book.forget(service.id), tap)
  }

  /** A list of this service's changed. */
  forget(service: string): void {
    this.#book.forget(service)
  }

  sweep(): void {
    this.#book.sweep(this.#clock.now())
  }

  /** Services are other ones now: so may be what they were heard to be. */
  changed(): void {
    this.#book.clear()
  }

  /**
   * The action with what its tool is; at once where that is known. What is no tool, and what would be refused without a look at it, is
   * answered as it is.
   */
  of(door: Door, asked: Asked, named: NamedAction, { action, way }: { readonly action: Action; readonly way: Way }): Said | Promise<Said> {
    if (action.verb !== 'tools/call') return { action }
    const teller = tellerOf(way.member, asked)
    const find = () => this.#book.find(teller, named.upstreamName, absentMs)
    const known = find()
    if (known !== undefined) {
      if (typeof known === 'object' && this.#clock.now() - known.at >= renewAfterMs) void this.#ask(door, asked, way)
      return this.#asRead(door, asked, said(action, known, this.#first))
    }
    // Nobody has a server asked who may not call it.
    const grant = door.control.riding(asked.bearer, action)
    if (grant === undefined || !speaksOf(grant, action)) return { action }
    return this.#ask(door, asked, way).then((heard) => {
      if (!heard.ok) return { action, heard }
      return this.#asRead(door, asked, said(action, find(), this.#first))
    })
  }

  /** A server may list one thing to a caller and say another when it is asked by us: where a caller read another, that is what is called. */
  #asRead({ control }: Door, { bearer }: Asked, heard: Said): Said {
    const { action } = heard
    if (action.definition === undefined) return heard
    const pinned = () => pinnedOf(control.riding(bearer, action) ?? {}, action)
    const other = this.#shown.otherThan(ownerOf(bearer), resourceOf(action), pinned)
    return other === undefined || other.against !== action.definition.hash ? heard : said(action, other.heard, this.#first)
  }

  /** Once at a time for each who asks: they ask in a session of their own. */
  #ask(door: Door, asked: Asked, way: Way): Promise<Result<undefined>> {
    const key = `${placeOf(tellerOf(way.member, asked))} ${ownerOf(asked.bearer)}`
    const under = this.#asking.get(key)
    if (under !== undefined) return under
    const asking = this.#learn(door, asked, way).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asking)
    return asking
  }

  /** The whole list, in the caller's session and era: what a server says may hang on either. */
  async #learn(door: Door, asked: Asked, way: Way): Promise<Result<undefined>> {
    const reading = door.attendants.room.begin()
    try {
      return await this.#read(door, asked, way, reading)
    } finally {
      reading.over()
    }
  }

  async #read(door: Door, asked: Asked, { member, headers }: Way, reading: Reading): Promise<Result<undefined>> {
    const { bearer, envelope, message } = asked
    const licence = this.#licence(door, bearer, member)
    if (!licence.ok) return unheard(licence.refusal.detail ?? licence.refusal.code)
    const isStateless = envelope.era === 'stateless'
    const meta = isStateless && isJsonObject(message.params['_meta']) ? { _meta: lasting(message.params['_meta']) } : {}
    const limits = { ...door.limits, messageBytesMax: door.limits.listBytesMax }
    const passing = headers.filter(([name]) => !ofTheCall.has(name) && !name.startsWith('mcp-param-'))
    const outgoing = {
      method: 'POST',
      headers: isStateless ? [...passing, ['mcp-method', 'tools/list'] as const] : passing,
    } as const
    const elements: JsonValue[] = []
    let bytes = 0
    let cursor: string | undefined
    for (let page = 0; page < limits.listPagesMax && bytes <= limits.listBytesMax; page += 1) {
      const params: JsonObject = { ...meta, ...(cursor === undefined ? {} : { cursor }) }
      const asking = requestOf({ id: `"remit-tools-${page}"`, method: 'tools/list', params })
      const plan = { licence: licence.value, server: member.server, clock: this.#clock, limits, room: door.attendants.room }
      const answered = await collect({ ...plan, outgoing: { ...outgoing, message: asking, ...holderOf(door, bearer, member.service) } })
      if (!answered.ok) return unheard(answered.refusal.detail ?? answered.refusal.code)
      const { response, status } = answered.value
      const said = pageOf(response?.result)
      if (response === undefined || said === undefined)
        return unheard(response?.error === undefined ? `it answered with status ${status}` : 'it answered with an error')
      elements.push(...said.elements)
      bytes += response.bytes.byteLength
      reading.grow(response.bytes.byteLength)
      if (reading.isGivenUp) return unheard('too many long lists are being read')
      cursor = said.next
      if (cursor !== undefined) continue
      this.#book.hear(tellerOf(member, asked), elements, { isFirst: true, isWhole: true, bytes })
      return done(undefined)
    }
    return unheard('its list has no end')
  }

  /** As whoever calls is heard, and for a moment only. */
  #licence(door: Door, bearer: Bearer, { service }: Member): Result<Licence> {
    const heard = door.attendants.licence(bearer, [service.id], false)
    if (!heard.ok) return heard
    const endsAt = this.#clock.now() + answerWithinMs
    return done({
      ...heard.value,
      watch: (item) => {
        const leave = heard.value.watch(item)
        const callOff = this.#clock.after(Math.max(0, endsAt - this.#clock.now()), () =>
          item.cut(`it did not answer within ${answerWithinMs / 1_000} s`),
        )
        return () => {
          callOff()
          leave()
        }
      },
    })
  }
}

/** Headers that speak of the call that is waited with. */
const ofTheCall = new Set(['mcp-method', 'mcp-name', 'last-event-id', 'traceparent', 'tracestate', 'baggage'])

/** What a client says of itself with each request, without what belongs to one of them. */
function lasting({
  progressToken: _progress,
  traceparent: _trace,
  tracestate: _state,
  baggage: _baggage,
  ...meta
}: JsonObject): JsonObject {
  return meta
}

function pageOf(result: JsonValue | undefined): { readonly elements: readonly JsonValue[]; readonly next?: string } | undefined {
  const elements = isJsonObject(result) ? result['tools'] : undefined
  if (!isJsonObject(result) || !isList(elements)) return undefined
  const { nextCursor } = result
  return { elements, ...(typeof nextCursor === 'string' ? { next: nextCursor } : {}) }
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/** What of a client says which server it has. */
type Client = Pick<Asked, 'bearer' | 'envelope' | 'session'>

/** A server that may ask its clients something is a child for each of them: what one says to one client it does not say to another. */
function tellerOf({ service }: Pick<Member, 'service'>, { bearer, envelope: { era }, session = '' }: Client): Teller {
  return service.asks === undefined ? { service, era } : { service, era, client: { owner: ownerOf(bearer), session } }
}

type First = (grant: string, resource: string) => ReturnType<NonNullable<HeardTool['first']>>

function said(action: Action, found: Heard | 'absent' | 'twice' | undefined, first: First): Said {
  if (found === 'twice') return { action, heard: unheard('it lists the tool twice') }
  if (found === undefined) return { action, heard: unheard('its list changes all the time') }
  if (found === 'absent') return { action, heard: refuse('action.not-offered') }
  const { hash, text, worse } = found
  const isWorse = worse !== undefined && !isChange(action.effect)
  const heard = { ...(text === undefined ? {} : { says: text }), first: (grant: string) => first(grant, resourceOf(action)) }
  return { action: { ...action, definition: { hash, ...(isWorse ? { worse } : {}) } }, heard: done(heard) }
}

function unheard(why: string): ReturnType<typeof refuse> {
  return refuse('action.definition-unknown', { detail: why })
}
