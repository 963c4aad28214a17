/** The arguments of an action as somebody says them in JSON: of the types that the operation declares, nothing converted, nothing undeclared. */
import { isJsonObject, type JsonValue } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Arguments, ArgumentValue } from '../model/actions.ts'
import { readMember } from '../model/argument-values.ts'
import type { Route } from '../model/services.ts'

/** As the gateway reads the members of a body, wherever in the request the argument stands. Refuses `action.arguments`, naming it. */
export function readArguments(route: Route, given: JsonValue | undefined): Result<Arguments> {
  if (given !== undefined && !isJsonObject(given)) return refuse('action.arguments', { detail: 'context.arguments is an object' })
  const found: Record<string, ArgumentValue> = {}
  for (const [name, member] of Object.entries(given ?? {})) {
    const rule = route.arguments.find((each) => each.name === name)
    if (rule === undefined)
      return refuse('action.arguments', { detail: `${JSON.stringify(name.slice(0, 60))} is not declared for this operation` })
    if (member === null) continue
    const value = readMember(rule, member)
    if (value === undefined)
      return refuse('action.arguments', { detail: `${name} is not a ${rule.type === 'strings' ? 'list of strings' : rule.type}` })
    found[name] = value
  }
  const missing = route.arguments.find((rule) => (rule.required || rule.in === 'path') && !Object.hasOwn(found, rule.name))
  return missing === undefined ? done(found) : refuse('action.arguments', { detail: `${missing.name} is missing` })
}
