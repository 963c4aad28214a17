/** What an endpoint says itself where it joins several servers: handshakes, and whatever else belongs to none of them alone. */
import { isJsonObject, type JsonObject } from '../../kernel/json.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { NamedHousekeeping } from './actions.ts'
import type { Asked } from './asked.ts'
import type { Collected } from './collect.ts'
import { ownExtensions } from './discovery.ts'
import type { Answering, Door, Member } from './door.ts'
import { handshakeRevisions, statelessRevisions } from './envelope.ts'
import { initializedOf, initializeOf, resultBytes, unitedCapabilities } from './joined-messages.ts'
import type { JoinedSession, MemberSession } from './joined-sessions.ts'
import { collectFrom, withSession } from './ways.ts'

const instructionsMax = 16_000
const serverKey = 'io.modelcontextprotocol/serverInfo'

/** `named` is absent for GET and DELETE. Completions are not answered here: they belong to one server. */
export async function answerJoined(exchange: Answering, asked: Asked, named: NamedHousekeeping | undefined): Promise<Result<undefined>> {
  switch (named?.what) {
    case undefined:
      return asked.method === 'DELETE' ? endSession(exchange, asked) : noStream(exchange)
    case 'initialize':
      return initialize(exchange, asked)
    case 'discover':
      return discover(exchange, asked)
    case 'ping':
      exchange.say(resultBytes(asked.message.id, {}))
      return done(undefined)
    case 'notification':
      exchange.answer.whole(202, [], new Uint8Array())
      return done(undefined)
    default:
      return refuse('mcp.method', { detail: `${asked.message.method ?? 'a response'} where servers are joined` })
  }
}

/** Every server is told of the client at once; those that do not answer have no part in the session. */
async function initialize(exchange: Answering, asked: Asked): Promise<Result<undefined>> {
  const { door } = exchange
  const wanted = asked.message.params['protocolVersion']
  const revision = handshakeRevisions.find((each) => each === wanted) ?? handshakeRevisions[0]
  const all = await Promise.all(asked.served.members.map((member) => open(door, asked, member, revision)))
  const opened = all.flatMap((each) => each ?? [])
  if (opened.length === 0) return refuse('upstream.unreachable', { detail: 'none of the servers that are joined here answered' })
  const id = Buffer.from(door.chance.bytes(24)).toString('base64url')
  const session: JoinedSession = { members: opened.map(({ session: each }) => each) }
  door.sessions.add(asked.bearer, id, session)
  door.pages.begun(asked.bearer, id, asked.envelope)
  const agreed = opened.map((each) => each.session.revision).reduce((a, b) => (a < b ? a : b))
  const result = {
    protocolVersion: agreed,
    capabilities: unitedCapabilities(opened.map(({ capabilities }) => capabilities)),
    serverInfo: { name: asked.served.service.id, version: '1' },
    ...instructionsOf(opened),
  }
  exchange.say(resultBytes(asked.message.id, result), [['Mcp-Session-Id', id]])
  return done(undefined)
}

interface Opened {
  readonly session: MemberSession
  readonly capabilities: JsonObject
  readonly instructions: string
}

async function open(door: Door, asked: Asked, member: Member, revision: string): Promise<Opened | undefined> {
  const { bearer } = asked
  const headers = asked.headers.filter(([name]) => name !== 'mcp-protocol-version')
  const answered = await collectFrom(door, { bearer }, { member, message: initializeOf(asked.message, revision), headers })
  const result = resultOf(answered)
  if (!answered.ok || result === undefined) return undefined
  // It goes into headers, and what all agree on is the least of them: one that says none of those there are has no part.
  const spoken = handshakeRevisions.find((each) => each === result['protocolVersion'])
  if (spoken === undefined) return undefined
  const id = answered.value.headers.find(([name]) => name.toLowerCase() === 'mcp-session-id')?.[1]
  const session: MemberSession = {
    service: member.service.id,
    revision: spoken,
    ...(id === undefined ? {} : { id }),
  }
  await collectFrom(door, { bearer }, { member, message: initializedOf(), headers: withSession(headers, session) })
  return { session, ...saidBy(member, result) }
}

/** Of 2026-07-28: each says what it can do, and together they can do what any of them can. */
async function discover(exchange: Answering, asked: Asked): Promise<Result<undefined>> {
  const { door } = exchange
  const { message, headers, bearer } = asked
  const all = await Promise.all(
    asked.served.members.map(async (member) => {
      const result = resultOf(await collectFrom(door, { bearer }, { member, message, headers }))
      return result === undefined ? undefined : saidBy(member, result)
    }),
  )
  const found = all.flatMap((each) => each ?? [])
  if (found.length === 0) return refuse('upstream.unreachable', { detail: 'none of the servers that are joined here answered' })
  const result = {
    resultType: 'complete',
    supportedVersions: [...statelessRevisions],
    capabilities: { ...unitedCapabilities(found.map(({ capabilities }) => capabilities)), extensions: ownExtensions },
    ...instructionsOf(found),
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { [serverKey]: { name: asked.served.service.id, version: '1' } },
  }
  exchange.say(resultBytes(message.id, result))
  return done(undefined)
}

function resultOf(answered: Result<Collected>): JsonObject | undefined {
  const result = answered.ok ? answered.value.response?.result : undefined
  return isJsonObject(result) ? result : undefined
}

function saidBy({ service }: Member, { capabilities, instructions }: JsonObject): Pick<Opened, 'capabilities' | 'instructions'> {
  return {
    capabilities: isJsonObject(capabilities) ? capabilities : {},
    instructions: typeof instructions === 'string' && instructions !== '' ? `${service.id}: ${instructions}` : '',
  }
}

function instructionsOf(all: readonly Pick<Opened, 'instructions'>[]): { readonly instructions?: string } {
  const text = all.flatMap(({ instructions }) => (instructions === '' ? [] : [instructions])).join('\n\n')
  return text === '' ? {} : { instructions: text.slice(0, instructionsMax) }
}

/** No stream of its own: what servers say belongs to a call, and is told in its answer. */
function noStream(exchange: Answering): Result<undefined> {
  exchange.answer.whole(405, [['Allow', 'POST, DELETE']], new Uint8Array())
  return done(undefined)
}

async function endSession(exchange: Answering, asked: Asked): Promise<Result<undefined>> {
  const { door } = exchange
  const { bearer, session } = asked
  const kept = session === undefined ? undefined : door.sessions.find(bearer, session)?.kept
  if (session !== undefined) door.sessions.remove(bearer, session)
  const members = typeof kept === 'object' ? kept.members : []
  await Promise.all(
    asked.served.members.map(async (member) => {
      const mine = members.find((each) => each.service === member.service.id)
      if (mine?.id !== undefined) await endAt(door, asked, member, mine)
    }),
  )
  exchange.answer.whole(200, [], new Uint8Array())
  return done(undefined)
}

async function endAt(door: Door, { bearer, message, headers }: Asked, member: Member, mine: MemberSession): Promise<void> {
  await collectFrom(door, { bearer }, { member, message, headers: withSession(headers, mine), method: 'DELETE' })
}
