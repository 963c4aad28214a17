/** Which of earlier actions of one kind are shown to whoever answers for the next: the newest few, and how often there were any. */
import { type DecisionId, type GrantId, type HoldId, type IdentityId, parseId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../kernel/json.ts'
import { isSameValue, type KeptArguments, type KeptValue } from './compare-arguments.ts'
import { readArgument } from './replay-lines.ts'

/** One earlier action, or several alike in a row that were refused. */
export interface EarlierAction {
  readonly at: Instant
  readonly outcome: 'allow' | 'held' | 'deny'
  readonly chain: readonly IdentityId[]
  readonly arguments: KeptArguments
  /** Of how many alike in a row this is the newest. */
  readonly times: number
  readonly decision?: DecisionId
  readonly grant?: GrantId
  readonly hold?: HoldId
  /** Kind of the task that it was done in. */
  readonly task?: string
  readonly refusal?: string
}

export interface Counts {
  readonly allowed: number
  readonly held: number
  readonly denied: number
}

export interface Wanted {
  readonly identity: IdentityId
  /** `shop/restart`. */
  readonly resource: string
  /** Of the call that is asked about. */
  readonly grant: GrantId
  /** The hold that is asked about: none of its own lines counts. */
  readonly hold: HoldId
  /** Nothing later counts. */
  readonly until: Instant
  /** Whether whoever asks may see what this chain did. To them what they may not see was not done. */
  readonly sees: (chain: readonly IdentityId[]) => boolean
}

export const rowsMax = 5

type Tally = { -readonly [K in keyof Counts]: number }

/** Takes entries of decisions, the newest first. */
export class RecentRows<Mark> {
  readonly #wanted: Wanted
  readonly #rows: { action: EarlierAction; mark: Mark }[] = []
  readonly #done: EarlierAction[] = []
  readonly #holds = new Set<HoldId>()
  readonly #grants = new Set<GrantId>()
  readonly #own: Tally = { allowed: 0, held: 0, denied: 0 }
  readonly #others: Tally = { allowed: 0, held: 0, denied: 0 }

  constructor(wanted: Wanted) {
    this.#wanted = wanted
  }

  /** `mark` is where the entry stands, for whoever asks for what became of it. */
  add(entry: JsonObject, mark: Mark): void {
    const { identity, resource, hold, until, sees } = this.#wanted
    if (entry['type'] !== 'decision' || entry['resource'] !== resource) return
    const action = readEarlier(entry)
    if (action === undefined || action.chain[0] !== identity || action.at > until || !sees(action.chain)) return
    if (action.hold === hold) return
    // Asked again and again while a person thinks, and let through after it: one action.
    if (action.hold !== undefined && this.#holds.has(action.hold)) return
    this.#count(action)
    if (action.outcome === 'allow' && this.#done.length < rowsMax) this.#done.push(action)
    const last = this.#rows.at(-1)
    if (last !== undefined && isAlike(last.action, action)) last.action = { ...last.action, times: last.action.times + 1 }
    else if (this.#rows.length < rowsMax) this.#rows.push({ action, mark })
  }

  #count({ grant, hold, outcome }: EarlierAction): void {
    if (hold !== undefined) this.#holds.add(hold)
    if (grant !== undefined && grant !== this.#wanted.grant) this.#grants.add(grant)
    const tally = grant === this.#wanted.grant ? this.#own : this.#others
    tally[outcome === 'allow' ? 'allowed' : outcome === 'held' ? 'held' : 'denied'] += 1
  }

  /** What the store knows of and no journal that was read: the newest of both then. */
  addHeld(action: EarlierAction): boolean {
    const { hold, until, sees } = this.#wanted
    if (action.hold === undefined || action.hold === hold || this.#holds.has(action.hold)) return false
    if (action.at > until || !sees(action.chain)) return false
    this.#count(action)
    return true
  }

  get rows(): readonly { readonly action: EarlierAction; readonly mark: Mark }[] {
    return this.#rows
  }

  /** The newest that were let through, whatever was refused since. */
  get done(): readonly EarlierAction[] {
    return this.#done
  }

  get counts(): { readonly thisGrant: Counts; readonly otherGrants: Counts & { readonly grants: number } } {
    return { thisGrant: { ...this.#own }, otherGrants: { ...this.#others, grants: this.#grants.size } }
  }
}

/** Refused for the same, with the same arguments, under the same grant: one line says it. What was let through is told one by one. */
function isAlike(one: EarlierAction, other: EarlierAction): boolean {
  const names = Object.keys(one.arguments)
  return (
    one.outcome === 'deny' &&
    other.outcome === 'deny' &&
    one.grant === other.grant &&
    one.refusal === other.refusal &&
    names.length === Object.keys(other.arguments).length &&
    names.every((name) => Object.hasOwn(other.arguments, name) && isSameValue(one.arguments[name], other.arguments[name]))
  )
}

/** What an entry of a decision says; `undefined` of one that is not as Remit writes it. */
function readEarlier(entry: JsonObject): EarlierAction | undefined {
  const { at, outcome, chain, arguments: given, task, refusal } = entry
  const links = Array.isArray(chain) ? chain.flatMap((each: unknown) => idOf('idn', each) ?? []) : []
  const values = isJsonObject(given) ? readKept(given) : undefined
  const isOurs = outcome === 'allow' || outcome === 'held' || outcome === 'deny'
  if (typeof at !== 'number' || !isOurs || links.length === 0 || values === undefined) return undefined
  const ids = { decision: idOf('dec', entry['decision']), grant: idOf('grn', entry['grant']), hold: idOf('hld', entry['hold']) }
  return {
    at,
    outcome,
    chain: links,
    arguments: values,
    times: 1,
    ...(ids.decision === undefined ? {} : { decision: ids.decision }),
    ...(ids.grant === undefined ? {} : { grant: ids.grant }),
    ...(ids.hold === undefined ? {} : { hold: ids.hold }),
    ...(typeof task === 'string' ? { task } : {}),
    ...(typeof refusal === 'string' ? { refusal } : {}),
  }
}

function idOf<P extends 'idn' | 'dec' | 'grn' | 'hld'>(prefix: P, text: unknown) {
  const id = parseId(prefix, text)
  return id.ok ? id.value : undefined
}

function readKept(given: JsonObject): KeptArguments | undefined {
  const values: [string, KeptValue][] = []
  for (const [name, value] of Object.entries(given)) {
    const read = readArgument(value) ?? readShortened(value)
    if (read === undefined) return undefined
    values.push([name, read])
  }
  return Object.fromEntries(values)
}

function readShortened(value: JsonValue): KeptValue | undefined {
  if (!isJsonObject(value)) return undefined
  const { length, sha256, start } = value
  return typeof length === 'number' && typeof sha256 === 'string' && typeof start === 'string' ? { length, sha256, start } : undefined
}
