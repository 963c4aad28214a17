/** The process in which Cedar's parser and validator run: a policy that breaks them breaks this process, and nothing else. */
import './policy-worker-engine.ts'
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'

export interface CheckTask {
  readonly policies: readonly string[]
  readonly schema: string
}

/** A template made a policy, as Cedar's own policy sets write it. */
export interface LinkText {
  readonly templateId: string
  readonly newId: string
  readonly values: Readonly<Record<string, { readonly type: string; readonly id: string }>>
}

/** What an application brings of its own. */
export interface ApplicationTask {
  readonly schema: string
  /** Whether the schema is in Cedar's JSON form. */
  readonly isJson: boolean
  /** `id` is used where the text has no `@id`. */
  readonly policies: readonly { readonly text: string; readonly id: string; readonly isTemplate: boolean }[]
  readonly links: readonly LinkText[]
}

/** Something that Cedar says about one policy, or about the schema where `policy` is absent, or about a link. */
export interface CedarFinding {
  readonly policy: number | undefined
  readonly link?: number
  readonly kind: 'syntax' | 'error' | 'warning'
  readonly message: string
  readonly help: string | undefined
  /** In UTF-8 bytes from the policy's beginning. */
  readonly byteOffset: number
}

export interface CheckAnswer {
  /** The JSON text of `policyToJson`'s answer for each policy that could be parsed: text, because a number in it may exceed 2^53. */
  readonly json: readonly (string | undefined)[]
  readonly findings: readonly CedarFinding[]
  /** Of an application: the JSON text of the answer that has its schema with all types resolved. */
  readonly schema?: string
}

const parse = JSON.parse
let lastParsed: string | undefined

// cedar-wasm hands every answer over as JSON text and parses it here. What it parsed is kept, since parsing rounds large integers.
JSON.parse = (text: string, reviver?: (this: unknown, key: string, value: unknown) => unknown): unknown => {
  lastParsed = text
  return parse(text, reviver)
}

function check(task: CheckTask): CheckAnswer {
  const findings: CedarFinding[] = []
  const json = task.policies.map((text, place) => {
    lastParsed = undefined
    const answer = cedar.policyToJson(text)
    if (answer.type === 'success') return lastParsed
    for (const error of answer.errors) findings.push(findingOf(place, 'syntax', error))
    return undefined
  })
  const parsed = task.policies.flatMap((text, place) => (json[place] === undefined ? [] : [[`policy${place}`, text] as const]))
  const answer = cedar.validate({
    schema: task.schema,
    policies: { staticPolicies: Object.fromEntries(parsed) },
    validationSettings: { mode: 'strict' },
  })
  if (answer.type === 'failure') {
    for (const error of answer.errors) findings.push(findingOf(undefined, 'error', error))
    return { json, findings }
  }
  for (const { policyId, error } of answer.validationErrors) findings.push(findingOf(placeOf(policyId), 'error', error))
  for (const { policyId, error } of answer.validationWarnings) findings.push(findingOf(placeOf(policyId), 'warning', error))
  for (const error of answer.otherWarnings) findings.push(findingOf(undefined, 'warning', error))
  return { json, findings }
}

function checkApplication(task: ApplicationTask): CheckAnswer {
  const text = task.isJson ? textOfSchema(task.schema) : task.schema
  if (typeof text !== 'string') return { json: [], findings: text.map((error) => findingOf(undefined, 'error', error)) }
  lastParsed = undefined
  const resolved = cedar.schemaToJsonWithResolvedTypes(text)
  if (resolved.type === 'failure') {
    // The places are those of the text that was made of the JSON: nobody has it.
    const findings = resolved.errors.map((error) => ({
      ...findingOf(undefined, 'error', error),
      ...(task.isJson ? { byteOffset: 0 } : {}),
    }))
    return { json: [], findings }
  }
  const schema = lastParsed ?? ''
  const { json, findings, ids } = parseAll(task)
  findings.push(...validated(text, task, { json, ids }))
  return { json, findings, schema }
}

function textOfSchema(json: string): string | readonly cedar.DetailedError[] {
  const value: unknown = parse(json)
  if (!isObject(value)) throw new Error('a schema in JSON that was read before is no object')
  // Cedar reads the types in it itself, and no number in a schema has a meaning.
  const answer = cedar.schemaToText(value)
  return answer.type === 'success' ? answer.text : answer.errors
}

