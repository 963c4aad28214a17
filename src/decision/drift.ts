/** Whether a tool is still what it was when it was granted: what its server says of it now against what the grant has pinned. */
import { type Action, resourceOf } from '../model/actions.ts'
import type { Grant, ToolPin } from '../model/grants.ts'
import type { Requirement } from '../model/requirements.ts'
import { uniteSelectors } from '../model/selector.ts'

/** What holds an action without any policy. The `@id` of a policy has no colon, so that none is called like these. */
export const driftHolds = {
  changed: 'remit:definition-changed',
  worse: 'remit:definition-worse',
} as const

export function pinOf({ tools }: Pick<Grant, 'tools'>, action: Pick<Action, 'service' | 'operation'>): ToolPin | undefined {
  const resource = resourceOf(action)
  return tools !== undefined && Object.hasOwn(tools, resource) ? tools[resource] : undefined
}

/** Why a person has to look at it: it is another one than is pinned, or its server says worse of it than was declared. In alphabetical order. */
export function driftOf(grant: Pick<Grant, 'tools'>, action: Action): readonly string[] {
  const { definition } = action
  if (definition === undefined) return none
  const pin = pinOf(grant, action)
  const isOther = pin !== undefined && pin.hash !== definition.hash
  const isNew = isOther || pin?.accepted !== true
  if (!isOther && definition.worse === undefined) return none
  return [...(isOther ? [driftHolds.changed] : []), ...(definition.worse !== undefined && isNew ? [driftHolds.worse] : [])]
}

const none: readonly string[] = []

/** At least one person, and no fewer and no others than the grant itself took: it was given for another tool. */
export function requirementOfDrift(asked: Requirement, { requirement }: Pick<Grant, 'requirement'>): Requirement {
  return {
    selector: uniteSelectors([asked.selector, requirement.selector]),
    personsMin: Math.max(1, asked.personsMin, requirement.personsMin),
  }
}
