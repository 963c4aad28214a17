/** What Cedar's validator said of texts, kept for a while: who proposes, who signs and what is published all go by one check of the same bytes. */
import { createHash } from 'node:crypto'
import type { Rules } from '../decision/rules.ts'
import { canonicalJson } from '../kernel/json.ts'
import type { ParsedPolicy, PolicyFile } from '../model/policies.ts'
import type { ApplicationTexts, CheckedApplication, PolicyChecker, Problems } from './policy-checking.ts'

/** What policies are checked against. */
export interface PolicyTexts {
  readonly files: readonly PolicyFile[]
  readonly schema: string
  /** Entity types of which every id is known. */
  readonly known: ReadonlyMap<string, ReadonlySet<string>>
}

export interface Sound {
  readonly policies: readonly ParsedPolicy[]
  readonly rules: Rules
}

export type PoliciesChecked = Sound | Problems

/** Of so many sets at a time: those that wait for people, most often one. */
const keptMax = 4
/** Characters of their texts together. Compiled they take some twenty times as much memory. */
const keptTextMax = 2_000_000

interface Kept<T> {
  readonly checked: Promise<T>
  readonly length: number
}

/** By the digest of all that was checked; the one asked for last stands last. */
type Checks<T> = Map<string, Kept<T>>

const ofPolicies = new WeakMap<PolicyChecker, Checks<PoliciesChecked>>()
const ofApplications = new WeakMap<PolicyChecker, Checks<CheckedApplication | Problems>>()

/**
 * What `check` answers, and of the same texts, schema and names what it answered before. Only what was found sound is kept: a fault, and a
 * validator that broke off, is asked about again.
 */
export function checkedOnce(
  checker: PolicyChecker,
  texts: PolicyTexts,
  check: (texts: PolicyTexts) => Promise<PoliciesChecked>,
): Promise<PoliciesChecked> {
  const length = texts.schema.length + lengthOf(texts.files)
  return once(ofPolicies, checker, { digest: digestOfTexts(texts), length, check: () => check(texts) })
}

/**
 * As `checkedOnce`, of an application: what the validator says of it. `version` is over all it brings, but for the folders of its files,
 * which are named with what is found in them.
 */
export function checkedApplicationOnce(
  checker: PolicyChecker,
  texts: ApplicationTexts,
  version: string,
): Promise<CheckedApplication | Problems> {
  const { schema, files, linksName } = texts
  const digest = canonicalJson([version, schema.name, linksName, ...files.map(({ name }) => name)])
  return once(ofApplications, checker, { digest, length: lengthOf([schema, ...files]), check: () => checker.checkApplication(texts) })
}

interface Asking<T> {
  readonly digest: string
  readonly length: number
  readonly check: () => Promise<T>
}

async function once<T extends object>(
  all: WeakMap<PolicyChecker, Checks<T>>,
  checker: PolicyChecker,
  { digest, length, check }: Asking<T>,
): Promise<T> {
  const checks: Checks<T> = all.get(checker) ?? new Map()
  all.set(checker, checks)
  const asked = checks.get(digest) ?? { checked: check(), length }
  checks.delete(digest)
  checks.set(digest, asked)
  shorten(checks)
  const forget = () => {
    if (checks.get(digest) === asked) checks.delete(digest)
  }
  try {
    const checked = await asked.checked
    if ('problems' in checked) forget()
    return checked
  } catch (thrown) {
    forget()
    throw thrown
  }
}

function lengthOf(files: readonly PolicyFile[]): number {
  return files.reduce((sum, { text }) => sum + text.length, 0)
}

/** Those asked for longest ago go; the newest stays, whatever its size. */
function shorten(checks: Checks<unknown>): void {
  let length = 0
  for (const each of checks.values()) length += each.length
  for (const [digest, each] of checks) {
    if (checks.size === 1 || (checks.size <= keptMax && length <= keptTextMax)) return
    checks.delete(digest)
    length -= each.length
  }
}

/** Over every text in its order, each measured, so that none can slide from one place into the next. */
function digestOfTexts({ files, schema, known }: PolicyTexts): string {
  const hash = createHash('sha256')
  const add = (text: string) => hash.update(`${Buffer.byteLength(text)}:`).update(text)
  add(schema)
  hash.update(`${files.length};`)
  for (const { name, text } of files) {
    add(name)
    add(text)
  }
  for (const [type, ids] of known) {
    hash.update(`${ids.size};`)
    add(type)
    // Their order says nothing, and which facts they were gathered from decides it.
    for (const id of [...ids].toSorted()) add(id)
  }
  return hash.digest('hex')
}
