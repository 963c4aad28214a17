/** Records as they come over the feed, checked field by field: one with a part that is not known here is not understood, and nothing rests on it. */
import { isJsonObject, type JsonObject, type JsonValue } from '../kernel/json.ts'
import { type IdPrefix, isId } from '../kernel/ids.ts'
import type { NotUnderstood } from '../control/not-understood.ts'
import { effects, impactLevels, type Impact } from '../model/effects.ts'
import type { Ending, Fact, Grant, HeldAction, Hold, Session, Task, TokenBinding, ToolPin, Uses } from '../model/grants.ts'
import {
  type Blast,
  type Credential,
  deskActions,
  type ExceptionEnding,
  type Identity,
  identityKinds,
  type IssuedSubject,
  type Issuer,
  type Passkey,
  type Quarantine,
  type RemediationStep,
  type StandingException,
} from '../model/identities.ts'
import { exceptionLife, grantLife, holdLife, sessionLife } from '../model/lives.ts'
import type { ParsedPolicy, PolicyFile, PolicySet } from '../model/policies.ts'
import type { FactChange, RecordKind, Records } from '../model/records.ts'
import type { Requirement } from '../model/requirements.ts'
import type { Selector, SelectorMember, SelectorPart } from '../model/selector.ts'
import {
  type ArgumentRule,
  argumentTypes,
  clientOffers,
  protocols,
  resultTrusts,
  type Route,
  type Service,
  type UpstreamCredential,
} from '../model/services.ts'
import { scopeEntry } from './parse-fed-scope.ts'
import {
  argument,
  count,
  id,
  integer,
  isList,
  json,
  list,
  map,
  object,
  one,
  optional,
  pair,
  provenance,
  type Shape,
  someOf,
  text,
  truth,
  Unread,
} from './parse-shapes.ts'

/** A record that a gateway can use, or one that it keeps out. */
export type Fed =
  | { readonly isUnderstood: true; readonly change: FactChange & { readonly record: unknown } }
  | { readonly isUnderstood: false; readonly record: NotUnderstood }

/** The states of a life. */
function stateOf<S extends string>(life: Readonly<Record<S, unknown>>): Shape<S> {
  return one(...(Object.keys(life) as S[]))
}

const tier = one(0, 1, 2, 3)
const effect = one(...effects)
const level = one(...impactLevels)
const impact = object<Impact>({ data: level, service: level, safety: level })
const member = object<SelectorMember>({ kind: one('role', 'identity'), name: text })
const part = object<SelectorPart>({ count, from: list(member) })
const selector = object<Selector>({ parts: list(part) })
const requirement = object<Requirement>({ selector, personsMin: count })

// --- Identities and what proves them -----------------------------------------------------------------------------------

const identity = object<Identity>({
  id: id('idn'),
  space: text,
  name: text,
  kind: one(...identityKinds),
  owner: optional(id('idn')),
  roles: list(text),
  state: one('live', 'disabled'),
  quarantine: optional(object<Quarantine>({ at: count, by: text, reason: text })),
  signsInBy: list(object<IssuedSubject>({ issuer: text, subject: text })),
  createdAt: count,
})

/** To whom a client was given is not told to gateways. */
const credential = object<Omit<Credential, 'client'>>({
  id: id('crd'),
  space: text,
  identity: id('idn'),
  hash: text,
  issuedBy: text,
  createdAt: count,
  expiresAt: count,
  revokedAt: optional(count),
  lastUsedAt: optional(count),
})

const passkey = object<Passkey>({
  id: id('pks'),
  space: text,
  person: id('idn'),
  credentialId: text,
  publicKey: text,
  counter: count,
  software: truth,
  issuedBy: optional(text),
  replaces: optional(one(true)),
  createdAt: count,
  revokedAt: optional(count),
  lastUsedAt: optional(count),
})

const issuer = object<Issuer>({
  id: text,
  space: text,
  issuer: text,
  audience: text,
  jwksUri: optional(text),
  jwks: optional(text),
  proves: map(text),
  removedAt: optional(count),
})

