/** What takes long to make of facts, made before they are applied and in slices: applying them is then a look-up, and stalls nobody. */
import type { EntityStore } from '../decision/cedar/entities.ts'
import { readingRules, type RulesRead, type RulesInput } from '../decision/rules.ts'
import { warmingUp } from '../decision/warm-up.ts'
import { keepText, writingJson } from '../kernel/long-json.ts'
import type { FactChange } from '../model/records.ts'
import type { PolicySet } from '../model/policies.ts'
import { prepareApplication } from './known-applications.ts'
import type { Clock } from './ports.ts'
import { Slices } from './slices.ts'

/** As short as may be: actions wait for it. */
const sliceMs = 2

export interface Preparing {
  readonly clock: Pick<Clock, 'now' | 'after' | 'turn'>
  /** As they are now, for the warm-up. */
  readonly entities: EntityStore
  /** Gateways elsewhere are told what was applied, in the same turn. */
  readonly isSaidOn?: boolean
}

/** Whether applying this takes long unless it was prepared. */
export function needsPreparing(change: FactChange): boolean {
  return (change.kind === 'policySet' || change.kind === 'application') && 'record' in change
}

/** Whatever of these takes long. A set that cannot be read is left to whoever applies it. */
export async function prepareChanges(changes: readonly FactChange[], at: Preparing): Promise<void> {
  for (const change of changes) {
    if (change.kind === 'policySet' && 'record' in change) {
      await preparePolicies(change.record, at)
      if (at.isSaidOn === true) keepText(change.record, await new Slices(at.clock, sliceMs, 'awaited').through(writingJson(change.record)))
    }
    if (change.kind === 'application' && 'record' in change && change.record.removedAt === undefined)
      await prepareApplication(change.record, new Slices(at.clock, sliceMs, 'awaited'))
  }
}

export async function preparePolicies({ parsed, files }: Pick<PolicySet, 'parsed' | 'files'>, at: Preparing): Promise<void> {
  await readWarm({ policies: parsed, files, schema: '' }, at)
}

/** Rules read in slices, and asked before anybody is served by them. */
export async function readWarm(input: RulesInput, { clock, entities }: Preparing): Promise<RulesRead> {
  const slices = new Slices(clock, sliceMs, 'awaited')
  const read = await slices.through(readingRules(input))
  if (read.ok) await slices.through(warmingUp(read.rules, entities))
  return read
}
