/** Requests of AuthZEN 1.0, read by hand: what must be there is, with its type; what nobody knows is ignored, as section 10.1.1 demands. */
import { isJsonObject, type JsonObject, type JsonValue } from '../../kernel/json.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import {
  type AccessAction,
  type AccessEntity,
  type AccessQuestion,
  type EvaluationSemantic,
  evaluationSemantics,
} from '../../model/access.ts'

export const evaluationsMax = 1_000
const typeMax = 200
const nameMax = 500
const idMax = 2_000
const noContext: JsonObject = {}

export interface ManyQuestions {
  readonly questions: readonly Result<AccessQuestion>[]
  readonly semantic: EvaluationSemantic
}

export interface SearchRequest {
  readonly question: AccessQuestion
  readonly page: JsonValue | undefined
}

/** One question. Refuses `input.malformed`, naming the member. */
export function readQuestion(body: JsonObject): Result<AccessQuestion> {
  const subject = readEntity(body['subject'], 'subject', true)
  if (!subject.ok) return subject
  const action = readAction(body['action'])
  if (!action.ok) return action
  const resource = readEntity(body['resource'], 'resource', true)
  if (!resource.ok) return resource
  const context = readContext(body['context'])
  if (!context.ok) return context
  const question = { subject: subject.value, action: action.value, resource: resource.value, context: context.value }
  return done(wantsWords(body['options']) ? { ...question, explains: true } : question)
}

/** Ours: `options.explain`. */
function wantsWords(options: JsonValue | undefined): boolean {
  return isJsonObject(options) && options['explain'] === true
}

/**
 * Several, of which each has what it does not say itself from the top; without any, the one at the top. What is wrong with one of them is
 * a no for it alone; what is wrong with the whole is refused: `input.malformed`.
 */
export function readQuestions(body: JsonObject): Result<AccessQuestion | ManyQuestions> {
  const semantic = readSemantic(body['options'])
  if (!semantic.ok) return semantic
  const { evaluations } = body
  if (evaluations !== undefined && !isList(evaluations)) return malformed('evaluations: an array is wanted')
  if (evaluations === undefined || evaluations.length === 0) return readQuestion(body)
  if (evaluations.length > evaluationsMax) return malformed(`evaluations: at most ${evaluationsMax}`)
  for (const name of ['subject', 'action', 'resource', 'context'] as const)
    if (body[name] !== undefined && !isJsonObject(body[name])) return malformed(`${name}: an object is wanted`)
  return done({ questions: evaluations.map((item, place) => readItem(body, item, place)), semantic: semantic.value })
}

export function isMany(read: AccessQuestion | ManyQuestions): read is ManyQuestions {
  return 'questions' in read
}

/** A search: of what is looked for the type alone; for an action nothing. */
export function readSearch(looksFor: 'subject' | 'resource' | 'action', body: JsonObject): Result<SearchRequest> {
  const subject = readEntity(body['subject'], 'subject', looksFor !== 'subject')
  if (!subject.ok) return subject
  const action = looksFor === 'action' ? done({ name: '' }) : readAction(body['action'])
  if (!action.ok) return action
  const resource = readEntity(body['resource'], 'resource', looksFor !== 'resource')
  if (!resource.ok) return resource
  const context = readContext(body['context'])
  if (!context.ok) return context
  return done({
    question: { subject: subject.value, action: action.value, resource: resource.value, context: context.value },
    page: body['page'],
  })
}

function readItem(top: JsonObject, item: JsonValue, place: number): Result<AccessQuestion> {
  if (!isJsonObject(item)) return malformed(`evaluations.${place}: an object is wanted`)
  return readQuestion({
    ...(item['subject'] === undefined && top['subject'] === undefined ? {} : { subject: inherited(item, top, 'subject') }),
    ...(item['action'] === undefined && top['action'] === undefined ? {} : { action: inherited(item, top, 'action') }),
    ...(item['resource'] === undefined && top['resource'] === undefined ? {} : { resource: inherited(item, top, 'resource') }),
    context: item['context'] === undefined ? (top['context'] ?? noContext) : item['context'],
    options: top['options'] ?? null,
  })
}

/** The item's own as a whole, except for a `type`, an `id` or a `name` that it leaves out: those come from the top. */
function inherited(item: JsonObject, top: JsonObject, name: 'subject' | 'action' | 'resource'): JsonValue {
  const [own, above] = [item[name], top[name]]
  if (own === undefined) return above ?? null
  if (!isJsonObject(own) || !isJsonObject(above)) return own
  const filled: Record<string, JsonValue> = { ...own }
  for (const member of ['type', 'id', 'name']) {
    const value = above[member]
    if (own[member] === undefined && value !== undefined) filled[member] = value
  }
  return filled
}

function readEntity(value: JsonValue | undefined, place: string, needsId: boolean): Result<AccessEntity> {
  if (!isJsonObject(value)) return malformed(value === undefined ? `${place}: it is missing` : `${place}: an object is wanted`)
  const { type, id, properties } = value
  if (typeof type !== 'string' || type === '' || type.length > typeMax) return wrongText(`${place}.type`, type, typeMax)
  if (needsId && (typeof id !== 'string' || id.length > idMax)) return wrongText(`${place}.id`, id, idMax)
  const named = { type, id: needsId && typeof id === 'string' ? id : '' }
  if (properties === undefined) return done(named)
  return isJsonObject(properties) ? done({ ...named, properties }) : malformed(`${place}.properties: an object is wanted`)
}

function readAction(value: JsonValue | undefined): Result<AccessAction> {
  if (!isJsonObject(value)) return malformed(value === undefined ? 'action: it is missing' : 'action: an object is wanted')
  const { name, properties } = value
  if (typeof name !== 'string' || name === '' || name.length > nameMax) return wrongText('action.name', name, nameMax)
  if (properties === undefined) return done({ name })
  return isJsonObject(properties) ? done({ name, properties }) : malformed('action.properties: an object is wanted')
}

function readContext(value: JsonValue | undefined): Result<JsonObject> {
  if (value === undefined) return done(noContext)
  return isJsonObject(value) ? done(value) : malformed('context: an object is wanted')
}

function readSemantic(options: JsonValue | undefined): Result<EvaluationSemantic> {
  if (options === undefined) return done('execute_all')
  if (!isJsonObject(options)) return malformed('options: an object is wanted')
  const { evaluations_semantic: wanted = 'execute_all' } = options
  const known = evaluationSemantics.find((each) => each === wanted)
  return known === undefined ? malformed(`options.evaluations_semantic: one of ${evaluationSemantics.join(', ')} is wanted`) : done(known)
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value)
}

function wrongText(place: string, value: JsonValue | undefined, max: number): Result<never> {
  if (value === undefined) return malformed(`${place}: it is missing`)
  return malformed(typeof value === 'string' ? `${place}: 1 to ${max} characters are wanted` : `${place}: a string is wanted`)
}

function malformed(detail: string): Result<never> {
  return refuse('input.malformed', { detail })
}
