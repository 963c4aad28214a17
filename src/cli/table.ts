/** Lists for people: tables that fit the terminal, and facts with their names before them. */
import { clean, columnsOf, fit, pad, type Paint } from './text.ts'

export interface Column {
  readonly title: string
  /** Shortened when the table is too wide; the others keep their whole width. */
  readonly gives?: boolean
  /** Left out when the table is too wide: another command shows it. */
  readonly drops?: boolean
}

const gap = '  '
const givingMin = 6

/** Lines of a table no wider than `width`. The rows are cleaned; nothing in them can act on the terminal. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { width, paint }: { readonly width: number; readonly paint: Paint },
): string[] {
  const cells = rows.map((row) => columns.map((_, place) => clean(row[place] ?? '')))
  const widths = columns.map(({ title }, place) => Math.max(columnsOf(title), ...cells.map((row) => columnsOf(row[place] ?? ''))))
  const dropped = totalOf(widths) > width ? columns.findLastIndex(({ drops }) => drops === true) : -1
  if (dropped >= 0) {
    const without = <T>(list: readonly T[]) => list.filter((_, place) => place !== dropped)
    return tableLines(without(columns), rows.map(without), { width, paint })
  }
  const fitted = shrink(columns, widths, width)
  const line = (row: readonly string[]) =>
    row
      .map((cell, place) => pad(fit(cell, fitted[place] ?? 0), fitted[place] ?? 0))
      .join(gap)
      .trimEnd()
  return [paint.dim(line(columns.map(({ title }) => title))), ...cells.map(line)]
}

function totalOf(widths: readonly number[]): number {
  return widths.reduce((sum, each) => sum + each, 0) + gap.length * (widths.length - 1)
}

/** Takes from the widest giving column, one column at a time, until the line fits or nothing is left to give. */
function shrink(columns: readonly Column[], widths: readonly number[], width: number): number[] {
  const fitted = [...widths]
  while (totalOf(fitted) > width) {
    let widest = -1
    for (const [place, { gives }] of columns.entries()) {
      const size = fitted[place] ?? 0
      if (gives === true && size > givingMin && size > (fitted[widest] ?? 0)) widest = place
    }
    if (widest < 0) break
    fitted[widest] = (fitted[widest] ?? 0) - 1
  }
  return fitted
}

export type FactLine = readonly [name: string, value: string | readonly string[] | undefined]

/** `name  value` lines, one below the other, indented; facts without a value are left out. */
export function factLines(facts: readonly FactLine[], paint: Paint): string[] {
  const known = facts.flatMap(([name, value]) =>
    value === undefined || value.length === 0 ? [] : [{ name, values: typeof value === 'string' ? [value] : value }],
  )
  const names = Math.max(0, ...known.map(({ name }) => name.length))
  return known.flatMap(({ name, values }) =>
    values.map((value, place) => `  ${paint.dim(pad(place === 0 ? name : '', names))}  ${clean(value)}`),
  )
}
