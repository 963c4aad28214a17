/** What a caller may ask for, found by asking: every declared operation, under every kind of task that policy speaks of. */
import { formatDuration } from '../kernel/instants.ts'
import { type Eligible, mayAsk } from '../decision/ask.ts'
import type { Rules } from '../decision/rules.ts'
import { deskService } from '../model/desk-service.ts'
import type { Effect, Tier } from '../model/effects.ts'
import type { Task } from '../model/grants.ts'
import type { Caller, Desk } from './desk.ts'
import { withAPerson } from './request-grant.ts'
import { describeRequirement } from './rights.ts'
import { Slices } from './slices.ts'
import { readBy } from './untrusted.ts'

export interface Askable {
  readonly resource: string
  readonly effect: Effect
  readonly tier: Tier
  readonly task: string
  readonly durationMax: string
  readonly approval: string
  readonly policies: readonly string[]
  readonly command: string
}

const taskKindsMax = 50
const askablesMax = 500

const kindsOf = new WeakMap<Rules, readonly string[]>()

/** The kinds of task that eligibility policies compare with, and `work`, for policies that take any. Found once for each set of policies. */
export function taskKinds(desk: Pick<Desk, 'facts'>): readonly string[] {
  const { rules } = desk.facts
  const known = rules === undefined ? undefined : kindsOf.get(rules)
  if (known !== undefined) return known
  const kinds = new Set<string>()
  for (const policy of rules?.eligibility.policies ?? []) {
    for (const [, kind] of policy.text.matchAll(/\btask\s*\.\s*kind\s*==\s*"([^"\\]{1,64})"/g)) if (kind !== undefined) kinds.add(kind)
  }
  const found = [...[...kinds].toSorted().slice(0, taskKindsMax), 'work']
  if (rules !== undefined) kindsOf.set(rules, found)
  return found
}

/** Each operation once, under the first kind of task that opens it, or only those of one kind. In slices: it asks about each with each kind. */
export async function eligible(
  desk: Desk,
  caller: Caller,
  filter: { readonly task?: string; readonly ticket?: string },
): Promise<readonly Askable[]> {
  const slices = new Slices(desk.clock)
  const now = desk.clock.now()
  const found: Askable[] = []
  const read = await desk.store.read((tx) => readBy(tx, caller.claims.chain, now))
  const kinds = filter.task === undefined ? taskKinds(desk) : [filter.task]
  const proved = Object.entries(caller.claims.proved).map(([name, value]) => ({ name, value, source: caller.claims.provedBy, at: now }))
  const claimed = filter.ticket === undefined ? [] : [{ name: 'ticket', value: filter.ticket, source: caller.actor.name, at: now }]
  for (const service of [deskService, ...desk.facts.services()]) {
    for (const route of service.routes) {
      const resource = `${service.id}/${route.name}`
      for (const kind of kinds) {
        if (slices.isOver) await slices.pause()
        const task: Task = { kind, statement: '', claimed, proved }
        const asked = mayAsk(desk.facts, { chain: caller.chain, task, scope: [{ resource }] }, now)
        if (!asked.ok) continue
        found.push(
          describe({ resource, effect: route.effect, tier: route.tier }, kind, read === undefined ? asked.value : withAPerson(asked.value)),
        )
        break
      }
      if (found.length >= askablesMax) return found
    }
  }
  return found
}

function describe(operation: Pick<Askable, 'resource' | 'effect' | 'tier'>, task: string, eligible: Eligible): Askable {
  return {
    ...operation,
    task,
    durationMax: formatDuration(eligible.durationMax),
    approval: describeRequirement(eligible.requirement),
    policies: eligible.policies,
    command: `remit request ${operation.resource} --task ${task} --for "why"`,
  }
}
