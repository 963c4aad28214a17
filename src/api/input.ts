/** From the bytes of a call to its input: read in one way, every member known, every limit kept. */
import { z } from 'zod'
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { nearestName } from '../kernel/source-problems.ts'
import { readForm } from './forms.ts'

export type BodyKind = 'none' | 'json' | 'form'

/** What came over the wire, unread. */
export interface Received {
  readonly parameters: Readonly<Record<string, string>>
  /** What follows the question mark, or nothing. */
  readonly query: string
  readonly body: Uint8Array
}

const documentDepthMax = 64

/** The members of path, query and body as one object. A member of the path is nowhere else. */
export function gather(kind: BodyKind, received: Received, bytesMax: number): Result<JsonObject> {
  const query = readForm(received.query)
  if (!query.ok) return query
  const body = readBody(kind, received.body, bytesMax)
  if (!body.ok) return body
  if (kind !== 'none' && Object.keys(query.value).length > 0)
    return refuse('input.invalid', { detail: 'what is posted here stands in the body, not in the query' })
  const given = kind === 'none' ? query.value : body.value
  const twice = Object.keys(received.parameters).find((name) => Object.hasOwn(given, name))
  if (twice !== undefined) return refuse('input.invalid', { detail: `${twice} stands in the path` })
  return done({ ...given, ...received.parameters })
}

function readBody(kind: BodyKind, bytes: Uint8Array, bytesMax: number): Result<JsonObject> {
  if (kind === 'none' || bytes.byteLength === 0) return done({})
  if (kind === 'form') {
    // Percent encoding is ASCII; other bytes would have two readings.
    if (bytes.some((byte) => byte > 0x7e || byte < 0x20))
      return refuse('input.malformed', { detail: 'a form is written in percent encoding' })
    return readForm(Buffer.from(bytes).toString('latin1'))
  }
  const value = parseJson(bytes, { bytesMax, depthMax: documentDepthMax })
  if (!value.ok) return value
  return isJsonObject(value.value) ? done(value.value) : refuse('input.invalid', { detail: 'the body is a JSON object' })
}

/** Checks an input against its schema. Refuses `input.invalid`, naming the member, what it takes, and the known name nearest to an unknown one. */
export function checkInput<S extends z.ZodType>(schema: S, given: object): Result<z.output<S>> {
  const checked = schema.safeParse(given)
  if (checked.success) return done(checked.data)
  const { issues } = checked.error
  // A misspelt name explains the missing one, not the other way round.
  const issue = issues.find((each) => each.code === 'unrecognized_keys') ?? issues[0]
  return refuse('input.invalid', { detail: issue === undefined ? 'it does not fit' : describeIssue(schema, issue) })
}

function describeIssue(schema: z.ZodType, issue: z.core.$ZodIssue): string {
  const place = issue.path.map(String).join('.')
  if (issue.code !== 'unrecognized_keys') return `${place === '' ? 'the request' : place}: ${inWords(issue)}`
  const [unknown = ''] = issue.keys
  const known = namesAt(schema, issue.path)
  const near = nearestName(unknown, known)
  const where = place === '' ? '' : ` in ${place}`
  const suggestion = near === undefined ? `; known: ${known.join(', ') || 'none'}` : `; did you mean "${near}"?`
  return `"${unknown.slice(0, 60)}" is not known${where}${suggestion}`
}

function inWords(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined')) return 'it is missing'
  return issue.message.charAt(0).toLowerCase() + issue.message.slice(1)
}

/** The names a schema takes at a place. */
function namesAt(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  const bare = unwrap(schema)
  const [first, ...rest] = path
  if (bare instanceof z.ZodArray) return first === undefined ? [] : namesAt(bare.element, rest)
  if (!(bare instanceof z.ZodObject)) return []
  return first === undefined ? Object.keys(bare.shape) : namesAt(bare.shape[String(first)], rest)
}

function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return unwrap(schema.unwrap())
  return schema
}
