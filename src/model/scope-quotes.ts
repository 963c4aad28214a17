/** What stands in a scope line as JSON: values with commas and strokes in them, and whole values of `json` arguments. */
import { canonicalJson, canonicalString, type JsonValue, parseJson } from '../kernel/json.ts'

const quotedPart = /\s*[A-Za-z_][A-Za-z0-9_.-]{0,63}:[=~]/y

/** The parts of a line, without blanks around them: a comma within JSON parts nothing. */
export function splitLine(line: string): string[] {
  const parts: string[] = []
  for (let start = 0; start <= line.length; ) {
    quotedPart.lastIndex = start
    const end = quotedPart.test(line) ? endOfJson(line, quotedPart.lastIndex, ',') : endAt(line.indexOf(',', start), line)
    parts.push(line.slice(start, end).trim())
    start = end + 1
  }
  return parts
}

export interface Quoted {
  /** A text as it is, anything else by its canonical JSON. */
  readonly text: string
  readonly isText: boolean
}

/** Values of JSON with `|` between them; `undefined` where one is none, or has two readings. */
export function readQuoted(text: string): readonly Quoted[] | undefined {
  const read: Quoted[] = []
  for (let start = 0; start <= text.length; ) {
    const end = endOfJson(text, start, '|')
    const value = parseJson(text.slice(start, end))
    if (!value.ok) return undefined
    const isText = typeof value.value === 'string'
    read.push({ isText, text: typeof value.value === 'string' ? value.value : canonicalJson(value.value) })
    start = end + 1
  }
  return read
}

/** What `readQuoted` reads back. */
export function quotedAlternatives(texts: readonly string[]): string {
  return texts.map((text) => (isStructure(text) ? text : quoteText(text))).join('|')
}

export function quoteText(text: string): string {
  return canonicalString(text)
}

/** Objects and lists in canonical JSON are shown as they are: whoever reads the line sees the value, and not its escapes. */
function isStructure(text: string): boolean {
  if (!text.startsWith('{') && !text.startsWith('[')) return false
  const read = parseJson(text)
  return read.ok && isWritten(read.value, text)
}

function isWritten(value: JsonValue, text: string): boolean {
  return canonicalJson(value) === text
}

/** Where the first such sign stands that is outside of texts, lists and objects; the end of the line where none does. */
function endOfJson(line: string, from: number, sign: string): number {
  let depth = 0
  let isInText = false
  for (let at = from; at < line.length; at += 1) {
    const letter = line[at] ?? ''
    if (isInText) {
      if (letter === '\\') at += 1
      else if (letter === '"') isInText = false
    } else if (letter === '"') isInText = true
    else if (letter === '{' || letter === '[') depth += 1
    else if (letter === '}' || letter === ']') depth -= 1
    else if (letter === sign && depth <= 0) return at
  }
  return line.length
}

function endAt(at: number, line: string): number {
  return at < 0 ? line.length : at
}
