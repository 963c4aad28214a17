/** Reads a document against a shape, collecting every fault with its place and the nearest known name. */
import { isJsonObject, type JsonObject, type JsonValue } from '../kernel/json.ts'
import { nearestName } from '../kernel/source-problems.ts'

/** A fault in a document: `pointer` is an RFC 6901 JSON pointer to the place. */
export interface DocumentProblem {
  readonly pointer: string
  readonly message: string
  readonly remedy: string
}

const listMax = 20_000
const textMax = 8_192

/** One place in a document. Reading what is not there or is of another kind reports a fault and answers a harmless value. */
export class Place {
  readonly pointer: string
  readonly value: JsonValue | undefined
  readonly #problems: DocumentProblem[]

  constructor(value: JsonValue | undefined, pointer: string, problems: DocumentProblem[]) {
    this.value = value
    this.pointer = pointer
    this.#problems = problems
  }

  get isThere(): boolean {
    return this.value !== undefined && this.value !== null
  }

  fault(message: string, remedy: string): void {
    this.#problems.push({ pointer: this.pointer, message, remedy })
  }

  /** The members of an object, of which only these names are known. */
  members<Name extends string>(known: readonly Name[]): Readonly<Record<Name, Place>> {
    const object: JsonObject = isJsonObject(this.value) ? this.value : {}
    if (this.isThere && !isJsonObject(this.value)) this.fault('this should be a mapping of names to values', `it takes ${known.join(', ')}`)
    const names: readonly string[] = known
    for (const name of Object.keys(object)) {
      if (names.includes(name)) continue
      const near = nearestName(name, known)
      this.at(name, object).fault(
        `"${name.slice(0, 60)}" is not known here`,
        near === undefined ? `known are ${known.join(', ')}` : `did you mean "${near}"?`,
      )
    }
    return Object.fromEntries(known.map((name) => [name, this.at(name, object)])) as Record<Name, Place>
  }

  /** The members of an object whose names are free. */
  entries(): readonly (readonly [string, Place])[] {
    if (!this.isThere) return []
    if (!isJsonObject(this.value)) {
      this.fault('this should be a mapping of names to values', 'write name: value')
      return []
    }
    const object = this.value
    return Object.keys(object).map((name) => [name, this.at(name, object)])
  }

  items(): readonly Place[] {
    if (!this.isThere) return []
    if (!Array.isArray(this.value)) {
      this.fault('this should be a list', 'write each entry on its own line, after a dash')
      return []
    }
    if (this.value.length > listMax) this.fault(`at most ${listMax} entries`, 'split it')
    return this.value.slice(0, listMax).map((item: JsonValue, place) => new Place(item, `${this.pointer}/${place}`, this.#problems))
  }

  text(otherwise?: string): string {
    if (typeof this.value === 'string' && this.value.length <= textMax) return this.value
    if (this.value === undefined && otherwise !== undefined) return otherwise
    this.fault(this.isThere ? 'this should be text' : 'this is missing', `write a text of at most ${textMax} characters`)
    return otherwise ?? ''
  }

  /** Text that must be one of these. */
  oneOf<T extends string>(known: readonly T[], otherwise?: T): T {
    const found = known.find((each) => each === this.value)
    if (found !== undefined) return found
    if (this.value === undefined && otherwise !== undefined) return otherwise
    const written = typeof this.value === 'string' ? this.value : ''
    const near = nearestName(written, known)
    const message = this.isThere ? `"${written.slice(0, 60)}" is none of what this takes` : 'this is missing'
    this.fault(message, near === undefined ? `write one of ${known.join(', ')}` : `did you mean "${near}"? It takes ${known.join(', ')}`)
    return otherwise ?? (known[0] as T)
  }

  number(least: number, most: number, otherwise: number): number {
    if (this.value === undefined) return otherwise
    if (typeof this.value === 'number' && this.value >= least && this.value <= most) return this.value
    this.fault('this number is not taken', `write a whole number from ${least} to ${most}`)
    return otherwise
  }

  flag(otherwise: boolean): boolean {
    if (this.value === undefined) return otherwise
    if (typeof this.value === 'boolean') return this.value
    this.fault('this should be true or false', 'write true or false')
    return otherwise
  }

  at(name: string, object: JsonObject): Place {
    const escaped = name.replaceAll('~', '~0').replaceAll('/', '~1')
    return new Place(Object.hasOwn(object, name) ? object[name] : undefined, `${this.pointer}/${escaped}`, this.#problems)
  }
}
