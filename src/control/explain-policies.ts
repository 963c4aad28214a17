/** The policies of a recorded decision in words, with the values that made them speak: as they were written down, or as they are now. */
import { driftHolds } from '../decision/drift.ts'
import { whyEligible, whyGuarded } from '../decision/why.ts'
import { parseId } from '../kernel/ids.ts'
import { formatInstant } from '../kernel/instants.ts'
import type { JsonObject, JsonValue } from '../kernel/json.ts'
import { describeObligations } from '../model/obligations.ts'
import type { Desk } from './desk.ts'
import { readRecorded } from './replay-lines.ts'
import { actionToday } from './replay-sides.ts'

/**
 * What was refused or held says its reasons with the words of that moment. What was allowed wrote none down: its reasons are looked for among
 * the policies of now, and if those were published since, that is said first.
 */
export async function policiesInWords(desk: Desk, decision: JsonObject): Promise<string[]> {
  const [policies, duties] = [textsIn(decision['policies']), textsIn(decision['duties'])]
  const written = textsIn(decision['because'])
  const because = written.length > 0 ? written : await reasonsOfNow(desk, decision, [...policies, ...duties])
  const since = written.length > 0 || because.length === 0 ? undefined : publishedSince(desk, decision)
  const silent = policies.filter((id) => !because.some((line) => line.includes(` "${id}" `)))
  return [
    ...(since === undefined ? [] : [since]),
    ...because.map((line) => `because ${line}`),
    ...silent.map((id) => policyInWords(desk, id)),
    ...duties.map((id) => dutyInWords(desk, id)),
  ]
}

function textsIn(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : []
}

async function reasonsOfNow(desk: Desk, decision: JsonObject, ids: readonly string[]): Promise<readonly string[]> {
  const recorded = readRecorded(decision)
  const id = parseId('grn', decision['grant'])
  const action = recorded === undefined ? undefined : actionToday(desk.facts, recorded)
  if (recorded === undefined || action === undefined || !id.ok) return []
  const grant = desk.facts.grant(id.value) ?? (await desk.store.read((tx) => tx.get('grant', id.value)))
  const chain = recorded.chain.flatMap((link) => desk.facts.identity(link) ?? [])
  if (grant === undefined || chain.length < recorded.chain.length) return []
  const { task, duration } = grant
  const occasion = { chain, task, action, address: recorded.address, refusals: 0, now: recorded.at }
  return [...whyEligible(desk.facts, { ...occasion, duration }, ids), ...whyGuarded(desk.facts, occasion, ids)]
}

function publishedSince({ facts }: Desk, { at }: JsonObject): string | undefined {
  const published = facts.policies?.publishedAt
  if (published === undefined || typeof at !== 'number' || published <= at) return undefined
  return `policies were published since, on ${formatInstant(published)}: these are the reasons that they would give`
}

function policyInWords({ facts: { rules } }: Desk, id: string): string {
  if (id === driftHolds.changed) return 'by Remit itself: its tool was another one than when it was called first under this grant'
  if (id === driftHolds.worse) return 'by Remit itself: its server says worse of the tool than was declared'
  for (const set of rules === undefined ? [] : [rules.guardrails, rules.eligibility]) {
    const policy = set.byId.get(id)
    if (policy !== undefined) return `by ${policy.describe()}`
  }
  return `by the policy "${id}", which is no longer in force`
}

function dutyInWords({ facts: { rules } }: Desk, id: string): string {
  const obligations = rules?.duties.get(id)
  if (obligations === undefined) return `with the duty "${id}", which is no longer in force`
  return `with the duty "${id}": ${describeObligations(obligations)}`
}
