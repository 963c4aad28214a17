/** Long arguments on their way into a journal's line: what needs all of a long text is made while the action is under way, and before the line is written. */
import { canonicalString } from '../kernel/json.ts'
import { standsForItself } from '../kernel/long-strings.ts'
import type { Arguments } from '../model/actions.ts'
import { LateHash } from './late-hash.ts'
import { type RecordedArguments, recordedArguments, type ShortenedArgument, shortened, startLength, startOf } from './recorded-arguments.ts'

/** Shorter texts are hashed in less time than it takes to put it off. */
const lateMin = 65_536

/** The arguments of one action as its line will keep them. */
export interface LateArguments {
  /** As they will be, or longer. */
  readonly draft: RecordedArguments
  /** A piece of work more; answers whether that was the last. */
  step(): boolean
  /** To the byte what `recordedArguments` answers. What is left to do is done now. */
  whole(): RecordedArguments
}

/** `undefined` where no text among them is so long that it is worth it. */
export function lateArguments(given: Arguments): LateArguments | undefined {
  let isLong = false
  for (const name of Object.keys(given)) if (isLate(given[name])) isLong = true
  if (!isLong) return undefined
  const late = new Map<unknown, LateText>()
  const draft = recordedArguments(given, (value) => {
    if (!isLate(value)) return shortened(value)
    const text = new LateText(value)
    late.set(text.draft, text)
    return text.draft
  })
  return {
    draft,
    step: () => [...late.values()].every((text) => text.step()),
    whole: () => Object.fromEntries(Object.entries(draft).map(([name, value]) => [name, late.get(value)?.whole() ?? value])),
  }
}

function isLate(value: unknown): value is string {
  return typeof value === 'string' && value.length >= lateMin
}

interface WrittenText {
  readonly length: number
  readonly start: string
  readonly hash: LateHash
}

/** Without another copy of a text that is long. */
function quoted(text: string): WrittenText {
  return { length: text.length + 2, start: startOf(`"${text.slice(0, startLength)}`), hash: new LateHash(text, '"') }
}

function writtenOut(text: string): WrittenText {
  const canonical = canonicalString(text)
  return { length: canonical.length, start: startOf(canonical), hash: new LateHash(canonical) }
}

/** As long as a beginning can be when it is written down, and written in less time than one of which each character is escaped. */
const longestStart = 'x'.repeat(6 * startLength)

class LateText {
  readonly draft: ShortenedArgument
  #text: string
  #read: WrittenText | undefined

  constructor(text: string) {
    // Said now, to whoever decides, and not to the journal, which would take no line any more.
    if (!text.isWellFormed()) throw new Error('a journal cannot hold a lone surrogate')
    this.#text = text
    // A character is written with six at most, and there are two quotes.
    this.draft = { length: text.length * 6 + 2, sha256: '0'.repeat(64), start: longestStart }
  }

  step(): boolean {
    // To write it out is the work of a turn as well.
    if (this.#read !== undefined) return this.#read.hash.step()
    this.#write()
    return false
  }

  whole(): ShortenedArgument {
    const { length, start, hash } = this.#write()
    return { length, sha256: hash.hex(), start }
  }

  #write() {
    if (this.#read !== undefined) return this.#read
    this.#read = standsForItself(this.#text) ? quoted(this.#text) : writtenOut(this.#text)
    // The hash keeps it for as long as it takes.
    this.#text = ''
    return this.#read
  }
}
