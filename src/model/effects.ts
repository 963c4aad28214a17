/** Effects (what class of thing an action does), impact (what harm it can do) and the tier that prices it. */
import type { Milliseconds } from '../kernel/instants.ts'

/** `observe` and `read` look; the others change; `actuate` moves something physical. */
export const effects = ['observe', 'read', 'write', 'delete', 'execute', 'configure', 'administer', 'actuate'] as const
export type Effect = (typeof effects)[number]

export function isEffect(text: string): text is Effect {
  return effects.some((effect) => effect === text)
}

export function isChange(effect: Effect): boolean {
  return effect !== 'observe' && effect !== 'read'
}

export const impactLevels = ['none', 'low', 'moderate', 'high', 'critical'] as const
export type ImpactLevel = (typeof impactLevels)[number]

export interface Impact {
  readonly data: ImpactLevel
  readonly service: ImpactLevel
  readonly safety: ImpactLevel
}

/** What nobody has declared is taken to be dangerous. */
export const undeclaredImpact: Impact = { data: 'high', service: 'high', safety: 'high' }

export type Tier = 0 | 1 | 2 | 3

/** 0 (none) to 4 (critical), as policies see it. */
export function impactNumber(level: ImpactLevel): number {
  return impactLevels.indexOf(level)
}

/** A change costs the highest of the three impacts, a read the data impact. Safety from `high` is tier 3. */
export function tierOf(impact: Impact, effect: Effect): Tier {
  if (!isChange(effect)) return tierOfLevel(impact.data)
  if (impactNumber(impact.safety) >= impactNumber('high')) return 3
  const highest = Math.max(impactNumber(impact.data), impactNumber(impact.service), impactNumber(impact.safety))
  return tierOfLevel(impactLevels[highest] ?? 'critical')
}

function tierOfLevel(level: ImpactLevel): Tier {
  switch (level) {
    case 'none':
    case 'low':
      return 0
    case 'moderate':
      return 1
    case 'high':
      return 2
    case 'critical':
      return 3
  }
}

/** How firmly an action must be recorded before it is forwarded. */
export type Evidence = 'buffered' | 'written' | 'durable'

export interface TierRule {
  readonly grantMax: Milliseconds
  /** Distinct persons a grant with change effects needs. */
  readonly personsForChange: number
  readonly personsForRead: number
  readonly evidence: Evidence
}

const hour = 3_600_000

export const tierRules: Readonly<Record<Tier, TierRule>> = {
  0: { grantMax: 8 * hour, personsForChange: 0, personsForRead: 0, evidence: 'buffered' },
  1: { grantMax: 4 * hour, personsForChange: 0, personsForRead: 0, evidence: 'written' },
  2: { grantMax: hour, personsForChange: 1, personsForRead: 1, evidence: 'durable' },
  3: { grantMax: hour / 2, personsForChange: 2, personsForRead: 1, evidence: 'durable' },
}
