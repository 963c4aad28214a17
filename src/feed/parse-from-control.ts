/** Reads what control says to a gateway: this is where another machine's words enter the decision, so nothing is taken that is not known. */
import { isJsonObject, type JsonValue, parseJson } from '../kernel/json.ts'
import { readingJson } from '../kernel/long-json.ts'
import { parsePlainJson } from '../kernel/parse-plain-json.ts'
import { isRefusalCode, refuse, type RefusalCode } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { Secret } from '../kernel/secret.ts'
import type { NotUnderstood } from '../control/not-understood.ts'
import type { FactChange, RecordKind } from '../model/records.ts'
import { messageBytesMax } from './link.ts'
import type { Answered, Changes, FromControl, Welcome } from './messages.ts'
import { answeredShapes, type Fed, fedId, fedKind, readFed } from './parse-fed-records.ts'
import { agentSaid } from './parse-agents.ts'
import { count, id, json, list, object, one, optional, type Shape, text, truth, Unread } from './parse-shapes.ts'

/** As deep as policies and arguments go. */
const depthMax = 512

/** Records of which a snapshot brings many. None of these kinds holds JSON under names that others choose. */
const manyOf = /^\{"kind":"(?:identity|credential|passkey|grant|uses|session|binding)","record":\{/

export type HeardFromControl =
  | Exclude<FromControl, { readonly type: 'record' | 'changes' | 'secret' }>
  | { readonly type: 'record'; readonly fed: Fed }
  | HeardChanges
  /** It cannot print from here on. */
  | { readonly type: 'secret'; readonly service: string; readonly value: Secret }

export interface HeardChanges extends Omit<Changes, 'changes'> {
  readonly changes: readonly FactChange[]
  readonly notUnderstood: readonly NotUnderstood[]
}

/** Refuses `input.malformed`, or what `parseJson` refuses: the link on which it came is not to be believed any more. */
export function parseFromControl(message: string, space: string): Result<HeardFromControl> {
  const plain = manyOf.test(message) ? parsePlainJson(message, depthMax) : undefined
  const parsed = plain === undefined ? parseJson(message, { bytesMax: messageBytesMax, depthMax }) : done(plain)
  return parsed.ok ? understood(parsed.value, space) : parsed
}

/** As `parseFromControl`, in steps: policies are long. */
export function* readingFromControl(message: string, space: string): Generator<undefined, Result<HeardFromControl>> {
  const parsed = yield* readingJson(message, { bytesMax: messageBytesMax, depthMax })
  yield
  return parsed.ok ? understood(parsed.value, space) : parsed
}

function understood(value: JsonValue, space: string): Result<HeardFromControl> {
  try {
    return done(read(value, space))
  } catch (thrown) {
    if (thrown instanceof Unread) return refuse('input.malformed', { detail: thrown.says })
    throw thrown
  }
}

function read(value: JsonValue, space: string): HeardFromControl {
  if (!isJsonObject(value)) throw new Unread('no object')
  const { type } = value
  if (type === 'record') {
    const { kind, record } = enveloped(value)
    return { type, fed: readFed(kind, record, space) }
  }
  if (type === 'changes') return readChanges(value, space)
  if (type === 'secret') {
    const { service, value: kept } = secret(value)
    return { type, service, value: new Secret(kept) }
  }
  const shape = typeof type === 'string' && Object.hasOwn(shapes, type) ? shapes[type as keyof typeof shapes] : undefined
  if (shape === undefined) throw new Unread('a message of a type that is not known')
  return shape(value)
}

type Of<T extends FromControl['type']> = Extract<FromControl, { readonly type: T }>

const anything: Shape<JsonValue> = (value) => value

/** A code of a later version is a no all the same. */
const code: Shape<RefusalCode> = (value) => {
  const read = text(value)
  return isRefusalCode(read) ? read : 'control.unreachable'
}

const welcome = object<Welcome>({
  type: one('welcome'),
  protocol: count,
  id: id('gtw'),
  space: text,
  name: text,
  gateway: text,
  epoch: count,
  node: text,
  now: count,
  leaseMs: count,
  pages: object({ origin: text, rpId: text }),
  resumes: truth,
})

const secret = object<Of<'secret'>>({ type: one('secret'), service: text, value: text })

const granted = object<Extract<Answered, { ok: true }>>({
  ok: one(true),
  binding: optional(answeredShapes.binding),
  session: optional(answeredShapes.session),
  hold: optional(answeredShapes.hold),
  uses: optional(count),
  read: optional(text),
  certificate: optional(text),
  agent: optional(agentSaid),
})
const refused = object<Extract<Answered, { ok: false }>>({
  ok: one(false),
  code,
  detail: optional(text),
  policies: optional(list(text)),
})
const answered: Shape<Answered> = (value) => {
  if (!isJsonObject(value) || value.ok !== true) return refused(value)
  try {
    return granted(value)
  } catch (thrown) {
    // What it brings has a part that is not known here: then it is no yes.
    if (thrown instanceof Unread) return { ok: false, code: 'grant.not-understood', detail: thrown.says }
    throw thrown
  }
}

const shapes = {
  welcome,
  snapshot: object<Of<'snapshot'>>({ type: one('snapshot'), version: count, records: count, at: count }),
  lease: object<Of<'lease'>>({ type: one('lease'), n: count, now: count, disputed: truth }),
  answer: object<Of<'answer'>>({ type: one('answer'), id: count, answer: answered }),
  'no-secret': object<Of<'no-secret'>>({ type: one('no-secret'), service: text, code, detail: optional(text) }),
  keys: object<Of<'keys'>>({ type: one('keys'), keys: json }),
  drill: object<Of<'drill'>>({ type: one('drill'), n: count }),
  refused: object<Of<'refused'>>({ type: one('refused'), code, detail: optional(text) }),
} satisfies { readonly [T in Exclude<FromControl['type'], 'record' | 'changes' | 'secret'>]: Shape<Of<T>> }

const enveloped = object<{ readonly type: 'record'; readonly kind: ReturnType<typeof fedKind>; readonly record: JsonValue }>({
  type: one('record'),
  kind: fedKind,
  record: anything,
})

const envelopedChanges = object<{
  readonly type: 'changes'
  readonly after: number
  readonly version: number
  readonly at: number
  readonly changes: readonly JsonValue[]
  readonly forget: readonly JsonValue[]
}>({ type: one('changes'), after: count, version: count, at: count, changes: list(anything), forget: list(anything) })

function readChanges(value: JsonValue, space: string): HeardChanges {
  const { changes, forget, ...rest } = envelopedChanges(value)
  const feds = changes.map((change) => readChange(change, space))
  return {
    ...rest,
    changes: feds.flatMap((fed) => (fed.isUnderstood ? [fed.change] : [])),
    notUnderstood: feds.flatMap((fed) => (fed.isUnderstood ? [] : [fed.record])),
    forget: forget.map(readForgotten),
  }
}

const put = object<{ readonly kind: ReturnType<typeof fedKind>; readonly id: JsonValue; readonly record: JsonValue }>({
  kind: fedKind,
  id: anything,
  record: anything,
})
const removal = object<{ readonly kind: 'binding'; readonly id: JsonValue; readonly removed: true }>({
  kind: one('binding'),
  id: anything,
  removed: one(true),
})

type ReadChange = { readonly isUnderstood: true; readonly change: FactChange } | Extract<Fed, { isUnderstood: false }>

function readChange(value: JsonValue, space: string): ReadChange {
  if (isJsonObject(value) && 'removed' in value) {
    const { kind, id: gone } = removal(value)
    return { isUnderstood: true, change: { kind, id: fedId(kind, gone), removed: true } }
  }
  const { kind, id: named, record } = put(value)
  const fed = readFed(kind, record, space)
  const known = fed.isUnderstood ? fed.change.id : fed.record.id
  if (known !== named) throw new Unread(`a ${kind} under another id`)
  return fed
}

const forgotten = object<{ readonly kind: ReturnType<typeof fedKind>; readonly id: JsonValue }>({ kind: fedKind, id: anything })

function readForgotten(value: JsonValue): { readonly kind: RecordKind; readonly id: string } {
  const { kind, id: gone } = forgotten(value)
  return { kind, id: fedId(kind, gone) }
}
