/** Values of declared arguments, each read in one way or not at all, whatever they came in: a request, a call, a question. */
import { canonicalJson, Fraction, type JsonValue } from '../kernel/json.ts'
import type { ArgumentValue } from './actions.ts'
import type { ArgumentRule } from './services.ts'

/** A value written in path or query; `undefined` if it is not of the type. */
export function readText(rule: ArgumentRule, text: string): ArgumentValue | undefined {
  switch (rule.type) {
    case 'string':
      return text
    case 'strings':
      return [text]
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined
    case 'long':
      return readLong(text)
    case 'decimal':
      return readDecimal(text)
    case 'json':
      return undefined
  }
}

/** A member of a JSON object; `undefined` if it is not of the type. Nothing is converted: "5" is no number. `json` is its canonical text. */
export function readMember(rule: ArgumentRule, value: JsonValue): ArgumentValue | undefined {
  switch (rule.type) {
    case 'string':
      return typeof value === 'string' ? value : undefined
    case 'strings':
      return Array.isArray(value) && value.every((member) => typeof member === 'string') ? value : undefined
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined
    case 'long':
      return typeof value === 'number' || typeof value === 'bigint' ? value : undefined
    case 'decimal':
      return typeof value === 'number' || typeof value === 'bigint' || value instanceof Fraction ? readDecimal(value.toString()) : undefined
    case 'json':
      return canonicalJson(value)
  }
}

const longMax = 2n ** 63n - 1n
const longMin = -(2n ** 63n)

function readLong(text: string): number | bigint | undefined {
  if (!/^(?:0|-?[1-9]\d{0,18})$/.test(text)) return undefined
  if (text.length <= 15) return Number(text)
  const value = BigInt(text)
  if (value > longMax || value < longMin) return undefined
  return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(value) : value
}

/** At most four digits after the point and within Cedar's range; always with a point, as Cedar writes them. */
function readDecimal(text: string): Fraction | undefined {
  const [, sign = '', whole, fraction = '0'] = /^(-?)(0|[1-9]\d{0,14})(?:\.(\d{1,4}))?$/.exec(text) ?? []
  if (whole === undefined) return undefined
  const scaled = BigInt(`${sign}${whole}${fraction.padEnd(4, '0')}`)
  return scaled > longMax || scaled < longMin ? undefined : new Fraction(`${sign}${whole}.${fraction}`)
}

/** A required argument that is not there. */
export function firstMissing(
  rules: ReadonlyMap<string, ArgumentRule>,
  found: Readonly<Record<string, ArgumentValue>>,
): ArgumentRule | undefined {
  for (const rule of rules.values()) if (rule.required && !Object.hasOwn(found, rule.name)) return rule
  return undefined
}
