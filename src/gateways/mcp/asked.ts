/** Reads one request of a client as far as it is the same for all of them: who asks, of what, in which revision, in which session. */
import type { Bearer } from '../../control/ports.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { ClientRequest, RequestHeaders } from './client-request.ts'
import type { Door, Served } from './door.ts'
import { checkEnvelope, type Envelope, type Headers } from './envelope.ts'
import { readMessage } from './json-rpc.ts'
import type { Offer } from './offer.ts'
import type { Message, Outgoing } from './ports.ts'

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
export async function readAsked(door: Door, request: ClientRequest, known: Known): Promise<Result<Asked>> {
  const served = door.served()
  if (served === undefined) return refuse('not-found')
  if (!served.offer.ok) return served.offer
  const { token, headers } = request
  if (!token.ok) return token
  const bearer = await door.control.identify(token.value, request.address)
  if (!bearer.ok) return bearer
  known.bearer = bearer.value
  const method = request.method === 'GET' || request.method === 'DELETE' ? request.method : 'POST'
  const message = method === 'POST' ? await readBody(door, request) : done(noMessage)
  if (!message.ok) return message
  if (method === 'POST') known.message = message.value
  const envelope = checkEnvelope(headers.all, message.value)
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
    headers: headers.passing,
  })
}

async function readBody({ limits, clock }: Door, request: ClientRequest): Promise<Result<Message>> {
  const reading = request.json({ limits, clock })
  const body = reading instanceof Promise ? await reading : reading
  return body.ok ? readMessage(body.value, limits) : body
}

/** Somebody else's session answers as one that is not there: the protocol's own word for that is 404, and its client begins anew. */
function readSession({ sessions }: Door, headers: RequestHeaders, bearer: Bearer): Result<string | undefined> {
  const id = headers.get('mcp-session-id')
  if (id === undefined) return done(undefined)
  return sessions.find(bearer, id) === undefined ? refuse('mcp.session') : done(id)
}
