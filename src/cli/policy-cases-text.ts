/** The outcome of policy cases for people: of each that failed what was wanted, what came, and why. */
import type { PolicyCaseResult } from './house.ts'
import { factLines } from './table.ts'
import { clean, type Paint } from './text.ts'

export function casesText(results: readonly PolicyCaseResult[], paint: Paint): string[] {
  const failed = results.filter(({ passed }) => !passed)
  const count = results.length === 1 ? 'one case' : `${results.length} cases`
  const summary = failed.length === 0 ? paint.green(`${count}, all as wanted`) : paint.red(`${count}, ${failed.length} not as wanted`)
  return [...failed.flatMap((result) => [...failedLines(result, paint), '']), summary]
}

function failedLines({ file, line, column, name, differences, says, why }: PolicyCaseResult, paint: Paint): string[] {
  return [
    `${paint.bold(clean(`${file}:${line}:${column}:`))} ${clean(name)}`,
    ...factLines(
      [
        ['wanted', differences.map(({ what, wanted }) => `${what} ${wanted}`)],
        ['got', differences.map(({ what, got }) => `${what} ${got}`)],
        ['answer', says],
        ['why', why],
      ],
      paint,
    ),
  ]
}
