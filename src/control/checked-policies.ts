/** What Cedar's validator said of texts, kept for a while: who proposes, who signs and what is published all go by one check of the same bytes. */
import { createHash } from 'node:crypto'
import type { Rules } from '../decision/rules.ts'
import type { SourceProblem } from '../kernel/source-problems.ts'
import type { ParsedPolicy, PolicyFile } from '../model/policies.ts'
import type { PolicyChecker } from './policy-checking.ts'

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

export type PoliciesChecked = Sound | { readonly problems: readonly SourceProblem[] }

/** Of so many sets at a time: those that wait for people, most often one. */
const keptMax = 4
/** Characters of their texts together. Compiled they take some twenty times as much memory. */
const keptTextMax = 2_000_000

interface Kept {
  readonly checked: Promise<PoliciesChecked>
  readonly length: number
}

/** By the digest of all that was checked; the one asked for last stands last. */
const kept = new WeakMap<PolicyChecker, Map<string, Kept>>()

/**
 * What `check` answers, and of the same texts, schema and names what it answered before. Only what was found sound is kept: a fault, and a
 * validator that broke off, is asked about again.
 */
export async function checkedOnce(
  checker: PolicyChecker,
  texts: PolicyTexts,
  check: (texts: PolicyTexts) => Promise<PoliciesChecked>,
): Promise<PoliciesChecked> {
  const sets = kept.get(checker) ?? new Map<string, Kept>()
  kept.set(checker, sets)
  const digest = digestOfTexts(texts)
  const known = sets.get(digest)
  sets.delete(digest)
  const length = texts.schema.length + texts.files.reduce((sum, { text }) => sum + text.length, 0)
  const asked = known ?? { checked: check(texts), length }
  sets.set(digest, asked)
  shorten(sets)
  const forget = () => {
    if (sets.get(digest) === asked) sets.delete(digest)
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

/** Those asked for longest ago go; the newest stays, whatever its size. */
function shorten(sets: Map<string, Kept>): void {
  let length = 0
  for (const each of sets.values()) length += each.length
  for (const [digest, each] of sets) {
    if (sets.size === 1 || (sets.size <= keptMax && length <= keptTextMax)) return
    sets.delete(digest)
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
