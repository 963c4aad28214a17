/** Policy templates: one policy with open places in its scope, compiled once and linked to many entities. */
import type { Result } from '../../kernel/result.ts'
import { CommonParts } from './common-parts.ts'
import { type CompiledPolicy, joinParts, naming, type PolicySource, readParts } from './policies.ts'
import { type Fill, type Slot, slotsOf } from './scopes.ts'
import { Unsupported } from './policy-json.ts'

export interface CompiledTemplate {
  /** Its `@id`, or the id that its source gave. */
  readonly id: string
  /** Those that a link must fill: at least one. */
  readonly slots: readonly Slot[]
  /** The policy that results, with the template's annotations. Refuses `policy.invalid` unless exactly the slots are filled. */
  link(id: string, values: Fill): Result<CompiledPolicy>
}

/** Compiles what the checker let through: `json` is what cedar-wasm's `templateToJson` gives. Refuses as `compilePolicy` does. */
export function compileTemplate(source: PolicySource, common = new CommonParts()): Result<CompiledTemplate> {
  return naming(source, () => {
    const parts = readParts(source, common)
    const slots = slotsOf(parts.json)
    if (slots.length === 0) throw new Unsupported('a template without slots')
    const link = (id: string, fill: Fill) => naming(source, () => joinParts(source, parts, { id, fill }))
    return { id: parts.id, slots, link }
  })
}
