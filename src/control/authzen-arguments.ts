/** The arguments of an action as somebody says them in JSON: of the types that the operation declares, nothing converted, nothing undeclared. */
import { canonicalJson, Fraction, isJsonObject, type JsonValue } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Arguments, ArgumentValue } from '../model/actions.ts'
import type { ArgumentRule, Route } from '../model/services.ts'

/** As the gateway reads the members of a body, wherever in the request the argument stands. Refuses `action.arguments`, naming it. */
export function readArguments(route: Route, given: JsonValue | undefined): Result<Arguments> {
  if (given !== undefined && !isJsonObject(given)) return refuse('action.arguments', { detail: 'context.arguments is an object' })
  const found: Record<string, ArgumentValue> = {}
  for (const [name, member] of Object.entries(given ?? {})) {
    const rule = route.arguments.find((each) => each.name === name)
    if (rule === undefined)
      return refuse('action.arguments', { detail: `${JSON.stringify(name.slice(0, 60))} is not declared for this operation` })
    if (member === null) continue
    const value = readValue(rule, member)
    if (value === undefined)
      return refuse('action.arguments', { detail: `${name} is not a ${rule.type === 'strings' ? 'list of strings' : rule.type}` })
    found[name] = value
  }
  const missing = route.arguments.find((rule) => (rule.required || rule.in === 'path') && !Object.hasOwn(found, rule.name))
  return missing === undefined ? done(found) : refuse('action.arguments', { detail: `${missing.name} is missing` })
}

function readValue({ type }: ArgumentRule, value: JsonValue): ArgumentValue | undefined {
  switch (type) {
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

/** At most four digits after the point; always with a point, as Cedar writes them. */
function readDecimal(text: string): Fraction | undefined {
  const [, sign = '', whole, fraction = '0'] = /^(-?)(0|[1-9]\d{0,14})(?:\.(\d{1,4}))?$/.exec(text) ?? []
  return whole === undefined ? undefined : new Fraction(`${sign}${whole}.${fraction}`)
}
