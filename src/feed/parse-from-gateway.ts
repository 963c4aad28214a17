/** Reads what a gateway says to control, strictly: an unknown kind of message, an unknown member or a value of another kind is refused. */
import { isJsonObject, type JsonValue } from '../kernel/json.ts'
import type { Result } from '../kernel/result.ts'
import { protocols } from '../model/services.ts'
import { effects } from '../model/effects.ts'
import type { Action, Material, SaidDefinition } from '../model/actions.ts'
import { definitionTextMax, worseKinds } from '../model/definitions.ts'
import type { TokenClaims } from '../control/ports.ts'
import { type Ask, type FromGateway, type Hello, type ServedAt, servedMax, type SignOfLife } from './messages.ts'
import { agentDeed } from './parse-agents.ts'
import {
  argument,
  count,
  hex,
  id,
  list,
  map,
  object,
  one,
  optional,
  pair,
  provenance,
  readAs,
  type Shape,
  someOf,
  text,
  Unread,
  upTo,
} from './parse-shapes.ts'

/** Refuses `feed.unreadable`, with the place in `detail` and never with what stands there. */
export function parseFromGateway(message: string): Result<FromGateway> {
  return readAs(message, read)
}

function read(value: JsonValue): FromGateway {
  const type = isJsonObject(value) ? value.type : undefined
  const shape = typeof type === 'string' && Object.hasOwn(messages, type) ? messages[type as keyof typeof messages] : undefined
  if (shape === undefined) throw new Unread('a message of a type that is not known')
  return shape(value)
}

type Of<T extends FromGateway['type']> = Extract<FromGateway, { readonly type: T }>
type Asked<T extends Ask['what']> = Extract<Ask, { readonly what: T }>

const word = upTo(200)
const line = upTo(16_384)

/** One text for one body: what decodes to something that is written otherwise was not written as RFC 4648 has it. */
const base64: Shape<string> = (value) => {
  const read = text(value)
  if (Buffer.from(read, 'base64').toString('base64') !== read) throw new Unread('no base64')
  return read
}

const from1: Shape<number> = (value) => {
  const read = count(value)
  if (read === 0) throw new Unread('nothing at all')
  return read
}

const claims: Shape<TokenClaims> = object<TokenClaims>({
  jti: id('tok'),
  space: word,
  chain: someOf(id('idn')),
  provedBy: line,
  audience: line,
  grant: optional(id('grn')),
  issuedAt: count,
  expiresAt: count,
  proved: map(line),
})

const definition: Shape<SaidDefinition> = object<SaidDefinition>({ hash: word, worse: optional(one(...worseKinds)) })
const saysText = upTo(definitionTextMax)

const action: Shape<Action> = object<Action>({
  protocol: one(...protocols),
  service: word,
  operation: word,
  verb: word,
  effect: one(...effects),
  tier: one(0, 1, 2, 3),
  arguments: map(argument),
  provenance: optional(provenance),
  definition: optional(definition),
  target: text,
})

const material: Shape<Material> = object<Material>({
  method: word,
  target: text,
  headers: list(pair(text), 10_000),
  bodySha256: word,
})

const signOfLife: Shape<SignOfLife> = object<SignOfLife>({ grant: id('grn'), lastUse: count, underWay: count })

const originText = upTo(300)

const origin: Shape<string> = (value) => {
  const read = originText(value)
  if (!isOrigin(read)) throw new Unread('no origin of http or https')
  return read
}

/** Clients send tokens there, so that nothing but an origin is taken, or the endpoint of MCP at one, in the one way in which it is written. */
export function isOrigin(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && (url.origin === text || `${url.origin}/mcp` === text) && (url.protocol === 'http:' || url.protocol === 'https:')
}

const servedAt = list(object<ServedAt>({ service: word, url: origin }), servedMax)

const served: Shape<readonly ServedAt[]> = (value) => {
  const read = servedAt(value)
  if (new Set(read.map(({ service }) => service)).size !== read.length) throw new Unread('a service twice')
  return read
}

const asks = {
  bind: object<Asked<'bind'>>({ what: one('bind'), claims, address: word, token: optional(line) }),
  'used-elsewhere': object<Asked<'used-elsewhere'>>({ what: one('used-elsewhere'), claims, bound: word, address: word }),
  'open-session': object<Asked<'open-session'>>({ what: one('open-session'), claims, address: word, grant: id('grn') }),
  settle: object<Asked<'settle'>>({
    what: one('settle'),
    claims,
    address: word,
    action,
    material: optional(material),
    grant: id('grn'),
    session: id('ses'),
    line: optional(count),
    hold: optional(id('hld')),
  }),
  hold: object<Asked<'hold'>>({
    what: one('hold'),
    claims,
    address: word,
    action,
    material,
    body: optional(base64),
    says: optional(saysText),
    grant: id('grn'),
    session: id('ses'),
    digest: word,
  }),
  pin: object<Asked<'pin'>>({ what: one('pin'), claims, address: word, action, says: optional(saysText), grant: id('grn') }),
  'mark-untrusted': object<Asked<'mark-untrusted'>>({
    what: one('mark-untrusted'),
    claims,
    address: word,
    session: id('ses'),
    grant: id('grn'),
    service: word,
    operation: word,
  }),
  'read-before': object<Asked<'read-before'>>({ what: one('read-before'), claims, address: word }),
  answered: object<Asked<'answered'>>({
    what: one('answered'),
    claims,
    address: word,
    action,
    grant: id('grn'),
    session: id('ses'),
    decision: id('dec'),
  }),
  agent: object<Asked<'agent'>>({ what: one('agent'), claims, address: word, token: line, deed: agentDeed }),
  exhausted: object<Asked<'exhausted'>>({ what: one('exhausted'), grant: id('grn') }),
  reserve: object<Asked<'reserve'>>({ what: one('reserve'), grant: id('grn'), line: count, uses: from1 }),
  release: object<Asked<'release'>>({ what: one('release'), grant: id('grn'), line: count, uses: count }),
  'renew-certificate': object<Asked<'renew-certificate'>>({ what: one('renew-certificate'), request: line }),
} satisfies { readonly [T in Ask['what']]: Shape<Asked<T>> }

const ask: Shape<Ask> = (value) => {
  const what = isJsonObject(value) ? value.what : undefined
  const shape: Shape<Ask> | undefined = typeof what === 'string' && Object.hasOwn(asks, what) ? asks[what as keyof typeof asks] : undefined
  if (shape === undefined) throw new Unread('a question that is not known')
  return shape(value)
}

const messages = {
  hello: object<Hello>({
    type: one('hello'),
    speaks: list(count, 100),
    software: word,
    run: word,
    has: optional(object<NonNullable<Hello['has']>>({ epoch: count, version: count, from: optional(text) })),
  }),
  renew: object<Of<'renew'>>({ type: one('renew'), n: count }),
  applied: object<Of<'applied'>>({ type: one('applied'), version: count }),
  ask: object<Of<'ask'>>({ type: one('ask'), id: count, ask }),
  alive: object<Of<'alive'>>({ type: one('alive'), grants: list(signOfLife, 100_000) }),
  anchor: object<Of<'anchor'>>({ type: one('anchor'), n: count, hash: hex(32) }),
  drilled: object<Of<'drilled'>>({ type: one('drilled'), n: count }),
  serves: object<Of<'serves'>>({ type: one('serves'), services: served }),
} satisfies { readonly [T in FromGateway['type']]: Shape<Of<T>> }
