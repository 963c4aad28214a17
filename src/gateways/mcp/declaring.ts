/** What a server says it has, as declarations to begin from: an administrator reads them, strikes out what no task needs, and answers for the rest. */
import { isJsonObject, type JsonObject, type JsonValue } from '../../kernel/json.ts'
import { ownToolPrefix } from '../../model/configured-mcp.ts'
import type { Effect } from '../../model/effects.ts'
import { argumentFlaw } from '../../model/routes.ts'
import { isOperationName } from '../../model/scope.ts'
import type { ArgumentRule } from '../../model/services.ts'

/** The elements of a server's lists, in its order. */
export interface Listed {
  readonly tools: readonly JsonObject[]
  readonly resources: readonly JsonObject[]
  readonly resourceTemplates: readonly JsonObject[]
  readonly prompts: readonly JsonObject[]
}

/** One line of `tools`, `resources` or `prompts`, as remit.yaml has it, and what whoever reads it should know of it. */
export interface Declaration {
  readonly line: JsonObject
  readonly notes: readonly string[]
}

export interface Declared {
  readonly tools: readonly Declaration[]
  readonly resources: readonly Declaration[]
  readonly prompts: readonly Declaration[]
  /** What cannot be declared, and why. */
  readonly leftOut: readonly string[]
}

/** Beyond this a person reads nothing any more; a template says it in one line. */
const resourcesMax = 50
const namePartMax = 60
/** A name with a number of its own behind it is no longer than others. */
const countedMax = 56

/** Effects and types are read from the server's own words, which may be wrong or lie: nothing here is a reason for a yes. */
export function declare({ tools, resources, resourceTemplates, prompts }: Listed): Declared {
  const leftOut: string[] = []
  const leave = (what: string, why: string) => leftOut.push(`${what}: ${why}`)
  // All of a service share them: grants and policies name a tool as they name a prompt.
  const names = new Set<string>()
  const [toolsSaid, prefixes, uris, promptsSaid] = [new Set<string>(), new Set<string>(), new Set<string>(), new Set<string>()]
  return {
    tools: tools.flatMap((tool) => toolLine(tool, { names, said: toolsSaid, leave }) ?? []),
    resources: [
      ...resourceTemplates.flatMap((template) => templateLine(template, { names, said: prefixes, leave }) ?? []),
      ...resources.slice(0, resourcesMax).flatMap((resource) => resourceLine(resource, { names, said: uris, leave }) ?? []),
    ],
    prompts: prompts.flatMap((prompt) => promptLine(prompt, { names, said: promptsSaid, leave }) ?? []),
    leftOut:
      resources.length > resourcesMax
        ? [
            ...leftOut,
            `${resources.length - resourcesMax} more resources: declare them by what their URIs begin with, such as uri: file:///srv/*`,
          ]
        : leftOut,
  }
}

type Leave = (what: string, why: string) => void

interface Before {
  /** Of operations, of all kinds. */
  readonly names: Set<string>
  /** What the server calls those of this kind. */
  readonly said: Set<string>
  readonly leave: Leave
}

const twice = 'it is there already'
/** Nothing that a reader does not see, or sees in another place than it stands. */
const unseen = '\\p{Cc}\\p{Cf}\\p{Cs}'
const uriPattern = new RegExp(`^[a-z][a-z0-9+.-]*:[^*\\s${unseen}]*$`, 'iu')
const templatePattern = new RegExp(`^([a-z][a-z0-9+.-]*:[^*{}\\s${unseen}]*)\\{[^{}]+\\}$`, 'iu')

function isTwice(said: Set<string>, name: string): boolean {
  return said.size === said.add(name).size
}

function toolLine(tool: JsonObject, { names, said: before, leave }: Before): Declaration | undefined {
  const said = textOf(tool['name'])
  if (said === undefined || !/^[A-Za-z0-9_./:-]{1,128}$/.test(said)) return left(leave, 'a tool', said, 'its name is none of a tool')
  if (said.startsWith(ownToolPrefix)) return left(leave, 'the tool', said, `names that begin with ${ownToolPrefix} are Remit's own`)
  if (isTwice(before, said)) return left(leave, 'the tool', said, twice)
  const { effect, why } = effectOf(tool['annotations'])
  const { rules, notes } = argumentsOf(tool['inputSchema'])
  return { line: { ...nameFor(said, 'tool', names), effect, ...argumentList(rules) }, notes: [why, ...notes] }
}

/** Annotations are hints (MCP, ToolAnnotations): what they make milder is for a person to confirm. */
function effectOf(annotations: JsonValue | undefined): { readonly effect: Effect; readonly why: string } {
  const hints = isJsonObject(annotations) ? annotations : {}
  if (hints['readOnlyHint'] === true && hints['destructiveHint'] !== true) return { effect: 'read', why: 'says that it only reads' }
  if (hints['destructiveHint'] === true) return { effect: 'delete', why: 'says that it destroys' }
  if (hints['readOnlyHint'] === false) return { effect: 'write', why: 'says that it changes things' }
  return { effect: 'execute', why: 'does not say what it does' }
}

