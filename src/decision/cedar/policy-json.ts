/** Reading Cedar's policy JSON: its parts by name, and the refusal by name of whatever the evaluator does not know. */
import { Uid } from './values.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** A construct that is valid Cedar but outside what Remit evaluates. Thrown while compiling, turned into a refusal at its door. */
export class Unsupported extends Error {
  override readonly name = 'Unsupported'
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The object under this name, or `Unsupported`. Own properties only: `__proto__` is a legal name in Cedar. */
export function objectAt(parent: JsonObject, name: string): JsonObject {
  const value = fieldOf(parent, name)
  if (!isObject(value)) throw new Unsupported(`a policy without "${name}"`)
  return value
}

export function textAt(parent: JsonObject, name: string): string {
  const value = fieldOf(parent, name)
  if (typeof value !== 'string') throw new Unsupported(`a policy in which "${name}" is no text`)
  return value
}

export function listAt(parent: JsonObject, name: string): readonly unknown[] {
  const value = fieldOf(parent, name)
  if (!Array.isArray(value)) throw new Unsupported(`a policy in which "${name}" is no list`)
  return value
}

export function fieldOf(parent: JsonObject, name: string): unknown {
  return Object.hasOwn(parent, name) ? parent[name] : undefined
}

/** An entity uid, with or without its `__entity` wrapping. */
export function readUid(value: unknown): Uid {
  return uidIn(value, madeAnew)
}

/** The same, by whoever makes uids of a type and an id. */
export function uidIn(value: unknown, make: (type: string, id: string) => Uid): Uid {
  if (!isObject(value)) throw new Unsupported('an entity that is no object')
  const inner = fieldOf(value, '__entity')
  const uid = isObject(inner) ? inner : value
  return make(textAt(uid, 'type'), textAt(uid, 'id'))
}

function madeAnew(type: string, id: string): Uid {
  return new Uid(type, id)
}

/** The name of the one field that an object has. Nothing is made for the answer: it is asked of every part of every policy. */
export function onlyName(object: JsonObject): string {
  let only: string | undefined
  for (const name in object) {
    if (!Object.hasOwn(object, name)) continue
    if (only !== undefined) throw new Unsupported('an expression with several meanings')
    only = name
  }
  if (only === undefined) throw new Unsupported('an expression with several meanings')
  return only
}

/** Adds what lies right in it, but for texts and the like. */
export function pushParts(whole: object, waiting: object[]): void {
  if (Array.isArray(whole)) for (const part of whole) pushPart(part, waiting)
  else if (isObject(whole)) for (const name in whole) if (Object.hasOwn(whole, name)) pushPart(whole[name], waiting)
}

function pushPart(part: unknown, waiting: object[]): void {
  if (typeof part === 'object' && part !== null) waiting.push(part)
}

/** An object with exactly one field: its name and what it holds. */
export function onlyField(value: unknown): readonly [string, unknown] {
  if (!isObject(value)) throw new Unsupported('an expression that is no object')
  const name = onlyName(value)
  return [name, value[name]]
}
