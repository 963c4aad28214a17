/** Answers lists: what the servers say, less what the caller cannot see; of one server page by page, of joined ones all in one. */
import type { Bearer } from '../../control/ports.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Asked } from './asked.ts'
import { type Collected, collect } from './collect.ts'
import type { Door, Member } from './door.ts'
import { type Exchange, outgoingOf } from './exchange.ts'
import { withCursor } from './joined-messages.ts'
import { memberHeaders } from './joined.ts'
import { type Freshness, isList, type ListMethod, listResponse, seenUntil, type Shown, shownOf, type Sight, withShown } from './listing.ts'
import type { Message, Outgoing } from './ports.ts'

/** The list that was asked for. An error of a server that is alone passes as it is. */
export async function answerList(exchange: Exchange, asked: Asked): Promise<Result<undefined>> {
  const { method } = asked.message
  if (!isList(method)) throw new Error('only lists are answered as lists')
  return asked.offer.isJoined ? answerAll(exchange, asked, method) : answerPage(exchange, asked, method)
}

async function answerPage(exchange: Exchange, asked: Asked, list: ListMethod): Promise<Result<undefined>> {
  const { door } = exchange
  const member = exchange.memberOf(asked, asked.served.service.id)
  if (!member.ok) return member
  const collected = await collectFrom(door, asked, { member: member.value, message: asked.message, headers: asked.headers })
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
  const sight = sightOf(door, asked.bearer, member.value)
  const shown = shownOf(response, list, sight)
  if (!shown.ok) return shown
  exchange.say(withShown(response, list, shown.value, freshnessOf(door, asked, [sight])))
  return done(undefined)
}

/** A server that does not answer, or has no such list, shows nothing: the others are no worse for it. If none answers, that is the answer. */
async function answerAll(exchange: Exchange, asked: Asked, list: ListMethod): Promise<Result<undefined>> {
  const { door } = exchange
  const all = await Promise.all(asked.served.members.map((member) => allOf(door, asked, member, list)))
  const answered = all.flatMap((each) => (each.ok ? [each.value] : []))
  const [firstFailed] = all.flatMap((each) => (each.ok ? [] : [each.refusal]))
  if (answered.length === 0 && firstFailed !== undefined) return { ok: false, refusal: firstFailed }
  const sights = asked.served.members.map((member) => sightOf(door, asked.bearer, member))
  const ttlMs = Math.min(...answered.map((each) => each.ttlMs ?? 0))
  const shown: Shown = { elements: answered.flatMap(({ elements }) => elements), ttlMs: Number.isFinite(ttlMs) ? ttlMs : 0 }
  exchange.say(listResponse(asked.message.id ?? 'null', list, shown, freshnessOf(door, asked, sights)))
  return done(undefined)
}

/** Every page of one server's list. */
async function allOf(door: Door, asked: Asked, member: Member, list: ListMethod): Promise<Result<Shown>> {
  const sight = sightOf(door, asked.bearer, member)
  if (sight.operations.length === 0) return done({ elements: [] })
  const elements: Uint8Array[] = []
  let ttlMs = Number.POSITIVE_INFINITY
  let cursor: string | undefined
  let bytes = 0
  const headers = memberHeaders(door, asked, member.service.id)
  if (headers === undefined) return refuse('upstream.unreachable', { detail: `${member.service.id} has no part in this session` })
  for (let page = 0; page < door.limits.listPagesMax; page += 1) {
    const collected = await collectFrom(door, asked, { member, message: withCursor(asked.message, cursor), headers })
    if (!collected.ok) return collected
    const { response } = collected.value
    if (response === undefined || response.error !== undefined) return refuse('upstream.malformed', { detail: `it has no ${list}` })
    const shown = shownOf(response, list, sight, member.service.id)
    if (!shown.ok) return shown
    elements.push(...shown.value.elements)
    bytes += response.bytes.byteLength
    ttlMs = Math.min(ttlMs, shown.value.ttlMs ?? 0)
    cursor = shown.value.nextCursor
    if (cursor === undefined) return done({ elements, ttlMs })
    if (bytes > door.limits.listBytesMax) break
  }
  return refuse('upstream.malformed', { detail: `its ${list} is too long to be joined with others` })
}

export interface CollectFrom {
  readonly member: Member
  readonly message: Message
  readonly headers: Asked['headers']
  readonly method?: Outgoing['method']
}

/** One answer, read whole, of a server that is asked on behalf of a caller who is heard here. */
export function collectFrom(
  door: Door,
  { bearer }: Pick<Asked, 'bearer'>,
  { member, message, headers, method = 'POST' }: CollectFrom,
): Promise<Result<Collected>> {
  const licence = door.attendants.licence(bearer, [member.service.id], false)
  if (!licence.ok) return Promise.resolve(licence)
  const limits = { ...door.limits, messageBytesMax: door.limits.listBytesMax }
  const outgoing = outgoingOf({ method, message, headers })
  return collect({ licence: licence.value, server: member.server, outgoing, clock: door.clock, limits })
}

function sightOf({ control }: Door, bearer: Bearer, { service }: Member): Sight {
  return { service, operations: control.visible(bearer, service) }
}

function freshnessOf({ clock }: Door, { envelope }: Asked, sights: readonly Sight[]): Freshness {
  return { isStateless: envelope.era === 'stateless', now: clock.now(), until: seenUntil(sights) }
}