function argumentsOf(schema: JsonValue | undefined): { readonly rules: readonly ArgumentRule[]; readonly notes: readonly string[] } {
  const { properties, required } = isJsonObject(schema) ? schema : {}
  if (!isJsonObject(properties)) return { rules: [], notes: [] }
  const needed = new Set(Array.isArray(required) ? required : [])
  const rules: ArgumentRule[] = []
  const notes: string[] = []
  for (const [name, property] of Object.entries(properties)) {
    const rule: ArgumentRule = { name, in: 'call', type: typeOf(property), required: needed.has(name) }
    if (argumentFlaw([rule]) === undefined) rules.push(rule)
    else notes.push(`without ${JSON.stringify(name.slice(0, namePartMax))}, which is no name for an argument`)
  }
  return { rules, notes }
}

/** The kind of value that JSON Schema asks for; what has no kind of its own here is seen as its JSON. */
function typeOf(property: JsonValue): ArgumentRule['type'] {
  if (!isJsonObject(property)) return 'json'
  const { type, items, enum: values } = property
  const said: readonly (JsonValue | undefined)[] = Array.isArray(type) ? type : [type]
  const kinds = said.filter((each) => each !== undefined && each !== 'null')
  const kind = kinds[0]
  if (kinds.length > 1) return 'json'
  if (kind === undefined)
    return Array.isArray(values) && values.length > 0 && values.every((each) => typeof each === 'string') ? 'string' : 'json'
  switch (kind) {
    case 'string':
      return 'string'
    case 'integer':
      return 'long'
    case 'number':
      return 'decimal'
    case 'boolean':
      return 'boolean'
    case 'array':
      return isJsonObject(items) && items['type'] === 'string' ? 'strings' : 'json'
    default:
      return 'json'
  }
}

function argumentList(rules: readonly ArgumentRule[]): JsonObject {
  if (rules.length === 0) return {}
  return {
    arguments: rules.map(({ name, type, required }) => ({
      name,
      ...(type === 'string' ? {} : { type }),
      ...(required ? { required } : {}),
    })),
  }
}

function resourceLine(resource: JsonObject, { names, said: before, leave }: Before): Declaration | undefined {
  const uri = textOf(resource['uri'])
  if (uri === undefined || !uriPattern.test(uri))
    return left(leave, 'the resource', uri ?? textOf(resource['name']), 'its URI cannot be declared')
  if (isTwice(before, uri)) return left(leave, 'the resource', uri, twice)
  const { name } = nameFor(textOf(resource['name']) ?? uri, 'name', names)
  return { line: { name, uri }, notes: [] }
}

/** `file:///{path}`: all that begins with what stands before the one variable, which must be its end. */
function templateLine(template: JsonObject, { names, said: before, leave }: Before): Declaration | undefined {
  const text = textOf(template['uriTemplate'])
  const [, start] = templatePattern.exec(text ?? '') ?? []
  if (start === undefined) return left(leave, 'the template', text, 'only what ends in its one variable can be declared by its beginning')
  if (isTwice(before, start)) return left(leave, 'the template', text, twice)
  const { name } = nameFor(textOf(template['name']) ?? start, 'name', names)
  return { line: { name, uri: `${start}*` }, notes: [`${text}: everything that begins so`] }
}

function promptLine(prompt: JsonObject, { names, said: before, leave }: Before): Declaration | undefined {
  const said = textOf(prompt['name'])
  if (said === undefined || !/^[A-Za-z0-9_./:-]{1,128}$/.test(said)) return left(leave, 'a prompt', said, 'its name is none of a prompt')
  if (isTwice(before, said)) return left(leave, 'the prompt', said, twice)
  const given = Array.isArray(prompt['arguments']) ? prompt['arguments'].filter(isJsonObject) : []
  const rules: ArgumentRule[] = []
  for (const each of given) {
    const rule: ArgumentRule = { name: textOf(each['name']) ?? '', in: 'call', type: 'string', required: each['required'] === true }
    if (argumentFlaw([rule]) === undefined && rules.every(({ name }) => name !== rule.name)) rules.push(rule)
  }
  return { line: { ...nameFor(said, 'prompt', names), ...argumentList(rules) }, notes: [] }
}

/** Its own name where operations may be called so; else one that is like it, with what its server calls it beside. */
function nameFor(said: string, as: 'tool' | 'prompt' | 'name', names: Set<string>): { readonly name: string } & JsonObject {
  const like = said.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
  const base = isOperationName(said) ? said : like.slice(0, namePartMax).replace(/[^A-Za-z0-9]+$/, '') || 'unnamed'
  let name = base
  for (let count = 2; names.has(name); count += 1) name = `${base.slice(0, countedMax)}-${count}`
  names.add(name)
  return name === said || as === 'name' ? { name } : { name, [as]: said }
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function left(leave: Leave, what: string, name: string | undefined, why: string): undefined {
  leave(name === undefined ? what : `${what} ${JSON.stringify(name.slice(0, namePartMax))}`, why)
}
