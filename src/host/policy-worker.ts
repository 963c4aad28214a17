/** The process in which Cedar's parser and validator run: a policy that breaks them breaks this process, and nothing else. */
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'

export interface CheckTask {
  readonly policies: readonly string[]
  readonly schema: string
}

/** Something that Cedar says about one policy, or about the schema where `policy` is absent. */
export interface CedarFinding {
  readonly policy: number | undefined
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

function placeOf(policyId: string): number {
  return Number(policyId.slice('policy'.length))
}

function findingOf(policy: number | undefined, kind: CedarFinding['kind'], error: cedar.DetailedError): CedarFinding {
  return { policy, kind, message: error.message, help: error.help ?? undefined, byteOffset: error.sourceLocations?.[0]?.start ?? 0 }
}

if (process.send === undefined) throw new Error('this file is the entry of a process that was forked')
// A trap of the module is thrown out of here on purpose: it ends the process, and with it the module that no longer works.
process.on('message', (task: CheckTask) => process.send?.(check(task)))
