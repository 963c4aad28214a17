/** The report of a replay as it grows: differences of one kind, of one identity on one thing, are one row. */
import type { IdentityId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import { canonicalJson } from '../kernel/json.ts'
import type { Arguments } from '../model/actions.ts'
import type { Grant } from '../model/grants.ts'
import { describeScopeLine } from '../model/scope.ts'
import type { Caller, Desk } from './desk.ts'
import type { Difference, Told, Verdict } from './replay-compare.ts'
import type { RecordedAction } from './replay-lines.ts'
import { maySee } from './rights.ts'

export interface Changed {
  /** An action that was done or tried, or a request for a grant. */
  readonly kind: 'action' | 'request'
  readonly verdict: Verdict
  /** Names: who acted, then for whom. */
  readonly chain: readonly string[]
  /** `shop/restart`, or what was asked for. */
  readonly on: string
  readonly from: Told
  readonly to: Told
  /** How often it was done, tried or asked for. */
  readonly seen: number
  readonly lastSeen: Instant
  /** The decision, or the grant, that was the last of them. */
  readonly example: string
  /** Of one of them; only for whoever may see them, and not where they are long: `remit explain` of the example has them. */
  readonly arguments?: Arguments
  /** Policies, with file and line, and the values that they saw in it. */
  readonly why?: readonly string[]
}

/** One row, counted on as the same is met again. */
export class Row {
  readonly #changed: Plain
  #seen = 0
  #lastSeen: Instant = 0
  #example = ''

  constructor(changed: Plain) {
    this.#changed = changed
  }

  again(at: Instant, example: string): void {
    this.#seen += 1
    if (at < this.#lastSeen) return
    this.#lastSeen = at
    this.#example = example
  }

  get changed(): Changed {
    return { ...this.#changed, seen: this.#seen, lastSeen: this.#lastSeen, example: this.#example }
  }
}

const shownCharactersMax = 4_000

function isShown(given: Arguments): boolean {
  return Object.keys(given).length > 0 && canonicalJson(given).length <= shownCharactersMax
}

type Plain = Omit<Changed, 'seen' | 'lastSeen' | 'example'>

interface Met {
  readonly at: Instant
  readonly example: string
  readonly seen?: () => Pick<Changed, 'arguments' | 'why'>
}

export class Tally {
  readonly #desk: Desk
  readonly #caller: Caller
  readonly #changesMax: number
  readonly #rows = new Map<string, Row>()
  /** Differences that found no room. */
  leftOut = 0

  constructor(desk: Desk, caller: Caller, changesMax: number) {
    this.#desk = desk
    this.#caller = caller
    this.#changesMax = changesMax
  }

  /** Answers the row that the next action of the same kind is counted on; nothing where there was no room. */
  action(
    { chain, resource, arguments: given, at, decision }: RecordedAction,
    difference: Difference,
    why: () => readonly string[],
  ): Row | undefined {
    const seen = () => {
      if (!maySee(this.#desk, this.#caller, chain)) return {}
      const lines = why()
      return { ...(isShown(given) ? { arguments: given } : {}), ...(lines.length === 0 ? {} : { why: lines }) }
    }
    return this.#row({ kind: 'action', chain: this.#names(chain), on: resource, ...difference }, { at, example: decision, seen })
  }

  request(grant: Grant, difference: Difference): void {
    const { chain, scope, requestedAt, id } = grant
    // What a scope line says of arguments is seen by whoever may see the request.
    const lines = maySee(this.#desk, this.#caller, chain) ? scope.map(describeScopeLine) : scope.map(({ resource }) => resource)
    this.#row({ kind: 'request', chain: this.#names(chain), on: lines.join(', '), ...difference }, { at: requestedAt, example: id })
  }

  changes(): readonly Changed[] {
    return [...this.#rows.values()].map((row) => row.changed)
  }

  /** What is `seen` of the first of them is asked for once. */
  #row(changed: Plain, { at, example, seen = () => ({}) }: Met): Row | undefined {
    const { kind, chain, on, from, to } = changed
    const key = JSON.stringify([kind, chain, on, from.says, to.says])
    const known = this.#rows.get(key)
    const row = known ?? (this.#rows.size < this.#changesMax ? new Row({ ...changed, ...seen() }) : undefined)
    if (row === undefined) this.leftOut += 1
    else {
      this.#rows.set(key, row)
      row.again(at, example)
    }
    return row
  }

  #names(chain: readonly IdentityId[]): readonly string[] {
    return chain.map((id) => this.#desk.facts.identity(id)?.name ?? 'somebody who is gone')
  }
}
