/** What a server says a tool is, pinned by a hash: a tool that is another one than it was is not the tool that was granted. */
import { createHash } from 'node:crypto'
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Effect, isChange } from './effects.ts'

/** The members that say what a tool does, and how it is called. Icons, `_meta` and what is unknown say it to nobody who decides. */
export const definingMembers = ['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations'] as const

export interface Definition {
  /** `v1:` and SHA-256 over the canonical JSON of the members, hex. */
  readonly hash: string
  readonly members: JsonObject
  /** That canonical JSON. */
  readonly text: string
}

/** A definition that is longer is known by its hash alone: nobody reads so much before saying yes. In characters. */
export const definitionTextMax = 65_536

/** Of one element of `tools/list`; a member that is not there is another thing than one that is null. */
export function definitionOf(tool: JsonObject): Definition {
  const members: JsonObject = Object.fromEntries(
    definingMembers.flatMap((name) => {
      const value = tool[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
  const text = canonicalJson(members)
  return { hash: `v1:${createHash('sha256').update(text).digest('hex')}`, members, text }
}

/** The definition that a text is, where it is the one of this hash. Refuses `action.changed` for any other text, and one that is too long. */
export function readDefinition(text: string, hash: string): Result<Definition> {
  const parsed = text.length > definitionTextMax ? undefined : parseJson(text)
  const found = parsed?.ok === true && isJsonObject(parsed.value) ? definitionOf(parsed.value) : undefined
  return found?.text === text && found.hash === hash ? done(found) : refuse('action.changed', { detail: 'its definition is another one' })
}

/** One place in which two definitions differ: `inputSchema.properties.to.type`; a side that is absent has nothing there. */
export interface Difference {
  readonly at: string
  readonly before?: string
  readonly after?: string
}

/** A diff that nobody reads to its end hides what it is for: beyond this there is a last line that says so. */
export const differencesMax = 50
const textMax = 400

/** Where two definitions differ, in the order of their members; at most so many, each of at most 400 characters a side. */
export function differencesOf(before: JsonObject, after: JsonObject, max = differencesMax): readonly Difference[] {
  const found: Difference[] = []
  let isMore = false
  const open: (readonly [at: readonly string[], before: JsonValue | undefined, after: JsonValue | undefined])[] = [[[], before, after]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [at, one, other] = next
    if (isSame(one, other)) continue
    if (isJsonObject(one) && isJsonObject(other)) {
      const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].toSorted().toReversed()
      for (const name of names) open.push([[...at, name], ownOf(one, name), ownOf(other, name)])
      continue
    }
    if (found.length >= max) {
      isMore = true
      break
    }
    found.push({ at: shortened(at.join('.'), textMax), ...side('before', one), ...side('after', other) })
  }
  return isMore ? [...found, { at: '…', after: 'and more than is shown here' }] : found
}

function ownOf(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

function isSame(one: JsonValue | undefined, other: JsonValue | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return canonicalJson(one) === canonicalJson(other)
}

function side(name: 'before' | 'after', value: JsonValue | undefined): Partial<Record<'before' | 'after', string>> {
  if (value === undefined) return {}
  const text = typeof value === 'string' ? value : canonicalJson(value)
  return { [name]: shortened(text, textMax) }
}

/** At most so many characters of it, and a sign that there were more; never half of one. */
export function shortened(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max).toWellFormed()}…` : text
}

/** What a server says of a tool that was declared to change nothing. */
export const worseKinds = ['destructive', 'not-read-only'] as const
export type Worse = (typeof worseKinds)[number]

/**
 * What a tool's annotations say of it that is worse than what was declared: annotations come from the server, so they may tighten and never
 * loosen. By MCP's own reading a tool that is not `readOnlyHint` destroys unless it says otherwise; here only what is said counts,
 * since most servers say nothing.
 */
export function worseThanDeclared(effect: Effect, { members }: Pick<Definition, 'members'>): Worse | undefined {
  const hints = members['annotations']
  if (!isJsonObject(hints) || isChange(effect)) return undefined
  if (hints['destructiveHint'] === true) return 'destructive'
  return hints['readOnlyHint'] === false ? 'not-read-only' : undefined
}
