/** What an approver took away: less time, fewer lines, fewer uses. Anything that would add is refused. */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { deskServiceName } from '../model/desk-service.ts'
import type { Grant, Narrowing, ScopeEntry } from '../model/grants.ts'

/** The grant with less in it, or `approval.widens`. Lines are numbered from 0 as they stand in the grant. */
export function narrow(grant: Grant, narrowing: Narrowing): Result<Grant> {
  const { duration = grant.duration, lines, uses = {} } = narrowing
  if (!Number.isSafeInteger(duration) || duration <= 0 || duration > grant.duration)
    return refuse('approval.widens', { detail: 'duration' })
  if (grant.continues !== undefined && (lines !== undefined || narrowing.uses !== undefined))
    return refuse('approval.widens', { detail: 'of more time only time is taken away' })
  const kept = lines ?? [...grant.scope.keys()]
  if (kept.length === 0 || new Set(kept).size !== kept.length || kept.some((line) => grant.scope[line] === undefined)) {
    return refuse('approval.widens', { detail: 'lines' })
  }
  const scope: ScopeEntry[] = []
  for (const line of kept.toSorted((a, b) => a - b)) {
    const entry = grant.scope[line]
    if (entry === undefined) return refuse('approval.widens', { detail: 'lines' })
    const fewer = uses[String(line)]
    if (fewer !== undefined && entry.resource.startsWith(`${deskServiceName}/`))
      return refuse('approval.widens', { detail: 'what is done at the desk is not counted' })
    if (fewer !== undefined && (!Number.isSafeInteger(fewer) || fewer < 1 || fewer > (entry.uses ?? Number.MAX_SAFE_INTEGER))) {
      return refuse('approval.widens', { detail: `uses of line ${line}` })
    }
    scope.push(fewer === undefined ? entry : { ...entry, uses: fewer })
  }
  if (Object.keys(uses).some((line) => !kept.map(String).includes(line))) return refuse('approval.widens', { detail: 'uses' })
  // A shortened grant keeps the length that people approved: no extension brings the rest back.
  const durationMax = narrowing.duration === undefined ? grant.durationMax : duration
  return done({ ...grant, duration, durationMax, scope, digest: narrowedDigest(grant.digest, narrowing) })
}

/** Whoever signs after a narrowing signs what is left: a yes that was prepared for the wider request no longer fits. */
function narrowedDigest(digest: string, narrowing: Narrowing): string {
  if (Object.keys(narrowing).length === 0) return digest
  return `v1:${createHash('sha256')
    .update(canonicalJson({ v: 1, digest, narrowing }))
    .digest('hex')}`
}
