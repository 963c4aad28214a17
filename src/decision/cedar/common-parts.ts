/**
 * What the policies of a set have in common, compiled once. Ten thousand policies mostly read the same few attributes and compare them with
 * the same few values: shared, these stay in the processor's cache, and a decision costs the same however many policies there are.
 */
import type { EntityStore } from './entities.ts'
import type { CedarRecord, CedarValue, Uid } from './values.ts'

/** What an expression may look at. */
export interface Facts {
  readonly principal: Uid
  readonly action: Uid
  readonly resource: Uid
  readonly context: CedarRecord
  readonly entities: EntityStore
}

export type Expression = (facts: Facts) => CedarValue
export type Condition = (facts: Facts) => boolean

/** A part of an expression. Those whose value is the same for every request say so: it is made once. */
export interface Part {
  readonly run: Expression
  /** The same as `run`, where it cannot be anything but true or false. */
  readonly test?: Condition
  readonly value?: CedarValue
}

export interface NumberedPart extends Part {
  readonly number: number
}

/** Lives as long as a set is compiled. */
export class CommonParts {
  readonly #parts = new Map<string, NumberedPart>()

  /** The one part that does this: of an operator, what is written in it besides its operands, and the numbers of these. */
  one(said: { readonly name: string; readonly written: string; readonly operands: readonly number[] }, part: Part): NumberedPart {
    const key = `${said.name} ${said.operands.join()} ${said.written}`
    const known = this.#parts.get(key)
    if (known !== undefined) return known
    const added = { ...part, number: this.#parts.size }
    this.#parts.set(key, added)
    return added
  }
}
