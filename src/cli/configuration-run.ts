/** What `plan`, `apply` and `check` share: reading the file, and showing a plan and what is wrong. */
import type { PlannedChange, PlanProblem, PlanView } from '../sdk/views.ts'
import type { Answer, Run } from './command.ts'
import { type Configuration, placeProblem, readConfiguration } from './configuration-file.ts'
import { exitCodes } from './failures.ts'
import type { SourceProblem } from './house.ts'
import { systemFiles } from './system-files.ts'
import { clean, pad, type Paint } from './text.ts'

/** remit.yaml with everything it refers to. */
export async function readFromDisk(run: Run): Promise<Configuration> {
  return readConfiguration({ path: run.text('file') ?? 'remit.yaml', files: systemFiles, env: run.io.env, resolve: true })
}

/** Faults as compilers write them: `file:line:column: what`, and what to do below it. */
export function problemLines(problems: readonly SourceProblem[], paint: Paint): string[] {
  const inOrder = problems.toSorted(
    (left, right) => left.file.localeCompare(right.file) || left.line - right.line || left.column - right.column,
  )
  return inOrder.flatMap(({ file, line, column, message, remedy }) => [
    `${paint.bold(clean(`${file}:${line}:${column}:`))} ${clean(message)}`,
    ...(remedy === '' ? [] : [`  ${clean(remedy)}`]),
  ])
}

export function problemAnswer(problems: readonly SourceProblem[], run: Run): Answer {
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
  return {
    json: { problems },
    text: [...problemLines(problems, run.paint), '', `${count}; nothing was changed`],
    exitCode: exitCodes.failed,
  }
}

/** The problems of a plan, at their places in the files. */
export function problemsOf(plan: PlanView, configuration: Configuration): readonly SourceProblem[] {
  return (plan.problems ?? []).map((problem: PlanProblem) => placeProblem(configuration, problem))
}

const signs = { add: '+', change: '~', same: '=' } as const

export function planLines(changes: readonly PlannedChange[], paint: Paint): string[] {
  const paints = { add: paint.green, change: paint.yellow, same: paint.dim }
  const changed = changes.filter(({ what }) => what !== 'same')
  const same = changes.length - changed.length
  const width = Math.max(0, ...changed.map(({ kind, name }) => kind.length + name.length + 1))
  const lines = changed.map(
    ({ kind, name, what, says }) => `${paints[what](signs[what])} ${pad(clean(`${kind} ${name}`), width)}  ${clean(says)}`,
  )
  return [...lines, ...(same === 0 ? [] : [paint.dim(`= ${same} unchanged`)])]
}

export function changeCount(changes: readonly PlannedChange[]): number {
  return changes.filter(({ what }) => what !== 'same').length
}
