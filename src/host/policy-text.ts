/** Policy files cut into policies, and the limits that keep a policy from killing Cedar's parser; aware of strings and comments. */
import { atOnce } from '../kernel/in-turns.ts'
import type { SourceProblem } from '../kernel/source-problems.ts'

export interface PolicyText {
  readonly name: string
  readonly text: string
}

/** One policy of a file, from its first annotation or word to its semicolon. */
export interface PolicySlice {
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  /** Counted from 1, in characters. */
  readonly column: number
  readonly text: string
}

/** What Cedar's parser is known to bear, with room to spare. */
export const policyLimits = {
  fileBytesMax: 1_000_000,
  policyBytesMax: 10_000,
  nestingMax: 64,
  termsMax: 256,
  filesMax: 1_000,
  policiesMax: 10_000,
  schemaBytesMax: 500_000,
} as const

export interface SlicedPolicies {
  readonly slices: readonly PolicySlice[]
  readonly problems: readonly SourceProblem[]
}

/** Cuts the files at the semicolons between policies. What is too large, too deep or too long is a problem, and not handed on. */
export function slicePolicies(files: readonly PolicyText[]): SlicedPolicies {
  return atOnce(cuttingPolicies(files))
}

/** `slicePolicies` in steps, one for each policy: whoever cuts a thousand of them lets others have their turn in between. */
export function* cuttingPolicies(files: readonly PolicyText[]): Generator<undefined, SlicedPolicies> {
  const slices: PolicySlice[] = []
  const problems: SourceProblem[] = []
  if (files.length > policyLimits.filesMax) {
    return {
      slices,
      problems: [{ file: '', line: 1, column: 1, message: `more than ${policyLimits.filesMax} policy files`, remedy: 'join some of them' }],
    }
  }
  for (const file of files) {
    if (Buffer.byteLength(file.text) > policyLimits.fileBytesMax) {
      problems.push({
        file: file.name,
        line: 1,
        column: 1,
        message: `the file is larger than ${policyLimits.fileBytesMax} bytes`,
        remedy: 'split it',
      })
      continue
    }
    for (const slice of sliceFile(file)) {
      yield
      const flaw = flawOf(slice)
      if (flaw === undefined) slices.push(slice)
      else problems.push({ file: slice.file, line: slice.line, column: slice.column, ...flaw })
    }
  }
  const beyond = slices[policyLimits.policiesMax]
  if (beyond !== undefined) {
    const { file, line, column } = beyond
    problems.push({
      file,
      line,
      column,
      message: `more than ${policyLimits.policiesMax} policies`,
      remedy: 'join those that differ in one name',
    })
    slices.length = policyLimits.policiesMax
  }
  return { slices, problems }
}

/** Line and column, counted from 1 within the file, of a byte offset within a policy. */
export function placeIn(slice: PolicySlice, byteOffset: number): { readonly line: number; readonly column: number } {
  const before = Buffer.from(slice.text).subarray(0, byteOffset).toString('utf8').split('\n')
  const last = before.at(-1) ?? ''
  return { line: slice.line + before.length - 1, column: before.length === 1 ? slice.column + last.length : last.length + 1 }
}

/** Strings and comments whole, so that nothing inside them counts; then words, operators of two characters, and single characters. */
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"?|\/\/[^\n]*|\s+|[A-Za-z_][A-Za-z0-9_]*|&&|\|\||::|[=!<>]=|./gsu

/** Where the token ends that begins here: each begins where the one before it ends. Only asked whether it matches, a pattern makes no garbage. */
function endOfToken(text: string, from: number): number {
  tokens.lastIndex = from
  return tokens.test(text) ? tokens.lastIndex : text.length
}

/** Where a policy begins. */
interface Start {
  readonly at: number
  readonly line: number
  readonly column: number
}

function* sliceFile(file: PolicyText): Generator<PolicySlice> {
  let start: Start | undefined
  let end = 0
  let line = 1
  let lineStart = 0
  const ended = ({ at, ...place }: Start): PolicySlice => ({ file: file.name, ...place, text: file.text.slice(at, end) })
  const { text } = file
  let lineEnd = text.indexOf('\n')
  for (let index = 0, after = 0; index < text.length; index = after) {
    after = endOfToken(text, index)
    if (!isBlank(text, index)) {
      start ??= { at: index, line, column: index - lineStart + 1 }
      end = after
      if (text[index] === ';') {
        yield ended(start)
        start = undefined
      }
    }
    while (lineEnd >= 0 && lineEnd < after) {
      line += 1
      lineStart = lineEnd + 1
      lineEnd = text.indexOf('\n', lineStart)
    }
  }
  if (start !== undefined) yield ended(start)
}

