/** Obligations in the shape of AuthZEN's draft profile (draft 1, July 2026): objects with a type and an id, all of them mandatory. */
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import { namesOf, type Obligations } from '../model/obligations.ts'
import type { CompiledPolicy } from '../decision/cedar/policies.ts'

export interface AccessObligation {
  readonly type: string
  readonly id: string
  readonly [member: string]: unknown
}

/** Types of the draft's registry. What Remit's own duties and plain words of an application say are `custom`. */
export const obligationTypes = ['step-up', 'notification', 'session_termination', 'custom'] as const

/** Whoever enforces the answer does these; at Remit's own gateways they are done anyway. */
export function describeOwnObligations(obligations: Obligations): readonly AccessObligation[] {
  return namesOf(obligations).map((name) => ({
    type: 'custom',
    id: `remit-${name}`,
    vendor: 'remit',
    duty: name,
    value: obligations[name],
  }))
}

/** What `@obligation` of a policy says; `undefined` where it cannot be read, which is a no. */
export type ReadObligation = { readonly isReadable: true; readonly obligation: AccessObligation } | { readonly isReadable: false }

const known = new WeakMap<CompiledPolicy, ReadObligation | null>()

/** `null` for a policy without one. Read once: policies never change. */
export function obligationOf(policy: CompiledPolicy): ReadObligation | null {
  const found = known.get(policy)
  if (found !== undefined) return found
  const text = policy.annotations.get('obligation')
  const read = text === undefined ? null : readObligation(policy.id, text)
  known.set(policy, read)
  return read
}

/** Whether an application may be published with it: one that cannot be read would turn every yes of its policy into a no. */
export function isReadableObligation(text: string): boolean {
  return readObligation('', text).isReadable
}

/** What one must look like, for whoever wrote another. */
export const obligationTakes =
  'write words, or JSON {"type": "notification", "to": …, "body": …}; types are step-up (acr_value), notification (to, body), session_termination (subject) and custom'

const requiredMembers: Readonly<Record<string, readonly string[]>> = {
  'step-up': ['acr_value'],
  notification: ['to', 'body'],
  session_termination: ['subject'],
  custom: [],
}

/** An object of the draft's with its type, in JSON; or words, for an enforcement point that knows what they mean. */
function readObligation(id: string, text: string): ReadObligation {
  if (!text.trimStart().startsWith('{')) {
    const words = text.trim()
    return words === '' ? { isReadable: false } : { isReadable: true, obligation: { type: 'custom', id, obligation: words } }
  }
  const read = parseJson(text, { bytesMax: 10_000, depthMax: 16 })
  if (!read.ok || !isJsonObject(read.value)) return { isReadable: false }
  const type = typeOf(read.value)
  return type === undefined ? { isReadable: false } : { isReadable: true, obligation: { ...read.value, type, id } }
}

/** One of the draft's, with what that type requires; ids are ours to give. */
function typeOf(json: JsonObject): string | undefined {
  const { type } = json
  if (typeof type !== 'string' || json['id'] !== undefined || !Object.hasOwn(requiredMembers, type)) return undefined
  return requiredMembers[type]?.every((member) => typeof json[member] === 'string') === true ? type : undefined
}

/** Which of these somebody who says what they can do cannot. Types that are none of ours were never said. */
export function unsupported(obligations: readonly AccessObligation[], declared: unknown): readonly string[] {
  if (!Array.isArray(declared)) return []
  return obligations.filter(({ type }) => !declared.includes(type)).map(({ id }) => id)
}
