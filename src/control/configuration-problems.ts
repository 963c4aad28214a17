/** Faults of a document, told with their place; whoever read the file knows the line. */
import type { PlacedProblem } from '../kernel/source-problems.ts'

export type ConfigurationProblem = PlacedProblem

export function asProblem(problem: { readonly pointer: string; readonly message: string; readonly remedy: string }): ConfigurationProblem {
  return { file: 'remit.yaml', line: 0, column: 0, ...problem }
}

export function fault(pointer: string, message: string, remedy: string): { readonly problems: readonly ConfigurationProblem[] } {
  return { problems: [asProblem({ pointer, message, remedy })] }
}
