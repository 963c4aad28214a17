/** Reads a message of the feed member by member: what is missing, of another kind, too large or not known is one flaw, and ends the reading. */
import { type Id, type IdPrefix, parseId } from '../kernel/ids.ts'
import { Fraction, isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { messageBytesMax } from './link.ts'

/** Thrown while reading and caught by `readMessage`: a value and no Error, so that bad input costs no stack trace. */
class Flaw {
  readonly says: string

  constructor(says: string) {
    this.says = says
  }
}

/** One place in a message. Every way of reading it throws a flaw on anything else. */
export class Member {
  readonly value: JsonValue | undefined
  readonly #name: string

  constructor(value: JsonValue | undefined, name: string) {
    this.value = value
    this.#name = name
  }

  flaw(says: string): Flaw {
    return new Flaw(`${this.#name} ${says}`)
  }

  /** The members of an object; those that are not named here are a flaw. */
  members<Name extends string>(known: readonly Name[]): Readonly<Record<Name, Member>> {
    const object = this.object()
    const names: readonly string[] = known
    const stray = Object.keys(object).find((name) => !names.includes(name))
    if (stray !== undefined) throw this.flaw(`has a member that is not known: ${stray.slice(0, 40)}`)
    return Object.fromEntries(known.map((name) => [name, this.#at(name, object)])) as Record<Name, Member>
  }

  /** The members of an object whose names are free. */
  entries(max: number): readonly (readonly [string, Member])[] {
    const object = this.object()
    const names = Object.keys(object)
    if (names.length > max) throw this.flaw(`has more than ${max} members`)
    return names.map((name) => [name, this.#at(name, object)])
  }

  object(): JsonObject {
    if (!isJsonObject(this.value)) throw this.flaw('is no object')
    return this.value
  }

  items(max: number): readonly Member[] {
    if (!Array.isArray(this.value)) throw this.flaw('is no list')
    if (this.value.length > max) throw this.flaw(`has more than ${max} entries`)
    return this.value.map((item: JsonValue, place) => new Member(item, `${this.#name}[${place}]`))
  }

  text(max = 1_024): string {
    if (typeof this.value !== 'string') throw this.flaw('is no text')
    if (this.value.length > max) throw this.flaw(`is longer than ${max} characters`)
    return this.value
  }

  oneOf<T extends string>(known: readonly T[]): T {
    const found = known.find((each) => each === this.value)
    if (found === undefined) throw this.flaw('is none of what it may be')
    return found
  }

  /** A whole number from `least` on, at most 2^53 − 1. */
  number(least = 0, most = Number.MAX_SAFE_INTEGER): number {
    if (typeof this.value !== 'number' || this.value < least || this.value > most) throw this.flaw(`is no whole number from ${least} on`)
    return this.value
  }

  flag(): boolean {
    if (typeof this.value !== 'boolean') throw this.flaw('is neither true nor false')
    return this.value
  }

  id<P extends IdPrefix>(prefix: P): Id<P> {
    const id = parseId(prefix, this.value)
    if (!id.ok) throw this.flaw('is no such id')
    return id.value
  }

  /** Lowercase hex of so many bytes. */
  hex(bytes: number): string {
    const text = this.text(bytes * 2)
    if (text.length !== bytes * 2 || !/^[0-9a-f]*$/.test(text)) throw this.flaw(`is not ${bytes} bytes in hex`)
    return text
  }

  /** What an argument of an action can be. */
  argument(): string | boolean | number | bigint | Fraction | readonly string[] {
    const { value } = this
    if (Array.isArray(value)) return this.items(10_000).map((item) => item.text(1_048_576))
    if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'bigint') return value
    if (value instanceof Fraction) return value
    throw this.flaw('is nothing that an argument can be')
  }

  /** What `read` makes of it, under its name, where it is there; nothing where it is not. `null` is there, and a flaw. */
  maybe<Name extends string, T>(name: Name, read: (member: Member) => T): { readonly [K in Name]?: T } {
    return this.value === undefined ? {} : ({ [name]: read(this) } as { readonly [K in Name]?: T })
  }

  #at(name: string, object: JsonObject): Member {
    return new Member(Object.hasOwn(object, name) ? object[name] : undefined, `${this.#name}.${name}`)
  }
}

/** Reads one message. Refuses `feed.unreadable` with the place in `detail`; never with what stands there. */
export function readMessage<T>(text: string, read: (message: Member) => T): Result<T> {
  const parsed = parseJson(text, { bytesMax: messageBytesMax })
  if (!parsed.ok) return refuse('feed.unreadable', { detail: parsed.refusal.detail ?? 'not JSON' })
  try {
    return done(read(new Member(parsed.value, 'message')))
  } catch (thrown) {
    if (thrown instanceof Flaw) return refuse('feed.unreadable', { detail: thrown.says })
    throw thrown
  }
}
