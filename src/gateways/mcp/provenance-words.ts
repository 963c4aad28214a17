/** The words of a text as provenance compares them: whoever writes the same thing otherwise in case, blanks or punctuation has written it. */
import { Fraction, isJsonObject, type JsonValue } from '../../kernel/json.ts'

/** Shorter words say nothing of where they came from; numbers do, however short. */
export const wordMin = 4
/** Longer ones are compared by their beginnings. */
const wordMax = 128

/** Compatibility forms, case and blanks made one (Unicode NFKC), and signs that nobody sees left out: `Ｅve@Evil.Example ` is `eve@evil.example`. */
export function normalised(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
    .toLowerCase()
    .replace(/\s+/gu, ' ')
    .trim()
}

/** A number by its value: `50.00` is `50`, `1,000` is not looked into. */
export function numberText(text: string): string {
  return /^-?\d+\.\d+$/.test(text) ? text.replace(/\.?0+$/, '') : text
}

export interface Words {
  /** Runs without blanks, less the punctuation around them: `eve@evil.example`, `inv-4711`, `50`. */
  readonly whole: ReadonlySet<string>
  /** What such runs are made of, where that is not one thing: `evil`, `example`, `4711`. */
  readonly parts: ReadonlySet<string>
}

/** The words of a normalised text that are long enough, or numbers; at most so many. */
export function wordsOf(text: string, max: number): Words {
  const whole = new Set<string>()
  const parts = new Set<string>()
  for (const [run] of text.matchAll(/[^\s]+/gu)) {
    if (plain.test(run)) {
      if (isTelling(run)) whole.add(run.slice(0, wordMax))
      continue
    }
    const word = bare(run)
    if (word === undefined) continue
    if (isTelling(word)) whole.add(word)
    for (const [part] of word.matchAll(/[\p{L}\p{N}]+/gu)) if (part !== word && isTelling(part)) parts.add(part.slice(0, wordMax))
    if (whole.size + parts.size >= max) break
  }
  return { whole, parts }
}

/** What most words are: nothing is to be taken off, and there are no parts. */
const plain = /^[a-z0-9]+$/

/** Without signs at its ends, and numbers by their value; `undefined` where nothing is left. */
function bare(run: string): string | undefined {
  const [word] = /[\p{L}\p{N}](?:.*[\p{L}\p{N}])?/su.exec(run.slice(0, wordMax)) ?? []
  return word === undefined ? undefined : numberText(word)
}

export function isTelling(word: string): boolean {
  return word.length >= wordMin || /^\p{N}+(?:\.\p{N}+)?$/u.test(word)
}

/** Every text and number in a value, and the names of its members: a name is as much what a server wrote as what stands beside it. */
export function* leavesOf(value: JsonValue): Generator<string, void, undefined> {
  const open: JsonValue[] = [value]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next === 'string') yield next
    else if (typeof next === 'number' || typeof next === 'bigint') yield String(next)
    else if (next instanceof Fraction) yield next.text
    else if (isList(next)) for (const each of next) open.push(each)
    else if (isJsonObject(next)) for (const [name, each] of Object.entries(next)) open.push(name, each)
  }
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value)
}
