/** Random entities and requests, in Cedar's JSON for cedar-wasm and as our evaluator holds them. */
import type * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import fc from 'fast-check'
import { type EntityStore, entityStore } from '../../src/decision/cedar/entities.ts'
import type { CedarRequest } from '../../src/decision/cedar/evaluate.ts'
import { parseCedarDuration, parseDatetime, parseDecimal, parseIp } from '../../src/decision/cedar/extensions.ts'
import { type CedarRecord, CedarSet, type CedarValue, Uid } from '../../src/decision/cedar/values.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { attributeNames, entityTexts } from './cedar-words.ts'

/** A value on both sides. */
interface Both<J, V> {
  readonly json: J
  readonly value: V
}

type Json = cedar.CedarValueJson
type BothValues = Both<Json, CedarValue>
type BothRecords = Both<{ readonly [name: string]: Json }, CedarRecord>

export function uidOf(text: string): Uid {
  const [, type = '', id = ''] = /^(.*)::"(.*)"$/.exec(text) ?? []
  return new Uid(type, id)
}

export function jsonUid(text: string): cedar.TypeAndId {
  const { type, id } = uidOf(text)
  return { type, id }
}

const plain = (json: boolean | number | string): BothValues => ({ json, value: typeof json === 'number' ? BigInt(json) : json })
const entity = (text: string): BothValues => ({ json: { __entity: jsonUid(text) }, value: uidOf(text) })

function extension(fn: string, arg: string, value: CedarValue | undefined): BothValues {
  if (value === undefined) throw new Error(`${fn}("${arg}") is not written well`)
  return { json: { __extn: { fn, arg } }, value }
}

const extensions = [
  extension('decimal', '1.5', parseDecimal('1.5')),
  extension('ip', '10.0.0.0/8', parseIp('10.0.0.0/8')),
  extension('datetime', '2024-10-15', parseDatetime('2024-10-15')),
  extension('duration', '1h', parseCedarDuration('1h')),
]

function setOf(members: readonly BothValues[]): BothValues {
  return { json: members.map((member) => member.json), value: new CedarSet(members.map((member) => member.value)) }
}

/** Of a name given twice the last counts, as in an object. */
function recordOf(entries: readonly (readonly [string, BothValues])[]): BothRecords {
  return {
    json: Object.fromEntries(entries.map(([name, { json }]) => [name, json])),
    value: new Map(entries.map(([name, { value }]) => [name, value])),
  }
}

const anyValue: fc.Arbitrary<BothValues> = fc.letrec<{ value: BothValues }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constantFrom(true, false, 0, 1, -1, 7, Number.MAX_SAFE_INTEGER, '', 'a', 'ab', 'b😀a', 'a*b').map(plain),
    fc.constantFrom(...entityTexts).map(entity),
    fc.constantFrom(...extensions),
    fc.array(tie('value'), { maxLength: 3 }).map(setOf),
    fc.array(fc.tuple(fc.constantFrom(...attributeNames), tie('value')), { maxLength: 4 }).map((entries): BothValues => recordOf(entries)),
  ),
})).value

/** Any values under any names, and then most of the names with a value of the type that policies expect there. */
const record: fc.Arbitrary<BothRecords> = fc
  .tuple(
    fc.array(fc.tuple(fc.constantFrom(...attributeNames), anyValue), { maxLength: 5 }),
    fc.subarray(['a', 'n', 's', 'e', 't', 'x']),
    fc.record({
      a: fc.boolean().map(plain),
      n: fc.constantFrom(0, 1, 7).map(plain),
      s: fc.constantFrom('a', 'ab').map(plain),
      e: fc.constantFrom(...entityTexts).map(entity),
      t: fc.array(fc.constantFrom(1, 2, 'a').map(plain), { maxLength: 3 }).map(setOf),
      x: fc.constant(extension('datetime', '2024-10-15T11:35:00Z', parseDatetime('2024-10-15T11:35:00Z'))),
    }),
  )
  .map(([loose, names, fitting]) => recordOf([...loose, ...Object.entries(fitting).filter(([name]) => names.includes(name))]))

// Parents are only taken from later in this list, so that no circle can arise.
const hierarchy = ['Human::"h0"', 'A::Agent::"a0"', 'Thing::"t0"', 'Human::"h1"', 'Thing::"t1"', 'Role::"r0"', 'Role::"r1"', 'Role::"r2"']

interface RandomEntity {
  readonly uid: string
  readonly attributes: BothRecords
  readonly parents: readonly string[]
  readonly tags: BothRecords
}

const actions: readonly RandomEntity[] = [
  { uid: 'Action::"go"', attributes: recordOf([]), parents: ['Action::"any"'], tags: recordOf([]) },
  { uid: 'Action::"any"', attributes: recordOf([]), parents: [], tags: recordOf([]) },
]

/** Entities, some of the hierarchy missing. */
export const randomWorld: fc.Arbitrary<{ readonly json: cedar.Entities; readonly store: EntityStore }> = fc
  .tuple(
    ...hierarchy.map((uid, place) =>
      fc.record({ uid: fc.constant(uid), attributes: record, parents: fc.subarray(hierarchy.slice(place + 1)), tags: record }),
    ),
  )
  .chain((all) => fc.subarray(all, { minLength: 4 }))
  .map((chosen) => {
    const entities = [...chosen, ...actions]
    const inputs = entities.map(({ uid, attributes, parents, tags }) => ({
      uid: uidOf(uid),
      attributes: attributes.value,
      parents: parents.map(uidOf),
      tags: tags.value,
    }))
    return {
      json: entities.map(({ uid, attributes, parents, tags }) => ({
        uid: jsonUid(uid),
        attrs: attributes.json,
        parents: parents.map(jsonUid),
        tags: tags.json,
      })),
      store: mustBe(entityStore(inputs)),
    }
  })

/** A request on both sides. */
export const randomRequest: fc.Arbitrary<{
  readonly json: Pick<cedar.AuthorizationCall, 'principal' | 'action' | 'resource' | 'context'>
  readonly ours: CedarRequest
}> = fc
  .record({
    principal: fc.constantFrom('Human::"h0"', 'Human::"h1"', 'A::Agent::"a0"', 'A::Agent::"gone"'),
    action: fc.constantFrom('Action::"go"', 'Action::"go"', 'Action::"stay"'),
    resource: fc.constantFrom('Thing::"t0"', 'Thing::"t1"', 'Role::"r0"'),
    context: record,
  })
  .map(({ principal, action, resource, context }) => ({
    json: { principal: jsonUid(principal), action: jsonUid(action), resource: jsonUid(resource), context: context.json },
    ours: { principal: uidOf(principal), action: uidOf(action), resource: uidOf(resource), context: context.value },
  }))
