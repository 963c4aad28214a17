/** Arbitrary records, with everything in them that JSON can hold. */
import fc from 'fast-check'
import { anyPoint } from '../world/any-point.ts'
import { Fraction, type JsonValue } from '../../src/kernel/json.ts'
import type { RecordKind, Records } from '../../src/model/records.ts'
import { sampleRecords } from './sample-records.ts'

const text = fc.string({ unit: anyPoint, maxLength: 20 })
const key = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'toString', '', '$.state', 'a"b'))
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
  fc.constantFrom('0.10', '-0', '1e400', '3.000', '-1.5E-7').map((written) => new Fraction(written)),
)

/** Any JSON, with keys that other readers trip over and numbers that others round. */
export const anyJson: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    text,
    number,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map(toObject),
  ),
})).value

function toObject(entries: readonly (readonly [string, JsonValue])[]): JsonValue {
  const object: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>
  for (const [name, value] of entries) object[name] = value
  return object
}

/** A record of a kind with anything in it beside what the kind demands; no two have the same number. */
export function anyRecord<K extends RecordKind>(kind: K): fc.Arbitrary<Records[K]> {
  let made = 0
  return fc.tuple(anyJson, key).map(([extra, name]) => {
    made += 1
    const holder = toObject([[name, extra]])
    return { ...sampleRecords[kind](made), extra: [holder, extra] }
  })
}
