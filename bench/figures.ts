/** Figures of several rounds, and how they are said: least, middle and most, never a mean that hides a bad round. */

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** Throws on nothing: a figure that was not measured is no figure. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right)
  return { min: percentile(sorted, 0), median: percentile(sorted, 50), max: percentile(sorted, 100) }
}

/** Of values in rising order: the smallest that `share` percent of them do not exceed. */
export function percentile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.max(0, Math.ceil((share / 100) * sorted.length) - 1)]
  if (value === undefined) throw new Error('there is no figure here')
  return value
}

export function showSpread({ min, median, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)} … ${max.toFixed(digits)})`
}

/** Columns as wide as their widest cell; the first to the left, the others to the right. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) for (const [place, cell] of row.entries()) widths[place] = Math.max(widths[place] ?? 0, cell.length)
  return rows.map((row) =>
    row.map((cell, place) => (place === 0 ? cell.padEnd(widths[place] ?? 0) : cell.padStart(widths[place] ?? 0))).join('  '),
  )
}
