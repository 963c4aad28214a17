/** Reads query strings and form bodies (application/x-www-form-urlencoded) in one way only. */
import type { JsonObject } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'

const fieldsMax = 50

/** Name and value pairs. Refuses `input.malformed`: a name twice, bytes that are no UTF-8, a stray percent sign, too many fields. */
export function readForm(text: string): Result<JsonObject> {
  if (text === '') return done({})
  const fields = new Map<string, string>()
  const pieces = text.split('&')
  if (pieces.length > fieldsMax) return refuse('input.malformed', { detail: `at most ${fieldsMax} fields` })
  for (const piece of pieces) {
    const equals = piece.indexOf('=')
    const name = decode(equals < 0 ? piece : piece.slice(0, equals))
    const value = decode(equals < 0 ? '' : piece.slice(equals + 1))
    if (name === undefined || value === undefined) return refuse('input.malformed', { detail: 'a field is not UTF-8 in percent encoding' })
    if (fields.has(name)) return refuse('input.malformed', { detail: `${name.slice(0, 40)} stands there twice` })
    fields.set(name, value)
  }
  return done(Object.fromEntries(fields))
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
