/** The words of a text as provenance compares them: whoever writes the same thing otherwise in case, blanks or punctuation has written it. */
import { Fraction, isJsonObject, type JsonValue } from '../../kernel/json.ts'

/** Shorter words say nothing of where they came from; numbers do, however short. */
export const wordMin = 4
/** Longer ones are compared by their beginnings. */
const wordMax = 128
/** Whole values are kept up to this length; of longer ones their words. */
export const wholeMax = 256

/** Compatibility forms, case and blanks made one (Unicode NFKC), and signs that nobody sees left out: `Ｅve@Evil.Example ` is `eve@evil.example`. */
export function normalised(text: string): string {
  const plain = withoutForms(text)
  // Whether there is anything to be made one is seen in a fraction of the time that it takes to do it.
  return /\s/.test(plain) ? plain.replace(/\s+/gu, ' ').trim() : plain
}

/** The same but for blanks. ASCII has no other forms and nothing that is not seen, and most of what is read is ASCII. */
function withoutForms(text: string): string {
  return Buffer.byteLength(text) > text.length
    ? text
        .normalize('NFKC')
        .replace(/\p{Cf}/gu, '')
        .toLowerCase()
    : text.toLowerCase()
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

/** The words of a normalised text that are long enough, or numbers; at most so many, or some more. */
export function wordsOf(text: string, max: number): Words {
  const whole = new Set<string>()
  const parts = new Set<string>()
  for (let from = 0; from < text.length && whole.size + parts.size < max; ) {
    // A normalised text has one blank, which the platform finds faster than we do.
    const blank = text.indexOf(' ', from)
    const to = blank < 0 ? text.length : blank
    if (to > from) addRun(text.slice(from, to), whole, parts)
    from = to + 1
  }
  return { whole, parts }
}

/**
 * Adds what is kept of one value that somebody was told: its words and what they are made of, and where it is short the whole of it, so
 * that it is found again where it stands alone. False where more came together than `max`: then not every word was looked at.
 */
export function addWords(value: string, to: Set<string>, max: number): boolean {
  const text = withoutForms(value)
  let length = -1
  for (let from = 0; from < text.length; ) {
    const end = endOfRun(text, from)
    if (end > from) {
      length += end - from + 1
      addRun(text.slice(from, end), to, to)
      if (to.size > max) return false
    }
    from = end + 1
  }
  // As long as it is with one blank between each two runs.
  if (length > 0 && length <= wholeMax) to.add(numberText(normalised(value)))
  return to.size <= max
}

/** Of a long run, its beginning: that is all of it that is ever compared. */
function addRun(long: string, whole: Set<string>, parts: Set<string>): void {
  const run = long.length > wordMax ? long.slice(0, wordMax) : long
  const known = telling(run)
  if (known !== undefined) {
    if (known) whole.add(run)
    return
  }
  const word = bare(run)
  if (word === undefined) return
  if (isTelling(word)) whole.add(word)
  for (const [part] of word.matchAll(/[\p{L}\p{N}]+/gu)) if (part !== word && isTelling(part)) parts.add(part.slice(0, wordMax))
}

/** Whether it tells something, of letters a to z and digits alone, which most words are: nothing is to be taken off, and there are no parts. */
function telling(run: string): boolean | undefined {
  let isNumber = true
  for (let at = 0; at < run.length; at += 1) {
    const code = run.charCodeAt(at)
    if (code >= 0x61 && code <= 0x7a) isNumber = false
    else if (code < 0x30 || code > 0x39) return undefined
  }
  return isNumber || run.length >= wordMin
}

/** The place of the next blank. */
function endOfRun(text: string, from: number): number {
  let at = from
  while (at < text.length && !isBlank(text.charCodeAt(at))) at += 1
  return at
}

/** As `\s` has it. */
function isBlank(code: number): boolean {
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d)
  return blanks.has(code)
}

const blanks: ReadonlySet<number> = new Set([
  0xa0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f,
  0x3000, 0xfeff,
])

/** Without signs at its ends, and numbers by their value; `undefined` where nothing is left. */
function bare(run: string): string | undefined {
  const [word] = /[\p{L}\p{N}](?:.*[\p{L}\p{N}])?/su.exec(run) ?? []
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
