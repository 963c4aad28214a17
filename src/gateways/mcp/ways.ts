/** The way from a client's message to one server: which server, with which headers, under whose session. */
import type { Bearer } from '../../control/ports.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Service } from '../../model/services.ts'
import type { Asked } from './asked.ts'
import { type Collected, collect } from './collect.ts'
import type { Door, Member } from './door.ts'
import { type Headers, headerText, namedBy } from './envelope.ts'
import type { MemberSession } from './joined-sessions.ts'
import type { Message, Outgoing } from './ports.ts'
import { ownerOf } from './sessions.ts'

export interface Way {
  readonly member: Member
  readonly headers: Headers
}

/** The server that has it, and the headers for it. */
export function wayTo(door: Door, asked: Asked, service: string): Result<Way> {
  const member = asked.served.members.find((each) => each.service.id === service)
  if (member === undefined) return refuse('upstream.unreachable', { detail: `${service} is not reached from here` })
  const headers = asked.offer.isJoined ? memberHeaders(door, asked, service) : asked.headers
  return headers === undefined ? refuse('mcp.session') : done({ member, headers })
}

/** Where servers are joined each has a session of its own, in the revisions with sessions. `undefined` where it has no part in this one. */
function memberHeaders({ sessions }: Door, { bearer, envelope, session, headers }: Asked, service: string): Headers | undefined {
  if (envelope.era === 'stateless') return headers
  const kept = session === undefined ? undefined : sessions.find(bearer, session)?.kept
  const member = typeof kept === 'object' ? kept.members.find((each) => each.service === service) : undefined
  return member === undefined ? undefined : withSession(headers, member)
}

export function withSession(headers: Headers, { id, revision }: Pick<MemberSession, 'id' | 'revision'>): Headers {
  const others = headers.filter(([name]) => name !== 'mcp-session-id' && name !== 'mcp-protocol-version')
  return [...others, ['mcp-protocol-version', revision], ...(id === undefined ? [] : [['mcp-session-id', id] as const])]
}

/** The message with the headers that pass; `name`: what its server calls what it names. */
export function outgoingOf(
  { method, message, headers }: Pick<Asked, 'method' | 'message' | 'headers'>,
  name?: string,
): Omit<Outgoing, 'mayGo'> {
  if (name === undefined || namedBy(message.method) === undefined) return { method, message, headers }
  return { method, message, headers: headers.map(([each, value]) => (each === 'mcp-name' ? [each, headerText(name)] : [each, value])) }
}

/** Whose message it is, where a live grant of theirs reaches into the service; looked up only for servers that make something of it. */
export function holderOf({ attendants }: Door, bearer: Bearer | undefined, { id, asks }: Service): Pick<Outgoing, 'holder'> {
  if (asks === undefined || bearer === undefined || !attendants.licence(bearer, [id], true).ok) return {}
  return { holder: ownerOf(bearer) }
}

export interface CollectFrom extends Way {
  readonly message: Message
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
  const outgoing = { ...outgoingOf({ method, message, headers }), ...holderOf(door, bearer, member.service) }
  return collect({ licence: licence.value, server: member.server, outgoing, clock: door.clock, limits, room: door.attendants.room })
}
