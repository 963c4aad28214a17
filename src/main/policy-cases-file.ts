/** Reads a file of policy cases strictly, in YAML or JSON: every fault with its line and column, and the nearest known name. */
import { isMap, isNode, isScalar, LineCounter, type Document, type Node, parseDocument } from 'yaml'
import type { z } from 'zod'
import { nearestName, type SourceProblem } from '../kernel/source-problems.ts'
import { membersAt, type PolicyCases, policyCases } from './policy-cases-shape.ts'
import { strictYaml } from '../cli/configuration-file.ts'

export type CasePath = readonly PropertyKey[]

export interface CasesFile {
  readonly path: string
  /** Absent where there are problems. */
  readonly cases?: PolicyCases
  readonly problems: readonly SourceProblem[]
  /** A problem at a place of the document, or at the nearest one above it that is there. */
  problemAt(path: CasePath, message: string, remedy: string): SourceProblem
  /** The value there with its whole numbers exact: a bigint where a number would not be. */
  exactAt(path: CasePath): unknown
}

const aliasesMax = 100

/** `unread` is why there is no text. */
export function readCasesFile(path: string, text: string, unread?: { readonly message: string; readonly remedy: string }): CasesFile {
  const lines = new LineCounter()
  const yaml = parseDocument(text, { ...strictYaml, lineCounter: lines, intAsBigInt: true })
  const at = (offset: number, message: string, remedy: string): SourceProblem => {
    const { line, col } = lines.linePos(offset)
    return { file: path, line: Math.max(1, line), column: Math.max(1, col), message, remedy }
  }
  const problemAt = (place: CasePath, message: string, remedy: string) => at(offsetOf(yaml, place), message, remedy)
  const read = { path, problemAt, exactAt: () => undefined }
  if (unread !== undefined) return { ...read, problems: [problemAt([], unread.message, unread.remedy)] }
  const faults = [...yaml.errors, ...yaml.warnings]
  if (faults.length > 0)
    return {
      ...read,
      problems: faults.map(({ message, pos, code }) => at(pos[0], yamlWords(code, message), 'write it as YAML 1.2 or JSON')),
    }
  const plain = plainOf(yaml)
  if (plain === undefined) return { ...read, problems: [problemAt([], 'aliases go round in circles', 'write it without aliases')] }
  const parsed = policyCases.safeParse(asNumbers(plain.value))
  if (!parsed.success) return { ...read, problems: parsed.error.issues.flatMap((issue) => problemsOf(issue, plain.value, problemAt)) }
  const cases = parsed.data
  const problems = cases.cases.flatMap(({ ask, act }, index) => {
    if ((ask === undefined) !== (act === undefined)) return []
    const message = ask === undefined ? 'this case neither asks nor acts' : 'this case both asks and acts'
    return [problemAt(['cases', index], message, 'write one of ask and act')]
  })
  return { ...read, cases, problems, exactAt: (place) => valueAt(plain.value, place) }
}

function yamlWords(code: string, message: string): string {
  return code === 'DUPLICATE_KEY' ? 'this field stands twice' : message
}

function plainOf(yaml: Document.Parsed): { readonly value: unknown } | undefined {
  try {
    return { value: yaml.toJS({ maxAliasCount: aliasesMax }) }
  } catch {
    return undefined
  }
}

function asNumbers(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(asNumbers)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]: [string, unknown]) => [name, asNumbers(each)]))
}

function valueAt(value: unknown, path: CasePath): unknown {
  return path.reduce<unknown>((at, step) => {
    if (typeof at !== 'object' || at === null) return undefined
    return Object.entries(at).find(([name]) => name === String(step))?.[1]
  }, value)
}

/** Where it begins: a field by its name, which is what a person looks for; an item of a list by itself. */
function offsetOf(yaml: Document.Parsed, path: CasePath): number {
  for (let length = path.length; length > 0; length -= 1) {
    const range = nodeAt(yaml, path.slice(0, length))?.range
    if (range) return range[0]
  }
  return yaml.contents?.range[0] ?? 0
}

function nodeAt(yaml: Document.Parsed, path: CasePath): Node | undefined {
  const last = path.at(-1)
  const parent = path.length === 1 ? yaml.contents : yaml.getIn(path.slice(0, -1), true)
  const field = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(last)) : undefined
  const node: unknown = field?.key ?? yaml.getIn(path, true)
  return isNode(node) ? node : undefined
}

type ProblemAt = CasesFile['problemAt']

function problemsOf(issue: z.core.$ZodIssue, document: unknown, problemAt: ProblemAt): SourceProblem[] {
  const { path } = issue
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const known = membersAt(path)
        const near = nearestName(key, known)
        const remedy = near === undefined ? `known are ${known.join(', ')}` : `did you mean "${near}"?`
        return problemAt([...path, key], `"${key.slice(0, 60)}" is not known here`, remedy)
      })
    case 'invalid_value':
      return [wrongValue(issue, valueAt(document, path), problemAt)]
    case 'invalid_type':
      if (valueAt(document, path) === undefined && path.length > 0)
        return [problemAt(path, `${String(path.at(-1))} is missing`, `write it: ${kindWords(issue.expected)}`)]
      return [problemAt(path, `this should be ${kindWords(issue.expected)}`, `write ${kindWords(issue.expected)}`)]
    case 'invalid_union':
      return [problemAt(path, 'this is no value of an argument', 'write text, a number, true or false, or a list of texts')]
    case 'invalid_format':
      return [problemAt(path, 'this is not written as it is taken here', formatWords(issue.pattern))]
    case 'invalid_key':
      return [problemAt(path, `"${String(path.at(-1)).slice(0, 60)}" is no name`, 'write a name of at most 128 characters')]
    default:
      return [problemAt(path, lowercase(issue.message), 'write what is taken here; remit policy test --schema prints it')]
  }
}

function wrongValue(issue: z.core.$ZodIssueInvalidValue, written: unknown, problemAt: ProblemAt): SourceProblem {
  const known = issue.values.map(String)
  const takes = known.length === 1 ? `write ${known[0] ?? ''}` : `write one of ${known.join(', ')}`
  if (written === undefined) return problemAt(issue.path, `${String(issue.path.at(-1))} is missing`, takes)
  const near = typeof written === 'string' ? nearestName(written, known) : undefined
  return problemAt(
    issue.path,
    `${shortly(written)} is none of what this takes`,
    near === undefined ? takes : `did you mean "${near}"? ${takes}`,
  )
}

function shortly(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
    ? `"${String(value).slice(0, 60)}"`
    : 'this'
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping of names to values',
  record: 'a mapping of names to values',
}

function kindWords(expected: string): string {
  return kinds[expected] ?? expected
}

function formatWords(pattern: string | undefined): string {
  return pattern?.includes('T') === true ? 'an instant in UTC, such as 2030-01-02T15:04:05Z' : 'a length of time, such as 90s, 30m or 2h'
}

function lowercase(message: string): string {
  return `${message.slice(0, 1).toLowerCase()}${message.slice(1)}`
}
