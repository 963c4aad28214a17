/** What one caller was told by servers, and for each argument of a later call whether it came from there: a memory with bounds that never forgets towards trust. */
import { Fraction, type JsonValue, parseJson } from '../../kernel/json.ts'
import type { Arguments, ArgumentValue } from '../../model/actions.ts'
import type { ScopeEntry, Task } from '../../model/grants.ts'
import type { Origin, Provenance } from '../../model/provenance.ts'
import type { ArgumentRule, ResultTrust } from '../../model/services.ts'
import { addWords, leavesOf, normalised, numberText, type Words, wholeMax, wordsOf } from './provenance-words.ts'

export interface MemoryLimits {
  /** Of one result: what comes after is not looked at, and counts as not kept. */
  readonly resultCharactersMax: number
  /** Of one memory. */
  readonly wordsMax: number
  readonly charactersMax: number
  readonly resultsMax: number
  /** Of one argument: one with more words has words that nobody compared. */
  readonly argumentWordsMax: number
  readonly argumentCharactersMax: number
}

export const memoryLimits: MemoryLimits = {
  resultCharactersMax: 262_144,
  wordsMax: 30_000,
  charactersMax: 524_288,
  resultsMax: 1_000,
  argumentWordsMax: 4_000,
  argumentCharactersMax: 8_192,
}

/** Where something was said: which operation, and whether what it answers is written by people and programs that are trusted. */
export interface Source {
  readonly operation: string
  readonly trust: ResultTrust
}

interface Kept extends Source {
  readonly call: number
  readonly result: number
  readonly words: readonly string[]
  readonly characters: number
}

/** One caller under one grant. */
export class Memory {
  readonly #limits: MemoryLimits
  /** The oldest first. */
  readonly #kept = new Map<number, Kept>()
  /** By word, the newest result that has it; what is untrusted stands by itself, so that a trusted result cannot hide it. */
  readonly #words = { trusted: new Map<string, number>(), untrusted: new Map<string, number>() }
  #size = { words: 0, characters: 0 }
  /** Whatever was said, and the results among it. */
  #said = 0
  #results = 0
  #hasReadUntrusted = false
  /** Something untrusted was read of which not every word is kept: from then on whatever is not literal may be of it. */
  #lost: Source | undefined

  /** `lost`: what an earlier memory of the same caller had read. */
  constructor(limits: MemoryLimits = memoryLimits, lost?: Source) {
    this.#limits = limits
    if (lost === undefined) return
    this.#hasReadUntrusted = lost.trust === 'untrusted'
    this.#lose(lost)
  }

  /** How many words it keeps. */
  get words(): number {
    return this.#size.words
  }

  get hasReadUntrusted(): boolean {
    return this.#hasReadUntrusted
  }

  /** A result that the caller got: its values, or its text. `undefined`: one that could not be read, or not to its end. */
  saw(source: Source, content: JsonValue | undefined, isPart = false): void {
    this.#said += 1
    const call = this.#said
    if (!isPart) this.#results += 1
    const result = isPart ? this.#results + 1 : this.#results
    if (source.trust === 'untrusted') this.#hasReadUntrusted = true
    if (content === undefined) {
      this.#lose(source)
      return
    }
    const { words, isWhole } = this.#wordsIn(content)
    if (!isWhole) this.#lose(source)
    const table = this.#words[source.trust]
    let characters = 0
    for (const word of words) {
      table.set(word, call)
      characters += word.length
    }
    this.#kept.set(call, { ...source, call, result, words, characters })
    this.#size = { words: this.#size.words + words.length, characters: this.#size.characters + characters }
    this.#makeRoom()
  }

