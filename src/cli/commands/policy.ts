/** `remit policy`: what a change of policies would do, before it is made: what was recorded replayed, and cases run. */
import { join } from 'node:path'
import { Command, Option } from 'commander'
import type { ReplayView } from '../../sdk/views.ts'
import { type Answer, type Cli, deed, localCommand, remoteCommand, type Run } from '../command.ts'
import { problemLines } from '../configuration-run.ts'
import { CliFailure, exitCodes, usageFailure } from '../failures.ts'
import type { SourceProblem } from '../house.ts'
import { withoutAbsent } from '../options.ts'
import { casesText } from '../policy-cases-text.ts'
import { failings, failsOn, replayText } from '../replay-text.ts'
import { systemFiles } from '../system-files.ts'
import { RemitRefusal } from '../../sdk/remit-refusal.ts'

export function policyCommand(cli: Cli): Command {
  return new Command('policy')
    .description('try policies before they are in force: on what was recorded, and on cases')
    .helpCommand(false)
    .addCommand(replayCommand(cli))
    .addCommand(testCommand(cli))
}

function replayCommand(cli: Cli): Command {
  return remoteCommand('replay', 'show who would gain and who would lose what, by what was recorded', [
    { line: 'remit policy replay --candidate policies', says: 'decides the actions of seven days again under these policies' },
    {
      line: 'remit policy replay --candidate policies --since 30d --fail-on losses',
      says: 'for pipelines: exit code 3 where somebody loses',
    },
  ])
    .requiredOption('--candidate <folder>', 'the folder of policies to try')
    .option('--since <time>', 'how far back to look', '7d')
    .addOption(
      new Option('--fail-on <what>', 'end with exit code 3 where there is such a difference').choices([...failings]).default('any'),
    )
    .addHelpText(
      'after',
      `
Changes nothing: the candidate is checked as publishing it would be, and is not kept. Actions and requests are decided again by the facts of
today, at the instant they happened. Needs the right to audit or to administer.`,
    )
    .action(deed(cli, replay))
}

async function replay(run: Run): Promise<Answer> {
  const policyFiles = await candidateIn(run.text('candidate') ?? '')
  const client = await run.client()
  const since = run.text('since')
  let report: ReplayView
  try {
    const events = client.replayPolicies({ policyFiles, ...withoutAbsent({ since }) }, { onProgress: progressOn(run) })
    report = await run.during('replaying what was recorded', events)
  } catch (thrown) {
    const problems = thrown instanceof RemitRefusal ? thrown.problem.problems : undefined
    if (problems === undefined) throw thrown
    return faulty(problems, run)
  }
  const failing = failings.find((each) => each === run.text('failOn')) ?? 'any'
  const exitCode = failsOn(failing, report) ? exitCodes.refused : exitCodes.done
  return { json: report, text: replayText(report, { width: run.width, paint: run.paint, now: run.io.now() }), exitCode }
}

const progressEveryMs = 2_000

/** A line now and then, for what takes long. */
function progressOn(run: Run): (progress: { readonly actions: number; readonly bytes: number; readonly ofBytes: number }) => void {
  let told = run.io.now()
  return ({ actions, bytes, ofBytes }) => {
    if (run.json || run.io.now() - told < progressEveryMs) return
    told = run.io.now()
    run.note(`${actions} actions${ofBytes === 0 ? '' : `, ${Math.min(100, Math.floor((bytes / ofBytes) * 100))} % of the journal`}`)
  }
}

async function candidateIn(folder: string): Promise<readonly { readonly name: string; readonly text: string }[]> {
  const found = await systemFiles.names(folder).catch(() => {
    throw usageFailure(`there is no folder ${folder}`, 'name the folder that holds the candidate')
  })
  const names = found.filter((name) => name.endsWith('.cedar')).toSorted()
  if (names.length === 0) throw usageFailure(`there is no file ending in .cedar in ${folder}`, 'name the folder that holds the candidate')
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, name)
      const text = await systemFiles.text(path).catch(() => {
        throw new CliFailure(`${path} cannot be read as text`, { remedy: 'check who owns it, and that it is UTF-8' })
      })
      return { name: path, text }
    }),
  )
}

function testCommand(cli: Cli): Command {
  return localCommand('test', 'run cases: facts, an action or a request, and the answer that is right', [
    { line: 'remit policy test', says: 'runs the files ending in .cases.yaml beside the policies that remit.yaml names' },
    { line: 'remit policy test releases.cases.yaml -f remit.yaml --policies candidate', says: 'runs one file against other policies' },
    { line: 'remit policy test --schema > policy-cases.schema.json', says: 'writes the JSON Schema of such files, for editors' },
  ])
    .argument('[cases...]', 'files of cases (YAML or JSON)')
    .option('-f, --file <path>', 'the configuration', 'remit.yaml')
    .option('--policies <folder>', 'policies in place of those that the configuration names')
    .option('--schema', 'print the JSON Schema of case files, and run nothing')
    .addHelpText('after', '\nNothing has to be running. Exit code 1 where an answer is not as wanted, 2 where a file has a fault.')
    .action(deed(cli, runCases))
}

async function runCases(run: Run): Promise<Answer> {
  const { house } = run.cli
  if (run.flag('schema')) {
    const schema = await house.policyCasesSchema()
    return { json: schema, text: [JSON.stringify(schema, undefined, 2)] }
  }
  const folder = run.text('policies')
  const options = { files: run.words, configuration: run.text('file') ?? 'remit.yaml', ...withoutAbsent({ folder }) }
  const { problems, results } = await run.during('running cases', house.testPolicies(options))
  if (problems.length > 0) return faulty(problems, run)
  const failed = results.filter(({ passed }) => !passed).length
  const json = { passed: results.length - failed, failed, cases: results }
  return { json, text: casesText(results, run.paint), exitCode: failed === 0 ? exitCodes.done : exitCodes.failed }
}

/** Faults of files: nothing was run. */
function faulty(problems: readonly SourceProblem[], run: Run): Answer {
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
  return { json: { problems }, text: [...problemLines(problems, run.paint), '', `${count}; nothing was run`], exitCode: exitCodes.usage }
}
