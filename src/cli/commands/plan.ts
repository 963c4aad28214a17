/** `remit plan`: what applying remit.yaml would change. */
import type { Command } from 'commander'
import { type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { changeCount, planLines, problemAnswer, problemsOf, readFromDisk } from '../configuration-run.ts'

export function planCommand(cli: Cli): Command {
  return remoteCommand('plan', 'show what applying remit.yaml would change', [
    { line: 'remit plan -f remit.yaml', says: 'changes nothing' },
  ])
    .option('-f, --file <path>', 'the configuration', 'remit.yaml')
    .action(deed(cli, plan))
}

async function plan(run: Run) {
  const configuration = await readFromDisk(run)
  if (configuration.problems.length > 0) return problemAnswer(configuration.problems, run)
  const client = await run.client()
  const planned = await run.during('planning', client.planConfiguration(configuration.document))
  const problems = problemsOf(planned, configuration)
  if (problems.length > 0) return problemAnswer(problems, run)
  return { json: planned, text: changeCount(planned.changes) === 0 ? ['nothing to change'] : planLines(planned.changes, run.paint) }
}
