/** What an approver took away: less time, fewer lines, fewer uses, lower sums and rates, other arguments. Anything that would add is refused. */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { deskServiceName } from '../model/desk-service.ts'
import type { Grant, Narrowing, ScopeEntry } from '../model/grants.ts'
import { usesMax } from '../model/scope.ts'
import { tighten } from './tighten.ts'

/** The grant with less in it, or `approval.widens`. Lines are numbered from 0 as they stand in the grant. */
export function narrow(grant: Grant, narrowing: Narrowing): Result<Grant> {
  const { duration = grant.duration, lines } = narrowing
  if (!Number.isSafeInteger(duration) || duration <= 0 || duration > grant.duration)
    return refuse('approval.widens', { detail: 'duration' })
  if (grant.continues !== undefined && Object.keys(narrowing).some((part) => part !== 'duration'))
    return refuse('approval.widens', { detail: 'of more time only time is taken away' })
  const kept = lines ?? [...grant.scope.keys()]
  if (kept.length === 0 || new Set(kept).size !== kept.length || kept.some((line) => grant.scope[line] === undefined)) {
    return refuse('approval.widens', { detail: 'lines' })
  }
  const scope: ScopeEntry[] = []
  for (const line of kept.toSorted((a, b) => a - b)) {
    const entry = grant.scope[line]
    if (entry === undefined) return refuse('approval.widens', { detail: 'lines' })
    const less = narrowLine(entry, line, narrowing)
    if (!less.ok) return less
    if (less.value !== entry && entry.resource.startsWith(`${deskServiceName}/`))
      return refuse('approval.widens', { detail: 'what is done at the desk is not counted' })
    scope.push(less.value)
  }
  const stray = strayLimit(narrowing, kept)
  if (stray !== undefined) return refuse('approval.widens', { detail: stray })
  // A shortened grant keeps the length that people approved: no extension brings the rest back.
  const durationMax = narrowing.duration === undefined ? grant.durationMax : duration
  return done({ ...grant, duration, durationMax, scope, digest: narrowedDigest(grant.digest, narrowing) })
}

/** The parts of a narrowing that lower what a line counts, by line number. */
const limits = ['uses', 'sums', 'rates', 'where'] as const

/** Which limit is lowered of a line that does not stay. */
export function strayLimit(narrowing: Narrowing, kept: readonly number[]): string | undefined {
  return limits.find((limit) => Object.keys(narrowing[limit] ?? {}).some((line) => !kept.map(String).includes(line)))
}

/**
 * One line with less of what it counts, or `approval.widens`: fewer uses (also where it counted none), a lower sum, fewer actions in the
 * same time, further demands on arguments. The same line where nothing of it is taken.
 */
export function narrowLine(entry: ScopeEntry, line: number, narrowing: Narrowing): Result<ScopeEntry> {
  let less = entry
  const [uses, sum, rate] = [narrowing.uses, narrowing.sums, narrowing.rates].map((limit) => limit?.[String(line)])
  const where = narrowing.where?.[String(line)]
  if (uses !== undefined) {
    if (!isLess(uses, entry.uses ?? usesMax)) return refuse('approval.widens', { detail: `uses of line ${line}` })
    less = { ...less, uses }
  }
  if (sum !== undefined) {
    if (entry.sum === undefined || !isLess(sum, entry.sum.atMost)) return refuse('approval.widens', { detail: `sum of line ${line}` })
    less = { ...less, sum: { ...entry.sum, atMost: sum } }
  }
  if (rate !== undefined) {
    if (entry.rate === undefined || !isLess(rate, entry.rate.atMost)) return refuse('approval.widens', { detail: `rate of line ${line}` })
    less = { ...less, rate: { ...entry.rate, atMost: rate } }
  }
  return where === undefined ? done(less) : tighten(less, where)
}

function isLess(number: number, most: number): boolean {
  return Number.isSafeInteger(number) && number >= 1 && number <= most
}

/** Whoever signs after a narrowing signs what is left: a yes that was prepared for the wider request no longer fits. */
function narrowedDigest(digest: string, narrowing: Narrowing): string {
  if (Object.keys(narrowing).length === 0) return digest
  return `v1:${createHash('sha256')
    .update(canonicalJson({ v: 1, digest, narrowing }))
    .digest('hex')}`
}
