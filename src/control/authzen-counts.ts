/** How many questions of AuthZEN were answered, and how: figures in memory, since an answer to a question is no action that Remit records. */

export type Counted = 'permit' | 'deny' | 'error'

export interface AccessCount {
  /** The application, or `remit` for what Remit guards itself. */
  readonly about: string
  readonly decision: Counted
  readonly count: number
}

/** Names come from configurations, so there are few; a name that is one too many is counted among `other`. */
const namesMax = 200
const counts = new WeakMap<object, Map<string, Record<Counted, number>>>()

export function countAccess(desk: object, about: string, decision: Counted): void {
  const known = counts.get(desk) ?? new Map<string, Record<Counted, number>>()
  counts.set(desk, known)
  const name = known.has(about) || known.size < namesMax ? about : 'other'
  const of = known.get(name) ?? { permit: 0, deny: 0, error: 0 }
  known.set(name, of)
  of[decision] += 1
}

export function accessCounts(desk: object): readonly AccessCount[] {
  return [...(counts.get(desk) ?? [])].flatMap(([about, of]) => [
    { about, decision: 'permit' as const, count: of.permit },
    { about, decision: 'deny' as const, count: of.deny },
    { about, decision: 'error' as const, count: of.error },
  ])
}