function isObject(value: unknown): value is cedar.SchemaJson<string> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

interface Parsed {
  readonly json: readonly (string | undefined)[]
  /** Of each policy and template, by its place. */
  readonly ids: readonly string[]
}

function parseAll(task: ApplicationTask): Parsed & { readonly findings: CedarFinding[] } {
  const findings: CedarFinding[] = []
  const ids: string[] = []
  const json = task.policies.map(({ text, id, isTemplate }, place) => {
    lastParsed = undefined
    const answer = isTemplate ? cedar.templateToJson(text) : cedar.policyToJson(text)
    ids.push(answer.type === 'success' ? answer.json.annotations?.['id'] || id : id)
    if (answer.type === 'success') return lastParsed
    for (const error of answer.errors) findings.push(findingOf(place, 'syntax', error))
    return undefined
  })
  return { json, ids, findings }
}

function validated(schema: string, { policies, links }: ApplicationTask, { json, ids }: Parsed): readonly CedarFinding[] {
  const sound = policies.flatMap(({ text, isTemplate }, place) => (json[place] === undefined ? [] : [{ text, isTemplate, place }]))
  const named = (isTemplate: boolean) =>
    Object.fromEntries(sound.flatMap((each) => (each.isTemplate === isTemplate ? [[`policy${each.place}`, each.text]] : [])))
  const templates = named(true)
  const nameOf = new Map(sound.flatMap(({ isTemplate, place }) => (isTemplate ? [[ids[place] ?? '', `policy${place}`] as const] : [])))
  const lost = links.flatMap(({ templateId }, link): CedarFinding[] =>
    nameOf.has(templateId) ? [] : [{ ...about, link, message: `there is no template "${templateId}"`, help: templatesThere(nameOf) }],
  )
  if (lost.length > 0) return lost
  const templateLinks = links.map(({ templateId, values }, place) => ({
    templateId: nameOf.get(templateId) ?? '',
    newId: `link${place}`,
    values: { ...values },
  }))
  const set = { staticPolicies: named(false), templates, templateLinks }
  const answer = cedar.validate({ schema, policies: set, validationSettings: { mode: 'strict' } })
  if (answer.type === 'failure') {
    const unlinked = templateLinks.flatMap((link, place) => linkFlaws({ templates, templateLinks: [link] }, place))
    return unlinked.length > 0 ? unlinked : answer.errors.map((error) => findingOf(undefined, 'error', error))
  }
  return [
    ...answer.validationErrors.map(({ policyId, error }) => findingAbout(policyId, 'error', error)),
    ...answer.validationWarnings.map(({ policyId, error }) => findingAbout(policyId, 'warning', error)),
    ...answer.otherWarnings.map((error) => findingOf(undefined, 'warning', error)),
  ]
}

const about = { policy: undefined, kind: 'error', byteOffset: 0 } as const

function templatesThere(templates: ReadonlyMap<string, string>): string {
  const names = [...templates.keys()].slice(0, 10).join(', ')
  return names === '' ? 'no policy has a slot, ?principal or ?resource: write one that has' : `there are ${names}`
}

function linkFlaws(set: cedar.PolicySet, link: number): readonly CedarFinding[] {
  const answer = cedar.checkParsePolicySet(set)
  return answer.type === 'success' ? [] : answer.errors.map((error) => ({ ...findingOf(undefined, 'error', error), link }))
}

function findingAbout(policyId: string, kind: CedarFinding['kind'], error: cedar.DetailedError): CedarFinding {
  if (!policyId.startsWith('link')) return findingOf(placeOf(policyId), kind, error)
  return { ...findingOf(undefined, kind, error), link: Number(policyId.slice('link'.length)) }
}

function placeOf(policyId: string): number {
  return Number(policyId.slice('policy'.length))
}

function findingOf(policy: number | undefined, kind: CedarFinding['kind'], error: cedar.DetailedError): CedarFinding {
  return { policy, kind, message: error.message, help: error.help ?? undefined, byteOffset: error.sourceLocations?.[0]?.start ?? 0 }
}

if (process.send === undefined) throw new Error('this file is the entry of a process that was forked')
// A trap of the module is thrown out of here on purpose: it ends the process, and with it the module that no longer works.
process.on('message', (task: CheckTask | ApplicationTask) => process.send?.('links' in task ? checkApplication(task) : check(task)))