// --- What is acted on, and what policy says -----------------------------------------------------------------------------

const rule = object<ArgumentRule>({ name: text, in: one('path', 'query', 'body', 'call'), type: one(...argumentTypes), required: truth })

const route = object<Route>({
  name: text,
  method: text,
  path: text,
  effect,
  impact,
  tier,
  arguments: list(rule),
  upgrade: optional(one('websocket')),
  trust: optional(one(...resultTrusts)),
})

const service = object<Service>({
  id: text,
  space: text,
  protocol: one(...protocols),
  upstream: text,
  endpoint: optional(text),
  command: optional(list(text)),
  variables: optional(list(text)),
  user: optional(text),
  asks: optional(list(one(...clientOffers))),
  joins: optional(list(text)),
  gateway: optional(text),
  enforcedBy: optional(one('proxy')),
  port: count,
  environment: text,
  impact,
  labels: list(text),
  credential: optional(
    object<UpstreamCredential>({ header: text, prefix: text, sealed: text, reference: optional(text), since: optional(count) }),
  ),
  routes: list(route),
  removedAt: optional(count),
})

const policySet = object<PolicySet>({
  id: text,
  space: text,
  version: text,
  files: list(object<PolicyFile>({ name: text, text })),
  parsed: list(object<ParsedPolicy>({ file: text, line: count, text, json })),
  publishedAt: count,
  publishedBy: text,
})

// --- Grants and their use -----------------------------------------------------------------------------------------------

const fact = object<Fact>({ name: text, value: text, source: text, at: count })
const task = object<Task>({ kind: text, statement: text, claimed: list(fact), proved: list(fact) })

const endings = ['completed', 'expired', 'revoked', 'contained', 'exhausted', 'abandoned', 'denied', 'withdrawn', 'unanswered'] as const

/** By its hash alone: see `strippedGrant`. */
const toolPin = object<Omit<ToolPin, 'says'>>({ hash: text, accepted: optional(one(true)) })

const grant = object<Grant>({
  id: id('grn'),
  space: text,
  chain: someOf(id('idn')),
  task,
  scope: list(scopeEntry),
  tier,
  exception: optional(id('exc')),
  continues: optional(id('grn')),
  untrusted: optional(one(true)),
  tools: optional(map(toolPin)),
  state: stateOf(grantLife),
  duration: count,
  durationMax: count,
  requirement,
  policies: list(text),
  digest: text,
  idleMax: count,
  heartbeat: optional(count),
  requestedAt: count,
  pendingUntil: count,
  approvedAt: optional(count),
  approvedBy: optional(list(object({ person: id('idn'), passkey: id('pks') }))),
  claimBy: optional(count),
  activatedAt: optional(count),
  expiresAt: optional(count),
  endedAt: optional(count),
  ending: optional(object<Ending>({ how: one(...endings, 'unclaimed'), by: text, reason: text })),
})

const uses = object<Uses>({
  id: text,
  space: text,
  grant: id('grn'),
  line: count,
  spent: count,
  returned: optional(count),
  reserved: optional(count),
  sum: optional(integer),
  recent: optional(list(object({ at: count, actions: count }))),
  opened: optional(count),
})

const session = object<Session>({
  id: id('ses'),
  space: text,
  grant: id('grn'),
  identity: id('idn'),
  gateway: text,
  token: id('tok'),
  address: text,
  state: stateOf(sessionLife),
  openedAt: count,
  endsAt: count,
  endedAt: optional(count),
})

/** As it is sent: see `strippedBinding`. */
const binding = object<Omit<TokenBinding, 'gateway' | 'chain'>>({
  id: id('tok'),
  space: text,
  identity: id('idn'),
  address: text,
  at: count,
  expiresAt: count,
})

/** As it is sent: see `strippedHold`. */
const heldAction = object<Omit<HeldAction, 'definition'>>({
  service: text,
  operation: text,
  effect,
  tier,
  target: text,
  arguments: map(argument),
  headers: list(pair(text)),
  provenance: optional(provenance),
  body: optional(text),
})

