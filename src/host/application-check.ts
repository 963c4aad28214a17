/** What an application brings, made ready for Cedar's own validator, and the validator's answer read back. */
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts'
import { parsePlainJson } from '../kernel/parse-plain-json.ts'
import type { SourceProblem } from '../kernel/source-problems.ts'
import { hasSlot, placeIn, type PolicySlice, type PolicyText, schemaFlaw, slicePolicies } from './policy-text.ts'
import type { ApplicationTask, CedarFinding, CheckAnswer } from './policy-worker.ts'

interface EntityName {
  readonly type: string
  readonly id: string
}

/** A template made a policy. */
export interface LinkText {
  readonly id: string
  readonly template: string
  readonly principal?: EntityName
  readonly resource?: EntityName
}

export interface ApplicationTexts {
  readonly schema: PolicyText
  readonly files: readonly PolicyText[]
  readonly links: readonly LinkText[]
  /** The file of the links. */
  readonly linksName: string
}

/** A static policy or a template that Cedar accepts. */
export interface CheckedPart {
  /** Its `@id`, or file and place in it. */
  readonly id: string
  readonly isTemplate: boolean
  readonly file: string
  readonly line: number
  readonly text: string
  readonly json: JsonObject
}

export interface CheckedApplication {
  readonly schema: JsonObject
  readonly policies: readonly CheckedPart[]
}

interface Problems {
  readonly problems: readonly SourceProblem[]
}

// A chain of 256 terms is some 1,000 levels deep in JSON.
const answerDepthMax = 8_000
const answerBytesMax = 64_000_000
/** No deeper than the platform's parser is asked for it; hardly any policy is. */
const plainDepthMax = 256
const schemaDepthMax = 128

/** The JSON in the text of one of Cedar's answers, integers without loss. What was accepted always has it. */
export function jsonOfAnswer(text: string | undefined): JsonObject {
  const answer = parseJson(text ?? '', { depthMax: answerDepthMax, bytesMax: answerBytesMax })
  return jsonIn(answer.ok ? answer.value : undefined)
}

/**
 * The same of one of Remit's policies, in objects that share their shapes wherever the platform's parser can be asked: a fifth of the memory,
 * all of which whoever collects garbage would have to carry.
 */
export function policyOfAnswer(text: string | undefined): JsonObject {
  const plain = text === undefined ? undefined : parsePlainJson(text, plainDepthMax)
  return plain === undefined ? jsonOfAnswer(text) : jsonIn(plain)
}

function jsonIn(answer: JsonValue | undefined): JsonObject {
  const json = isJsonObject(answer) ? answer['json'] : undefined
  // Were this to change in Cedar, nothing may be taken for granted.
  if (!isJsonObject(json)) throw new Error('Cedar answered something else than JSON')
  return json
}

/** Cuts the files and holds everything against the limits that keep Cedar's parser alive. */
export function applicationTask(
  texts: ApplicationTexts,
): { readonly task: ApplicationTask; readonly slices: readonly PolicySlice[] } | Problems {
  const { schema, files, links } = texts
  const isJson = schema.text.trimStart().startsWith('{')
  const flaw = schemaFlaw(schema) ?? (isJson ? jsonFlaw(schema) : undefined)
  if (flaw !== undefined) return { problems: [{ file: schema.name, line: 1, column: 1, ...flaw }] }
  const { slices, problems } = slicePolicies(files)
  if (problems.length > 0) return { problems }
  const ids = placedIds(slices)
  return {
    slices,
    task: {
      schema: schema.text,
      isJson,
      policies: slices.map((slice, place) => ({ text: slice.text, id: ids[place] ?? '', isTemplate: hasSlot(slice) })),
      links: links.map(({ id, template, principal, resource }) => ({
        newId: id,
        templateId: template,
        values: {
          ...(principal === undefined ? {} : { '?principal': principal }),
          ...(resource === undefined ? {} : { '?resource': resource }),
        },
      })),
    },
  }
}

function jsonFlaw({ text }: PolicyText): Pick<SourceProblem, 'message' | 'remedy'> | undefined {
  const read = parseJson(text, { depthMax: schemaDepthMax })
  if (read.ok) return undefined
  return {
    message: `this is not valid JSON: ${read.refusal.detail ?? ''}`,
    remedy: 'write the schema as JSON, or in the Cedar schema language',
  }
}

/** For those without `@id`: the file and the place in it. */
function placedIds(slices: readonly PolicySlice[]): readonly string[] {
  const counted = new Map<string, number>()
  return slices.map(({ file }) => {
    const place = (counted.get(file) ?? 0) + 1
    counted.set(file, place)
    return `${file}#${place}`
  })
}

interface Answered {
  readonly texts: ApplicationTexts
  readonly slices: readonly PolicySlice[]
  readonly answer: CheckAnswer
  /** Those of policies. */
  readonly problems: readonly SourceProblem[]
}

/** Every part of it with its id, or what is wrong with schema, policies, links and ids. */
export function readApplication({ texts, slices, answer, problems }: Answered): CheckedApplication | Problems {
  const others = answer.findings.flatMap((finding) => (finding.policy === undefined ? [problemElsewhere(finding, texts)] : []))
  if (problems.length + others.length > 0) return { problems: [...others, ...problems] }
  const ids = placedIds(slices)
  const policies = slices.map((slice, place): CheckedPart => {
    const json = jsonOfAnswer(answer.json[place])
    const { file, line, text } = slice
    return { id: idIn(json) ?? ids[place] ?? '', isTemplate: hasSlot(slice), file, line, text, json }
  })
  const twice = usedTwice(policies, texts)
  return twice.length > 0 ? { problems: twice } : { schema: jsonOfAnswer(answer.schema), policies }
}

function problemElsewhere(finding: CedarFinding, { schema, links, linksName }: ApplicationTexts): SourceProblem {
  const { link, message, help, byteOffset } = finding
  if (link !== undefined)
    return {
      file: linksName,
      line: 1,
      column: 1,
      message: `/${link} (${links[link]?.id ?? ''}): ${message}`,
      remedy: help ?? 'mend this link',
    }
  const slice = { file: schema.name, line: 1, column: 1, text: schema.text }
  return { file: schema.name, ...placeIn(slice, byteOffset), message, remedy: help ?? 'mend the schema here' }
}

function idIn({ annotations }: JsonObject): string | undefined {
  const id = isJsonObject(annotations) ? annotations['id'] : undefined
  return typeof id === 'string' && id !== '' ? id : undefined
}

function usedTwice(policies: readonly CheckedPart[], { links, linksName }: ApplicationTexts): readonly SourceProblem[] {
  const seen = new Map<string, string>()
  const problems: SourceProblem[] = []
  const take = (id: string, at: { readonly file: string; readonly line: number }, where: string) => {
    const before = seen.get(id)
    if (before !== undefined)
      problems.push({
        ...at,
        column: 1,
        message: `the id "${id}" is used already, ${before}`,
        remedy: 'give each policy, template and link an id of its own',
      })
    else seen.set(id, where)
  }
  for (const { id, file, line } of policies) take(id, { file, line }, `${file}:${line}`)
  for (const [place, { id }] of links.entries()) take(id, { file: linksName, line: 1 }, `${linksName} /${place}`)
  return problems
}
