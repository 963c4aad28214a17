/** Reads one request of a client as far as it is the same for all of them: who asks, of what, in which revision, in which session. */
import type { IncomingMessage } from 'node:http'
import type { Bearer } from '../../control/ports.ts'
import { clientAddress } from '../../kernel/client-address.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Door, Served } from './door.ts'
import { checkEnvelope, type Envelope, type Headers } from './envelope.ts'
import { readMessage } from './json-rpc.ts'
import type { Offer } from './offer.ts'
import type { Message, Outgoing } from './ports.ts'
import { readWhole } from './whole-body.ts'

export interface Asked {
  readonly bearer: Bearer
  /** By which the caller is known: for the desk alone, and for no log. */
  readonly token: string
  readonly served: Served
  readonly offer: Offer
  readonly method: Outgoing['method']
  /** Of GET and DELETE: nothing. */
  readonly message: Message
  readonly envelope: Envelope
  /** `Mcp-Session-Id`, which is this caller's. */
  readonly session: string | undefined
  /** Those that pass, in lowercase. */
  readonly headers: Headers
}

/** What was found out before something was refused. */
export interface Known {
  bearer?: Bearer
  message?: Message
  envelope?: Envelope
}

const noMessage: Message = { kind: 'notification', params: {}, bytes: new Uint8Array() }

/** Refuses what cannot be read, and callers who are not known. `known` is filled as far as it came. */
export async function readAsked(door: Door, request: IncomingMessage, known: Known): Promise<Result<Asked>> {
  const served = door.served()
  if (served === undefined) return refuse('not-found')
  if (!served.offer.ok) return served.offer
  const headers = headersOf(request)
  const twice = headers.find(([name], place) => onlyOnce.has(name) && headers.findIndex(([other]) => other === name) !== place)
  if (twice !== undefined) return refuse('action.ambiguous', { detail: `${twice[0]} stands twice` })
  const token = readToken(request)
  if (!token.ok) return token
  const bearer = await door.control.identify(token.value, clientAddress(request.socket.remoteAddress))
  if (!bearer.ok) return bearer
  known.bearer = bearer.value
  const method = request.method === 'GET' || request.method === 'DELETE' ? request.method : 'POST'
  const message = method === 'POST' ? await readBody(door, request) : done(noMessage)
  if (!message.ok) return message
  if (method === 'POST') known.message = message.value
  const envelope = checkEnvelope(headers, message.value)
  if (!envelope.ok) return envelope
  known.envelope = envelope.value
  if (method !== 'POST' && envelope.value.era === 'stateless') return refuse('mcp.method', { detail: `${method} in this revision` })
  const session = readSession(door, headers, bearer.value)
  if (!session.ok) return session
  return done({
    bearer: bearer.value,
    token: token.value,
    served,
    offer: served.offer.value,
    method,
    message: message.value,
    envelope: envelope.value,
    session: session.value,
    headers: passing(headers),
  })
}

const onlyOnce = new Set(['authorization', 'host', 'origin', 'content-type', 'content-length', 'mcp-session-id', 'last-event-id'])

/** Names in lowercase, in the order in which they were sent. */
function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const found: (readonly [string, string])[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) found.push([(rawHeaders[at] ?? '').toLowerCase(), rawHeaders[at + 1] ?? ''])
  return found
}

const passingNames = new Set(['host', 'accept', 'last-event-id', 'traceparent', 'tracestate', 'baggage'])

function passing(headers: Headers): Headers {
  return headers.filter(([name]) => passingNames.has(name) || name.startsWith('mcp-'))
}

function readToken({ headers: { authorization } }: IncomingMessage): Result<string> {
  const [, token] = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization ?? '') ?? []
  return token === undefined ? refuse(authorization === undefined ? 'credential.missing' : 'credential.invalid') : done(token)
}

async function readBody({ limits }: Door, request: IncomingMessage): Promise<Result<Message>> {
  if (!/^application\/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?$/i.test(request.headers['content-type'] ?? ''))
    return refuse('input.media-type')
  if (request.headers['content-encoding'] !== undefined) return refuse('input.media-type', { detail: 'the body must not be encoded' })
  const body = await readWhole(request, limits.messageBytesMax)
  return body.ok ? readMessage(body.value, limits) : body
}

/** Somebody else's session answers as one that is not there: the protocol's own word for that is 404, and its client begins anew. */
function readSession({ sessions }: Door, headers: Headers, bearer: Bearer): Result<string | undefined> {
  const id = headers.find(([name]) => name === 'mcp-session-id')?.[1]
  if (id === undefined) return done(undefined)
  return sessions.find(bearer, id) === undefined ? refuse('mcp.session') : done(id)
}
