/**
 * What the policies of a set have in common, compiled once. Ten thousand policies mostly read the same few attributes and compare them with
 * the same few values: shared, these stay in the processor's cache, and a decision costs the same however many policies there are.
 */
import type { EntityStore } from './entities.ts'
import { type CedarRecord, type CedarValue, Uid } from './values.ts'

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
  readonly test?: Condition | undefined
  readonly value?: CedarValue | undefined
}

export interface NumberedPart extends Part {
  readonly number: number
}

/** Lives as long as a set is compiled. */
export class CommonParts {
  readonly #parts = new Map<string, NumberedPart>()
  readonly #uids = new Map<string, Map<string, Uid>>()
  readonly #below = new Map<Uid, Below>()

  /** The part that does this, if there is one already. */
  found(key: string): NumberedPart | undefined {
    return this.#parts.get(key)
  }

  /** The one part that does this: `key` has its operator, what is written in it besides its operands, and the numbers of these. */
  one(key: string, { run, test, value }: Part): NumberedPart {
    const known = this.#parts.get(key)
    if (known !== undefined) return known
    const added: NumberedPart = { number: this.#parts.size, run, test, value }
    this.#parts.set(key, added)
    return added
  }

  /** The one uid of this name. */
  readonly uid = (type: string, id: string): Uid => {
    const ofType = this.#uids.get(type) ?? new Map<string, Uid>()
    const known = ofType.get(id)
    if (known !== undefined) return known
    if (ofType.size === 0) this.#uids.set(type, ofType)
    const uid = new Uid(type, id)
    ofType.set(id, uid)
    return uid
  }

  /** The one place of a scope that is all at and below this entity. */
  below(uid: Uid): Below {
    const known = this.#below.get(uid)
    if (known !== undefined) return known
    const below: Below = { kind: 'in', uids: [uid] }
    this.#below.set(uid, below)
    return below
  }
}

/** A place of a scope: `in` one entity. */
export interface Below {
  readonly kind: 'in'
  readonly uids: readonly Uid[]
}
