/** What stands behind a challenge that a person signs: written canonically, read back exactly, and nothing else is read. */
import { canonicalJson, isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { isSubjectId, type Narrowing, type SubjectId } from '../model/grants.ts'

/** The signature is over the SHA-256 of its canonical form. */
export interface Statement {
  readonly subject: SubjectId
  /** The digest of what was shown. */
  readonly digest: string
  readonly decision: 'approve' | 'deny'
  readonly narrowing: Narrowing
  readonly person: string
  readonly nonce: string
}

export function writeStatement(statement: Statement, space: string): string {
  const { narrowing, ...rest } = statement
  return canonicalJson({ v: 1, purpose: 'approve', space, ...rest, narrowing: canonicalJson(narrowing) })
}

/** Refuses `approval.signature` on anything that `writeStatement` did not write. */
export function parseStatement(text: string): Result<Statement> {
  const read = parseJson(text)
  if (!read.ok || !isJsonObject(read.value)) return refuse('approval.signature')
  const { subject, digest, decision, narrowing, person, nonce } = read.value
  const isSubject = typeof subject === 'string' && isSubjectId(subject)
  const taken = typeof narrowing === 'string' ? parseNarrowing(narrowing) : undefined
  if (!isSubject || taken === undefined || (decision !== 'approve' && decision !== 'deny')) return refuse('approval.signature')
  if (typeof digest !== 'string' || typeof person !== 'string' || typeof nonce !== 'string') return refuse('approval.signature')
  return done({ subject, digest, decision, narrowing: taken, person, nonce })
}

function parseNarrowing(text: string): Narrowing | undefined {
  const read = parseJson(text)
  if (!read.ok || !isJsonObject(read.value)) return undefined
  const { duration, lines, uses, sums, rates, where } = read.value
  const numbers = Array.isArray(lines) ? lines.filter((line): line is number => typeof line === 'number') : undefined
  return {
    ...(typeof duration === 'number' ? { duration } : {}),
    ...(numbers === undefined ? {} : { lines: numbers }),
    ...(isJsonObject(uses) ? { uses: parseByLine(uses) } : {}),
    ...(isJsonObject(sums) ? { sums: parseByLine(sums) } : {}),
    ...(isJsonObject(rates) ? { rates: parseByLine(rates) } : {}),
    ...(isJsonObject(where) ? { where: parseTexts(where) } : {}),
  }
}

function parseByLine(limits: JsonObject): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(limits).filter((entry): entry is [string, number] => typeof entry[1] === 'number'))
}

function parseTexts(by: JsonObject): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(by).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}
