/** A bounded memory of what has ended. */

/** Keeps the newest; maps keep the order of insertion, so the first is the oldest. Answers the one that had to go. */
export function remember<T extends { readonly id: string }>(map: Map<string, T>, value: T, max: number): T | undefined {
  map.set(value.id, value)
  if (map.size <= max) return undefined
  const [oldest] = map.values()
  if (oldest !== undefined) map.delete(oldest.id)
  return oldest
}
