/** Shapes of what comes over the feed: each reads one JSON value strictly, and an object with a member too many is none of its shape. */
import { type Id, type IdPrefix, isId } from '../kernel/ids.ts'
import { Fraction, isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts'
import { type Origin, origins, type Provenance } from '../model/provenance.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { messageBytesMax } from './link.ts'

/** Why a value is not of its shape, and where. Thrown and caught within parsers. */
export class Unread extends Error {
  says: string

  constructor(says: string) {
    super(says)
    this.says = says
  }
}

/** Reads a value, or throws `Unread`. */
export type Shape<T> = (value: JsonValue) => T

interface Optional<T> {
  readonly optional: Shape<T>
}

type Members<T> = { readonly [K in keyof T]-?: {} extends Pick<T, K> ? Optional<Exclude<T[K], undefined>> : Shape<T[K]> }

export function optional<T>(shape: Shape<T>): Optional<T> {
  return { optional: shape }
}

/**
 * An object with these members and no other. Who adds a member to the type adds it here, or nothing compiles. One that came from the
 * platform's parser is answered itself where nothing in it is read as something else.
 */
export function object<T extends object>(members: Members<T>): Shape<T> {
  const known = Object.entries<Shape<unknown> | Optional<unknown>>(members as never).map(([name, member]) =>
    typeof member === 'function' ? { name, shape: member, isOptional: false } : { name, shape: member.optional, isOptional: true },
  )
  const unfit = known.find(({ name }) => name in Object.prototype)
  if (unfit !== undefined) throw new Error(`every object has a member ${unfit.name}, given or not`)
  return (value) => {
    if (!isJsonObject(value)) throw new Unread('no object')
    let read: Record<string, unknown> | undefined = Object.getPrototypeOf(value) === null ? {} : undefined
    let count = 0
    let at = ''
    try {
      for (const { name, shape, isOptional } of known) {
        at = name
        const given = value[name]
        if (given === undefined) {
          if (isOptional) continue
          throw new Unread('is missing')
        }
        count += 1
        const member = shape(given)
        if (read === undefined && member !== given) read = { ...value }
        if (read !== undefined) read[name] = member
      }
    } catch (thrown) {
      throw within(at, thrown)
    }
    // Quicker than their names, of which most often nothing is wanted.
    for (const _name in value) count -= 1
    if (count !== 0) throw new Unread(`${strange(Object.keys(value), known)} is not known`)
    return (read ?? value) as T
  }
}

function strange(names: readonly string[], known: readonly { readonly name: string }[]): string {
  return names.find((each) => known.every(({ name }) => name !== each))?.slice(0, 40) ?? 'a member'
}

/** The same flaw, said of the place in which it is. */
function within(place: string, thrown: unknown): unknown {
  if (thrown instanceof Unread) thrown.says = `${place}: ${thrown.says}`.slice(0, 200)
  return thrown
}

export function list<T>(shape: Shape<T>, max = 1_000_000): Shape<readonly T[]> {
  return (value) => {
    if (!isList(value)) throw new Unread('no list')
    if (value.length > max) throw new Unread(`more than ${max}`)
    let at = 0
    let read: T[] | undefined
    try {
      for (; at < value.length; at += 1) {
        const given = value[at] ?? null
        const each = shape(given)
        // A list of which nothing is read as something else is answered itself.
        if (read === undefined && each !== given) read = value.slice(0, at) as T[]
        read?.push(each)
      }
      return read ?? (value as readonly T[])
    } catch (thrown) {
      throw within(String(at), thrown)
    }
  }
}

/** At least one. */
export function someOf<T>(shape: Shape<T>): Shape<readonly [T, ...T[]]> {
  const all = list(shape)
  return (value) => {
    const read = all(value)
    if (read.length === 0) throw new Unread('an empty list')
    return read as readonly [T, ...T[]]
  }
}

export function pair<T>(shape: Shape<T>): Shape<readonly [T, T]> {
  const all = list(shape)
  return (value) => {
    const [first, second, ...more] = all(value)
    if (first === undefined || second === undefined || more.length > 0) throw new Unread('no pair')
    return [first, second]
  }
}

/** Members under names that others choose: without a prototype, so that none of them is there by itself. */
export function map<T>(shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value) => {
    if (!isJsonObject(value)) throw new Unread('no object')
    const read = Object.create(null) as Record<string, T>
    for (const [name, each] of Object.entries(value)) {
      try {
        read[name] = shape(each)
      } catch (thrown) {
        throw within(name.slice(0, 40), thrown)
      }
    }
    return read
  }
}

export const text: Shape<string> = (value) => {
  if (typeof value !== 'string') throw new Unread('no text')
  return value
}

/** Text of so many characters at most. */
export function upTo(max: number): Shape<string> {
  return (value) => {
    const read = text(value)
    if (read.length > max) throw new Unread(`longer than ${max} characters`)
    return read
  }
}

/** So many bytes, in lowercase hex. */
export function hex(bytes: number): Shape<string> {
  return (value) => {
    const read = text(value)
    if (read.length !== bytes * 2 || !/^[0-9a-f]*$/.test(read)) throw new Unread(`not ${bytes} bytes in hex`)
    return read
  }
}

export const truth: Shape<boolean> = (value) => {
  if (typeof value !== 'boolean') throw new Unread('neither true nor false')
  return value
}

/** A whole number that is exact. */
export const integer: Shape<number> = (value) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new Unread('no whole number')
  return value
}

/** From nothing on: counts, instants, lengths of time. */
export const count: Shape<number> = (value) => {
  const read = integer(value)
  if (read < 0) throw new Unread('less than nothing')
  return read
}

/** Whatever there is, under names that others choose: so not of the platform's parser. */
export const json: Shape<JsonObject> = (value) => {
  if (!isJsonObject(value)) throw new Unread('no object')
  if (Object.getPrototypeOf(value) !== null) throw new Error('this is to be read by our own parser')
  return value
}

export function one<const T extends string | number | boolean>(...values: readonly T[]): Shape<T> {
  return (value) => {
    const found = values.find((each) => each === value)
    if (found === undefined) throw new Unread('a word that is not known')
    return found
  }
}

export function id<P extends IdPrefix>(...prefixes: readonly P[]): Shape<Id<P>> {
  return (value) => {
    if (typeof value === 'string') for (const prefix of prefixes) if (isId(prefix, value)) return value
    throw new Unread('no id of its kind')
  }
}

/** A value of an argument: never a rounded number, never nothing. */
export const argument: Shape<string | boolean | number | bigint | Fraction | readonly string[]> = (value) => {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'number':
    case 'bigint':
      return value
    default:
      return value instanceof Fraction ? value : texts(value)
  }
}

const texts = list(text)

/** Where arguments came from, by name. */
export const provenance: Shape<Provenance> = map(
  object<Origin>({ kind: one(...origins), call: optional(count), source: optional(upTo(200)) }),
)

export function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/** Reads one text as JSON of this shape. Refuses `feed.unreadable`, with the place in `detail` and never with what stands there. */
export function readAs<T>(message: string, shape: Shape<T>): Result<T> {
  const parsed = parseJson(message, { bytesMax: messageBytesMax })
  if (!parsed.ok) return refuse('feed.unreadable', { detail: parsed.refusal.detail ?? 'no JSON' })
  try {
    return done(shape(parsed.value))
  } catch (thrown) {
    if (thrown instanceof Unread) return refuse('feed.unreadable', { detail: thrown.says })
    throw thrown
  }
}