const hold = object<Hold>({
  id: id('hld'),
  space: text,
  session: id('ses'),
  grant: id('grn'),
  digest: text,
  action: heldAction,
  requirement,
  policies: list(text),
  state: stateOf(holdLife),
  openedAt: count,
  answerBy: count,
  approvedAt: optional(count),
  useBy: optional(count),
  closedAt: optional(count),
  reason: optional(text),
})

const exception = object<StandingException>({
  id: id('exc'),
  space: text,
  identity: id('idn'),
  owner: id('idn'),
  proposedBy: object<StandingException['proposedBy']>({ name: text, id: optional(id('idn')) }),
  deskActions: list(one(...deskActions)),
  scope: list(scopeEntry),
  blast: object<Blast>({ operations: list(text), effects: list(effect), tier }),
  reason: text,
  remediation: list(object<RemediationStep>({ says: text, done: optional(object({ by: text, at: count })) })),
  content: text,
  digest: text,
  state: stateOf(exceptionLife),
  createdAt: count,
  answerBy: count,
  approvedAt: optional(count),
  expiresAt: count,
  grant: optional(id('grn')),
  renews: optional(id('exc')),
  renewals: count,
  standingSince: optional(count),
  warnedDays: optional(integer),
  endedAt: optional(count),
  ending: optional(
    object<ExceptionEnding>({
      how: one('expired', 'closed', 'fallen', 'renewed', 'denied', 'withdrawn', 'unanswered'),
      by: text,
      reason: text,
    }),
  ),
})

/** What an answer brings, too. */
export const answeredShapes = { binding, session, hold }

/** The kinds that are a gateway's business; each with how its ids begin, where they are no names. */
const kinds = {
  identity: { shape: identity, prefix: 'idn' },
  credential: { shape: credential, prefix: 'crd' },
  passkey: { shape: passkey, prefix: 'pks' },
  exception: { shape: exception, prefix: 'exc' },
  issuer: { shape: issuer, prefix: undefined },
  service: { shape: service, prefix: undefined },
  policySet: { shape: policySet, prefix: undefined },
  grant: { shape: grant, prefix: 'grn' },
  uses: { shape: uses, prefix: undefined },
  session: { shape: session, prefix: 'ses' },
  binding: { shape: binding, prefix: 'tok' },
  hold: { shape: hold, prefix: 'hld' },
} as const satisfies { readonly [K in RecordKind]?: { readonly shape: Shape<Records[K]>; readonly prefix: IdPrefix | undefined } }

type FedKind = keyof typeof kinds

/** The name of a kind that is a gateway's business. */
export const fedKind: Shape<FedKind> = one(...(Object.keys(kinds) as FedKind[]))

/** The id of a record of this kind. */
export function fedId(kind: FedKind, value: JsonValue): string {
  const { prefix } = kinds[kind]
  const read = text(value)
  if (prefix === undefined ? read === '' || read.length > 256 : !isId(prefix, read)) throw new Unread(`no id of a ${kind}`)
  return read
}

/** Throws `Unread` on what is no record of this space at all; a record with a part that is not known is answered as not understood. */
export function readFed(kind: FedKind, value: JsonValue, space: string): Fed {
  if (!isJsonObject(value)) throw new Unread(`a ${kind} is an object`)
  const known = fedId(kind, value.id ?? null)
  if (value.space !== space) throw new Unread(`a ${kind} of another space`)
  try {
    const record = kinds[kind].shape(value)
    return { isUnderstood: true, change: { kind, id: known, record } as FactChange & { readonly record: unknown } }
  } catch (thrown) {
    if (!(thrown instanceof Unread)) throw thrown
    return { isUnderstood: false, record: { kind, id: known, why: thrown.says, ...actorOf(kind, value) } }
  }
}

function actorOf(kind: FedKind, { chain }: JsonObject): { readonly actor?: string } {
  const actor = kind === 'grant' && isList(chain) ? chain[0] : undefined
  return typeof actor === 'string' && isId('idn', actor) ? { actor } : {}
}