function flawOf(slice: PolicySlice): Pick<SourceProblem, 'message' | 'remedy'> | undefined {
  if (Buffer.byteLength(slice.text) > policyLimits.policyBytesMax) {
    return {
      message: `the policy is larger than ${policyLimits.policyBytesMax} bytes`,
      remedy: 'split it, or end the policy before this with ;',
    }
  }
  // Half of a character breaks Cedar's parser: it cannot be said in UTF-8.
  if (!slice.text.isWellFormed() || slice.text.includes('\0'))
    return { message: 'the policy has a character that is no text', remedy: 'write it again: most often a file was cut or badly converted' }
  const open: Chains[] = [{ connectives: 0, sums: 0, steps: 0, ifs: 0 }]
  const { text } = slice
  for (let from = 0, to = 0; from < text.length; from = to) {
    to = endOfToken(text, from)
    const chains = open.at(-1)
    if (chains === undefined || isBlank(text, from)) continue
    const token = operatorAt(text, from, to)
    if (isLonger(chains, token))
      return { message: `a chain has more than ${policyLimits.termsMax} terms`, remedy: 'use a set and contains, or several policies' }
    if (isOpening(token)) {
      open.push({ connectives: 0, sums: 0, steps: 0, ifs: 0 })
      if (open.length > policyLimits.nestingMax + 1)
        return { message: `brackets are nested deeper than ${policyLimits.nestingMax}`, remedy: 'write it flatter' }
    } else if (isClosing(token) && open.length > 1) {
      open.pop()
    }
  }
  return undefined
}

/** How long each kind of chain has become since a bracket opened, or since its last comma. */
interface Chains {
  connectives: number
  sums: number
  /** `a.b.c` and `a[b][c]`. */
  steps: number
  ifs: number
}

/** Counts this token in; whether a chain is longer now than it may be. */
function isLonger(chains: Chains, token: string): boolean {
  switch (token) {
    case ',':
      Object.assign(chains, { connectives: 0, sums: 0, steps: 0, ifs: 0 })
      return false
    case '&&':
    case '||':
      Object.assign(chains, { sums: 0, steps: 0 })
      chains.connectives += 1
      return chains.connectives >= policyLimits.termsMax
    case '+':
    case '-':
    case '*':
      chains.steps = 0
      chains.sums += 1
      return chains.sums >= policyLimits.termsMax
    case '.':
    case '[':
      chains.steps += 1
      return chains.steps >= policyLimits.termsMax
    case 'if':
      chains.ifs += 1
      return chains.ifs >= policyLimits.termsMax
    default:
      return false
  }
}

/** Whether it has a slot, `?principal` or `?resource`, outside strings and comments: then it is a template. */
export function hasSlot({ text }: PolicySlice): boolean {
  let before = ''
  for (let from = 0, to = 0; from < text.length; from = to) {
    to = endOfToken(text, from)
    const token = text.slice(from, to)
    if (before === '?' && (token === 'principal' || token === 'resource')) return true
    before = token
  }
  return false
}

/** How deep the brackets of a schema may be nested, `<` of its sets among them; undefined where they are not too deep. */
export function schemaFlaw({ text }: PolicyText): Pick<SourceProblem, 'message' | 'remedy'> | undefined {
  if (Buffer.byteLength(text) > policyLimits.schemaBytesMax)
    return { message: `the schema is larger than ${policyLimits.schemaBytesMax} bytes`, remedy: 'leave out what no policy looks at' }
  let depth = 0
  for (let from = 0, to = 0; from < text.length; from = to) {
    to = endOfToken(text, from)
    const token = operatorAt(text, from, to)
    if (isOpening(token) || token === '<') depth += 1
    else if (isClosing(token) || token === '>') depth = Math.max(0, depth - 1)
    if (depth > policyLimits.nestingMax)
      return { message: `brackets are nested deeper than ${policyLimits.nestingMax}`, remedy: 'name the inner types with type' }
  }
  return undefined
}

function isOpening(token: string): boolean {
  return token === '(' || token === '[' || token === '{'
}

function isClosing(token: string): boolean {
  return token === ')' || token === ']' || token === '}'
}

/** Whether white space or a comment begins here. */
function isBlank(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  if (code > 0x20 && code < 0x7f) return code === 0x2f && text.charCodeAt(at + 1) === 0x2f
  return text.charAt(at).trim() === ''
}

/** The token, if it is short enough to be one that counts. */
function operatorAt(text: string, from: number, to: number): string {
  return to - from > 2 ? '' : text.slice(from, to)
}
