/** Ways in which a command ends other than well, each with its exit code, and the words for them. */
import { RemitRefusal, RemitUnreachable } from '../sdk/remit-refusal.ts'
import type { ProblemView } from '../sdk/views.ts'
import { factLines } from './table.ts'
import { clean, type Paint } from './text.ts'

export const exitCodes = { done: 0, failed: 1, usage: 2, refused: 3, held: 4, unreachable: 5 } as const

/** Something that the person at the command line can put right. */
export class CliFailure extends Error {
  readonly exitCode: number
  readonly remedy: string

  constructor(
    message: string,
    { remedy = '', exitCode = exitCodes.failed }: { readonly remedy?: string; readonly exitCode?: number } = {},
  ) {
    super(message)
    this.name = 'CliFailure'
    this.exitCode = exitCode
    this.remedy = remedy
  }
}

/** Wrong or missing words on the command line, or in what it reads before it asks anybody. */
export function usageFailure(message: string, remedy = ''): CliFailure {
  return new CliFailure(message, { remedy, exitCode: exitCodes.usage })
}

export function exitCodeOf(thrown: unknown): number {
  if (thrown instanceof CliFailure) return thrown.exitCode
  if (thrown instanceof RemitUnreachable) return exitCodes.unreachable
  if (!(thrown instanceof RemitRefusal)) return exitCodes.failed
  if (thrown.code === 'action.held') return exitCodes.held
  if (thrown.problem.status === 500) return exitCodes.failed
  return thrown.problem.status > 500 ? exitCodes.unreachable : exitCodes.refused
}

/** The JSON of a failure: the refusal as Remit gave it, or one in its likeness. */
export function failureJson(thrown: unknown): ProblemView {
  if (thrown instanceof RemitRefusal) return thrown.problem
  const detail = thrown instanceof Error ? thrown.message : 'something went wrong'
  const remedy = thrown instanceof CliFailure ? thrown.remedy : remedyOf(thrown)
  const kind = thrown instanceof RemitUnreachable ? 'unreachable' : 'failed'
  return { type: `urn:remit:cli:${kind}`, title: kind, status: 0, detail, remedy }
}

/** What, why, what next, what instead. */
export function failureLines(thrown: unknown, paint: Paint): string[] {
  if (!(thrown instanceof RemitRefusal)) {
    const { detail, remedy } = failureJson(thrown)
    return [`${paint.red('error:')} ${clean(detail)}`, ...factLines([['next', remedy || undefined]], paint)]
  }
  const { problem } = thrown
  const asks = problem.ask ?? []
  return [
    `${paint.red(thrown.code === 'action.held' ? 'held:' : 'refused:')} ${clean(problem.detail)}`,
    ...factLines(
      [
        ['why', problem.policies?.map((policy) => `policy ${policy}`)],
        ['next', problem.remedy || undefined],
        ['ask', asks.map(({ command }) => command)],
        ['page', problem.page],
        ['hold', problem.hold],
        ['decision', problem.decision === undefined ? undefined : `${problem.decision} (remit explain ${problem.decision})`],
      ],
      paint,
    ),
  ]
}

function remedyOf(thrown: unknown): string {
  return thrown instanceof RemitUnreachable ? 'check REMIT_URL, and that Remit is up there' : ''
}
