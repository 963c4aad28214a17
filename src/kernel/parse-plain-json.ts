/** The platform's own JSON parser for texts that have one reading there as well: quicker than `parseJson`, which reads all others. */
import { Fraction, type JsonValue } from './json.ts'

/**
 * What `parseJson` reads in a text, in objects that have a prototype; `undefined` where that parser is to be asked: for a text that is
 * not plain. Plain is what is written without white space and without `\u`, other characters escaped only where they must be, with each
 * key once and none that is a number, and with whole numbers that are exact.
 */
export function parsePlainJson(text: string, depthMax: number): JsonValue | undefined {
  // Such an escape may hide a lone surrogate, which the platform would write again just as it was.
  if (text.includes('\\u')) return undefined
  const value = parsed(text)
  // What is written again in the same letters was read as they stand: nothing was dropped, rounded or put elsewhere.
  return value !== undefined && isWhole(value, depthMax) && JSON.stringify(value) === text ? value : undefined
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
}

/** No numbers but exact whole ones, and no deeper than that. */
function isWhole(value: JsonValue, depthMax: number): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value)
  if (typeof value !== 'object' || value === null) return true
  if (depthMax === 0 || value instanceof Fraction) return false
  if (Array.isArray(value)) {
    for (let place = 0; place < value.length; place += 1) if (!isWhole(value[place] as JsonValue, depthMax - 1)) return false
    return true
  }
  const object = value as Readonly<Record<string, JsonValue>>
  for (const name in object) {
    const member = object[name]
    if (typeof member !== 'string' && !isWhole(member as JsonValue, depthMax - 1)) return false
  }
  return true
}
