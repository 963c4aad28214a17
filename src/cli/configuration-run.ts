/** What `plan`, `apply` and `check` share: reading the file, and showing a plan and what is wrong. */
import { RemitRefusal } from '../sdk/remit-refusal.ts'
import type { ChangeLineView, ChangeSetView, PlanView } from '../sdk/views.ts'
import type { Answer, Run } from './command.ts'
import type { Configuration } from './configuration-file.ts'
import { exitCodes } from './failures.ts'
import type { SourceProblem } from './house.ts'
import { placeProblem } from './place-problem.ts'
import { systemFiles } from './system-files.ts'
import { clean, pad, type Paint } from './text.ts'

/** remit.yaml with everything it refers to. */
export async function readFromDisk(run: Run): Promise<Configuration> {
  // The other commands do not wait for a parser of YAML.
  const { readConfiguration } = await import('./configuration-file.ts')
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

/** The faults that a refusal names, at their places in the files; everything else is thrown on. */
export function problemsOf(thrown: unknown, configuration: Configuration): readonly SourceProblem[] {
  const problems = thrown instanceof RemitRefusal ? thrown.problem.problems : undefined
  if (problems === undefined) throw thrown
  return problems.map((problem) => placeProblem(configuration, problem))
}

const signs = { add: '+', change: '~', remove: '-' } as const

/** One line for each effect, the gravest last, where the eye is when the list ends. */
export function planLines(
  plan: Pick<PlanView, 'changes' | 'class' | 'unchanged' | 'needs' | 'alone' | 'exceptions'>,
  paint: Paint,
): string[] {
  const { changes, unchanged, needs, alone, exceptions = [] } = plan
  const proposes = exceptions.map(({ identity, says }) => clean(`? exception ${identity}  is proposed, for people to approve: ${says}`))
  if (changes.length === 0) return proposes.length === 0 ? ['nothing to change'] : proposes
  return [
    ...proposes,
    ...changeLines(changes, paint),
    ...(unchanged === 0 ? [] : [paint.dim(`= ${unchanged} unchanged`)]),
    '',
    `as a whole it ${classWords[plan.class]}`,
    ...(needs === undefined ? [] : [paint.yellow(clean(`it waits for ${needs}`))]),
    ...(alone === undefined ? [] : [paint.yellow(clean(alone))]),
  ]
}

const classWords: Readonly<Record<PlanView['class'], string>> = {
  neutral: 'is neutral: nobody gains anything',
  narrows: 'narrows: nobody gains anything',
  widens: 'widens: somebody may do more',
  'moves-secret': 'moves a secret',
  unclassified: 'cannot be classified: a person must read it',
}

const order: readonly PlanView['class'][] = ['neutral', 'narrows', 'widens', 'moves-secret', 'unclassified']

export function changeLines(changes: readonly ChangeLineView[], paint: Paint): string[] {
  const paints = { neutral: paint.dim, narrows: paint.green, widens: paint.yellow, 'moves-secret': paint.red, unclassified: paint.red }
  const width = Math.max(0, ...changes.map(({ kind, name }) => kind.length + name.length + 1))
  return changes
    .toSorted((left, right) => order.indexOf(left.class) - order.indexOf(right.class))
    .map((line) => {
      const { kind, name, what, says } = line
      return `${signs[what]} ${pad(clean(`${kind} ${name}`), width)}  ${paints[line.class](pad(line.class, 12))}  ${clean(says)}`
    })
}

/** A change-set for people: what it does, whose yes it needs, what became of it. */
export function changeSetLines(set: ChangeSetView, { paint }: Run): string[] {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['state', set.state],
    ['author', set.author],
    ['because', set.reason],
    ['needs', set.state === 'proposed' ? set.approval : undefined],
    ['signed', set.approvals.map(({ person, decision }) => `${person}: ${decision === 'approve' ? 'yes' : 'no'}`).join(', ') || undefined],
    ['waits until', set.state === 'proposed' ? set.expiresAt : undefined],
    ['came to', set.ending],
    ['page', set.state === 'proposed' ? set.page : undefined],
  ]
  const width = Math.max(...facts.map(([name]) => name.length))
  return [
    paint.bold(set.id),
    ...facts.flatMap(([name, value]) => (value === undefined ? [] : [`  ${paint.dim(pad(name, width))}  ${clean(value)}`])),
    ...(set.locked === true ? [paint.yellow('  nobody who exists could satisfy this now; it stays locked')] : []),
    '',
    ...changeLines(set.changes, paint),
  ]
}
