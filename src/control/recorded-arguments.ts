/** Arguments as a journal's line keeps them: short ones whole, a long one by its length, its hash and how it begins. */
import { hash } from 'node:crypto'
import { canonicalJson, Fraction } from '../kernel/json.ts'
import type { Arguments, ArgumentValue } from '../model/actions.ts'

/** Characters. A line holds 1 MiB at most, and everybody who verifies a journal reads all of it. */
const wholeMax = 4_000
/** Characters of the start of a long one. */
export const startLength = 200
/** All of them together; beyond it each is kept short. */
const togetherMax = 64_000

/** What stands in the place of a value that is too long to be kept whole. */
export interface ShortenedArgument {
  /** Of its canonical JSON, in characters. */
  readonly length: number
  /** Hex, over its canonical JSON in UTF-8. */
  readonly sha256: string
  readonly start: string
}

export type RecordedArguments = Readonly<Record<string, ArgumentValue | ShortenedArgument>>

/** The same object where nothing in it is long, which is what most actions have. */
export function recordedArguments(given: Arguments, shorten: (value: ArgumentValue) => ShortenedArgument = shortened): RecordedArguments {
  let together = 0
  let longest = 0
  for (const name of Object.keys(given)) {
    const size = sizeOf(given[name])
    together += size
    if (size > longest) longest = size
  }
  if (longest <= wholeMax && together <= togetherMax) return given
  const most = together <= togetherMax ? wholeMax : startLength
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, sizeOf(value) <= most ? value : shorten(value)]))
}

/** Characters, nearly: what escapes and brackets add does not matter here. */
function sizeOf(value: ArgumentValue | undefined): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value instanceof Fraction) return 0
  return value.reduce((sum, each) => sum + each.length + 3, 0)
}

export function shortened(value: ArgumentValue): ShortenedArgument {
  const text = canonicalJson(value)
  return { length: text.length, sha256: hash('sha256', text), start: startOf(text) }
}

/** Half a character at the cut could not be written down. */
export function startOf(canonical: string): string {
  return canonical.slice(0, startLength).replace(/[\ud800-\udbff]$/, '')
}
