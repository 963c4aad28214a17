/** The annotations of a policy, read where they stand: a thousand policies need no tables for what is hardly asked. */
import { fieldOf, type JsonObject, objectAt, Unsupported } from './policy-json.ts'

const nothing: JsonObject = {}

export class Annotations {
  readonly #values: JsonObject

  /** Throws `Unsupported`. */
  constructor(policy: JsonObject) {
    this.#values = fieldOf(policy, 'annotations') === undefined ? nothing : objectAt(policy, 'annotations')
  }

  /** Throws `Unsupported` where one has something else than a text. */
  check(): void {
    for (const name of this.names()) this.get(name)
  }

  names(): readonly string[] {
    return Object.keys(this.#values)
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#values, name)
  }

  /** Of one without a value, `@observed`, the empty text. */
  get(name: string): string | undefined {
    const value = fieldOf(this.#values, name)
    // Such a one arrives as null or empty.
    if (value === null) return ''
    if (value !== undefined && typeof value !== 'string') throw new Unsupported(`the annotation @${name} with something that is no text`)
    return value
  }
}
