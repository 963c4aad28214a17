/** Answers lists: what the servers say, less what the caller cannot see; of one server page by page, of joined ones all in one. */
import type { Bearer } from '../../control/ports.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { type Reading, tooMuchIsRead } from './answer-room.ts'
import type { Asked } from './asked.ts'
import type { Answering, Door, Member } from './door.ts'
import { withCursor } from './joined-messages.ts'
import { type Freshness, isList, type ListMethod, listResponse, seenUntil, type Shown, shownOf, type Sight, withShown } from './listing.ts'
import { collectFrom, wayTo } from './ways.ts'

/** The list that was asked for. An error of a server that is alone passes as it is. */
export async function answerList(exchange: Answering, asked: Asked): Promise<Result<undefined>> {
  const { method } = asked.message
  if (!isList(method)) throw new Error('only lists are answered as lists')
  return asked.offer.isJoined ? answerAll(exchange, asked, method) : answerPage(exchange, asked, method)
}

async function answerPage(exchange: Answering, asked: Asked, list: ListMethod): Promise<Result<undefined>> {
  const { door } = exchange
  const way = wayTo(door, asked, asked.served.service.id)
  if (!way.ok) return way
  const collected = await collectFrom(door, asked, { ...way.value, message: asked.message })
  if (!collected.ok) return collected
  const { response, status } = collected.value
  if (response === undefined) return refuse('upstream.malformed', { detail: `it answered ${list} with status ${status}` })
  if (response.error !== undefined) {
    exchange.answer.whole(
      status,
      [
        ['Content-Type', 'application/json'],
        ['Cache-Control', 'no-store'],
      ],
      response.bytes,
    )
    return done(undefined)
  }
  if (list === 'tools/list') door.tools.hear(way.value.member, asked, response)
  const sight = sightOf(door, asked.bearer, way.value.member)
  if (list === 'tools/list') door.tools.show(way.value.member, sight.operations, asked)
  const shown = shownOf(response, list, sight)
  if (!shown.ok) return shown
  exchange.say(withShown(response, list, withOwn(exchange, asked, list, shown.value), freshnessOf(door, asked, [sight])))
  return done(undefined)
}

/** A server that does not answer, or has no such list, shows nothing: the others are no worse for it. If none answers, that is the answer. */
async function answerAll(exchange: Answering, asked: Asked, list: ListMethod): Promise<Result<undefined>> {
  const { door } = exchange
  const all = await Promise.all(asked.served.members.map((member) => allOf(door, asked, member, list)))
  const answered = all.flatMap((each) => (each.ok ? [each.value] : []))
  const [firstFailed] = all.flatMap((each) => (each.ok ? [] : [each.refusal]))
  if (answered.length === 0 && firstFailed !== undefined) return { ok: false, refusal: firstFailed }
  const sights = asked.served.members.map((member) => sightOf(door, asked.bearer, member))
  const ttlMs = Math.min(...answered.map((each) => each.ttlMs ?? 0))
  const shown: Shown = { elements: answered.flatMap(({ elements }) => elements), ttlMs: Number.isFinite(ttlMs) ? ttlMs : 0 }
  exchange.say(listResponse(asked.message.id ?? 'null', list, withOwn(exchange, asked, list, shown), freshnessOf(door, asked, sights)))
  return done(undefined)
}

/** Our own tools come after the last of the server's. */
function withOwn({ door }: Answering, { bearer }: Asked, list: ListMethod, shown: Shown): Shown {
  const own = list === 'tools/list' && shown.nextCursor === undefined ? door.own?.listed(bearer) : undefined
  return own === undefined ? shown : { ...shown, elements: [...shown.elements, ...own] }
}

/** Every page of one server's list. */
async function allOf(door: Door, asked: Asked, member: Member, list: ListMethod): Promise<Result<Shown>> {
  const sight = sightOf(door, asked.bearer, member)
  if (sight.operations.length === 0) return done({ elements: [] })
  const reading = door.attendants.room.begin()
  try {
    return await pagesOf(door, asked, { member, list, sight, reading })
  } finally {
    reading.over()
  }
}

interface Paging {
  readonly member: Member
  readonly list: ListMethod
  readonly sight: Sight
  readonly reading: Reading
}

async function pagesOf(door: Door, asked: Asked, { member, list, sight, reading }: Paging): Promise<Result<Shown>> {
  const elements: Uint8Array[] = []
  let ttlMs = Number.POSITIVE_INFINITY
  let cursor: string | undefined
  let bytes = 0
  const way = wayTo(door, asked, member.service.id)
  if (!way.ok) return way
  for (let page = 0; page < door.limits.listPagesMax; page += 1) {
    const message = withCursor(asked.message, cursor)
    const collected = await collectFrom(door, asked, { ...way.value, message })
    if (!collected.ok) return collected
    const { response } = collected.value
    if (response === undefined || response.error !== undefined) return refuse('upstream.malformed', { detail: `it has no ${list}` })
    if (list === 'tools/list') {
      door.tools.hear(member, { ...asked, message }, response)
      door.tools.show(member, sight.operations, asked)
    }
    const shown = shownOf(response, list, sight, member.service.id)
    if (!shown.ok) return shown
    elements.push(...shown.value.elements)
    bytes += response.bytes.byteLength
    reading.grow(response.bytes.byteLength)
    if (reading.isGivenUp) return tooMuchIsRead
    ttlMs = Math.min(ttlMs, shown.value.ttlMs ?? 0)
    cursor = shown.value.nextCursor
    if (cursor === undefined) return done({ elements, ttlMs })
    if (bytes > door.limits.listBytesMax) break
  }
  return refuse('upstream.malformed', { detail: `its ${list} is too long to be joined with others` })
}

function sightOf({ control }: Door, bearer: Bearer, { service }: Member): Sight {
  return { service, operations: control.visible(bearer, service) }
}

function freshnessOf({ clock }: Door, { envelope }: Asked, sights: readonly Sight[]): Freshness {
  return { isStateless: envelope.era === 'stateless', now: clock.now(), until: seenUntil(sights) }
}