  /**
   * Where each text and number among the arguments came from. `known`: what may stand in them without having been read anywhere: the
   * words of the task and the constants of the grant.
   */
  of(given: Arguments, rules: ReadonlyMap<string, Pick<ArgumentRule, 'type'>>, known: Known): Provenance {
    const origins: Record<string, Origin> = {}
    for (const [name, value] of Object.entries(given)) {
      const texts = textsOf(value, rules.get(name)?.type === 'json')
      if (texts.length > 0) origins[name] = texts.map((text) => this.#originOf(text, known)).reduce(worse)
    }
    return origins
  }

  #originOf(text: string, known: Known): Origin {
    const { argumentCharactersMax } = this.#limits
    const value = normalised(text.slice(0, argumentCharactersMax))
    if (value === '' || known.has(value)) return { kind: 'literal' }
    // Longer ones are kept by their words, and to look one up takes as long as to read it.
    const untrusted = value.length > wholeMax ? undefined : this.#words.untrusted.get(value)
    if (untrusted !== undefined) return this.#seen(untrusted)
    const { whole, parts } = wordsOf(value, this.#limits.argumentWordsMax)
    const isTooLong = whole.size + parts.size >= this.#limits.argumentWordsMax || text.length > argumentCharactersMax
    const strange = [...(whole.size === 0 ? [value] : whole)].filter((word) => !known.has(word))
    const pieces = [...strange, ...[...parts].filter((part) => !known.has(part))]
    // One word of somebody who is not trusted is enough: that is how an address gets into a letter.
    for (const word of pieces) {
      const call = this.#words.untrusted.get(word)
      if (call !== undefined) return this.#seen(call)
    }
    if (this.#lost !== undefined) return { kind: 'untrusted', source: this.#lost.operation }
    if (isTooLong && this.#hasReadUntrusted) return { kind: 'untrusted' }
    if (strange.length === 0) return { kind: 'literal' }
    const calls = strange.map((word) => this.#words.trusted.get(word))
    const [first] = calls
    return first === undefined || calls.includes(undefined) ? { kind: 'never' } : this.#seen(first)
  }

  #seen(call: number): Origin {
    const kept = this.#kept.get(call)
    if (kept === undefined) throw new Error('a word is kept of a result that is not')
    return { kind: kept.trust, call: kept.result, source: kept.operation }
  }

  #wordsIn(content: JsonValue): { readonly words: readonly string[]; readonly isWhole: boolean } {
    const { resultCharactersMax, wordsMax } = this.#limits
    const words = new Set<string>()
    let left = resultCharactersMax
    for (const leaf of leavesOf(content)) {
      if (left <= 0) return { words: ofTheirOwn(words), isWhole: false }
      const isAll = addWords(leaf.slice(0, left), words, wordsMax)
      left -= leaf.length
      if (!isAll) return { words: [], isWhole: false }
    }
    return { words: ofTheirOwn(words), isWhole: left >= 0 }
  }

  /** The oldest go first. Of what is trusted nothing is lost but its trust; of what is not, that it was read stays. */
  #makeRoom(): void {
    const { wordsMax, charactersMax, resultsMax } = this.#limits
    for (const result of this.#kept.values()) {
      const { words, characters } = this.#size
      if (words <= wordsMax && characters <= charactersMax && this.#kept.size <= resultsMax) return
      this.#size = { words: words - result.words.length, characters: characters - result.characters }
      this.#kept.delete(result.call)
      const table = this.#words[result.trust]
      for (const word of result.words) if (table.get(word) === result.call) table.delete(word)
      this.#lose(result)
    }
  }

  #lose(source: Source): void {
    if (source.trust === 'untrusted') this.#lost ??= source
  }
}

/** A part of a text, from this length on, keeps all of that text in memory; of a long one few words may be kept. */
const partMin = 13

function ofTheirOwn(words: ReadonlySet<string>): readonly string[] {
  return [...words].map((word) => (word.length < partMin ? word : Buffer.from(word).toString()))
}

function addAll(to: Set<string>, { whole, parts }: Words): void {
  for (const word of whole) to.add(word)
  for (const part of parts) to.add(part)
}

/** What the grant itself says: the words of the task's statement and its ticket, and the constants of its lines. */
export class Known {
  readonly #words = new Set<string>()
  readonly #statement: string
  /** Of the longest of them, in characters: what is longer is none of them, and need not be looked up. */
  readonly #longest: number

  constructor(task: Task, scope: readonly ScopeEntry[]) {
    const proved = task.proved.map(({ value }) => value)
    this.#statement = ` ${normalised(task.statement).replace(/[.-]+(?=\s|$)/gu, '')} `
    for (const text of [task.statement, ...proved]) addAll(this.#words, wordsOf(normalised(text), statementWordsMax))
    for (const text of proved) this.#words.add(normalised(text))
    for (const { arguments: constraints = {} } of scope)
      for (const { oneOf = [] } of Object.values(constraints))
        for (const value of oneOf) for (const text of textsOf(value, false)) this.#words.add(normalised(text))
    let longest = this.#statement.length
    for (const word of this.#words) longest = Math.max(longest, word.length)
    this.#longest = longest
  }

  /** Whether it is said as it stands: one of its words, a constant, or a part of the statement that begins and ends where words do. */
  has(value: string): boolean {
    if (value.length > this.#longest) return false
    if (this.#words.has(value)) return true
    let at = this.#statement.indexOf(value)
    for (; at >= 0; at = this.#statement.indexOf(value, at + 1))
      if (isEdge(this.#statement, at) && isEdge(this.#statement, at + value.length)) return true
    return false
  }
}

const statementWordsMax = 10_000

/** Whether no word goes on across this place. */
function isEdge(text: string, at: number): boolean {
  return !(isWordSign(text[at - 1]) && isWordSign(text[at]))
}

function isWordSign(sign: string | undefined): boolean {
  return sign !== undefined && /[\p{L}\p{N}_@.-]/u.test(sign)
}

/** The texts and numbers of a value; of a `json` argument those within it. Of truths nobody can say where they came from. */
function textsOf(value: ArgumentValue, isJson: boolean): readonly string[] {
  if (typeof value === 'boolean') return []
  if (typeof value === 'number' || typeof value === 'bigint') return [String(value)]
  if (value instanceof Fraction) return [numberText(value.text)]
  if (typeof value !== 'string') return value
  const read = isJson ? parseJson(value) : undefined
  return read?.ok === true ? [...leavesOf(read.value)] : [value]
}

const badness: Readonly<Record<Origin['kind'], number>> = { literal: 0, trusted: 1, never: 2, untrusted: 3 }

function worse(one: Origin, other: Origin): Origin {
  return badness[other.kind] > badness[one.kind] ? other : one
}
