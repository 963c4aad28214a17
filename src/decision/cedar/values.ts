/** Cedar's values as the evaluator holds them, their equality, and the key by which sets know their members. */

import { Fault } from './fault.ts'

/** The name of an entity: its type and its id. Two uids with the same key are the same entity. */
export class Uid {
  readonly type: string
  readonly id: string
  /** Unambiguous, because neither `::"` nor a length can be forged by an id. */
  readonly key: string

  constructor(type: string, id: string) {
    this.type = type
    this.id = id
    this.key = `${type}::"${id}`
  }

  toString(): string {
    return `${this.type}::${JSON.stringify(this.id)}`
  }
}

/** The key of a scope that names nothing: neither a type nor an entity can be called so. */
export const anything = '*'

/** A value of one of Cedar's extension types: decimal, datetime, duration, ipaddr. */
export abstract class Extension {
  abstract readonly typeName: string
  /** Equal for values that Cedar calls equal, whatever text they were written with. */
  abstract readonly key: string
}

export type CedarRecord = ReadonlyMap<string, CedarValue>
export type CedarValue = boolean | bigint | string | Uid | CedarSet | CedarRecord | Extension

/** Unordered, without duplicates. */
export class CedarSet {
  readonly #byKey: ReadonlyMap<string, CedarValue>

  constructor(members: Iterable<CedarValue>) {
    const byKey = new Map<string, CedarValue>()
    for (const member of members) byKey.set(keyOf(member), member)
    this.#byKey = byKey
  }

  get size(): number {
    return this.#byKey.size
  }

  has(value: CedarValue): boolean {
    return this.#byKey.has(keyOf(value))
  }

  hasAll(other: CedarSet): boolean {
    if (other.size > this.size) return false
    for (const key of other.#byKey.keys()) if (!this.#byKey.has(key)) return false
    return true
  }

  hasAny(other: CedarSet): boolean {
    for (const key of other.#byKey.keys()) if (this.#byKey.has(key)) return true
    return false
  }

  members(): Iterable<CedarValue> {
    return this.#byKey.values()
  }

  /** The keys of all members in one order, whatever order they came in. */
  sortedKeys(): readonly string[] {
    return [...this.#byKey.keys()].toSorted()
  }
}

/** How deep values may lie in each other. Readers of values take less; this keeps whoever made one in another way off the end of the stack. */
const depthMax = 500

export const longMin = -(2n ** 63n)
export const longMax = 2n ** 63n - 1n

/** Cedar's `==`: never across types, sets without order, records by structure, extension values by what they mean. */
export function isEqual(left: CedarValue, right: CedarValue, depth = 0): boolean {
  if (left === right) return true
  if (typeof left !== 'object' || typeof right !== 'object') return false
  if (left instanceof Uid) return right instanceof Uid && left.key === right.key
  if (left instanceof CedarSet) return right instanceof CedarSet && left.size === right.size && left.hasAll(right)
  if (left instanceof Map) return right instanceof Map && isEqualRecord(left, right, depth)
  return keyOf(left) === keyOf(right)
}

function isEqualRecord(left: CedarRecord, right: CedarRecord, depth: number): boolean {
  if (depth > depthMax) throw tooDeep()
  if (left.size !== right.size) return false
  for (const [name, value] of left) {
    const other = right.get(name)
    if (other === undefined || !isEqual(value, other, depth + 1)) return false
  }
  return true
}

/** A text that equal values share and different ones do not. Lengths stand first, so that no content can pass for structure. */
export function keyOf(value: CedarValue, depth = 0): string {
  if (typeof value === 'string') return `s${value.length}:${value}`
  if (typeof value === 'bigint') return `i${value}`
  if (typeof value === 'boolean') return value ? 'b1' : 'b0'
  if (value instanceof Uid) return `e${value.type}::${value.id.length}:${value.id}`
  if (value instanceof CedarSet) return `[${value.sortedKeys().map(measured).join('')}]`
  if (value instanceof Extension) return `x${value.typeName}:${value.key}`
  if (depth > depthMax) throw tooDeep()
  const entries = [...value].map(([name, field]) => measured(name) + measured(keyOf(field, depth + 1)))
  return `{${entries.toSorted().join('')}}`
}

function tooDeep(): Fault {
  return new Fault(`a value is nested deeper than ${depthMax}`)
}

function measured(text: string): string {
  return `${text.length}:${text}`
}

/** What kind of value this is, in Cedar's words, for messages. */
export function typeName(value: CedarValue): string {
  if (typeof value === 'string') return 'string'
  if (typeof value === 'bigint') return 'long'
  if (typeof value === 'boolean') return 'bool'
  if (value instanceof Uid) return `entity of type ${value.type}`
  if (value instanceof CedarSet) return 'set'
  if (value instanceof Extension) return value.typeName
  return 'record'
}

export function isRecord(value: CedarValue): value is CedarRecord {
  return value instanceof Map
}
