/** `remit plan`: what applying remit.yaml would change, and who would have to sign. */
import type { Command } from 'commander'
import { type Answer, type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { planLines, problemAnswer, problemsOf, readFromDisk } from '../configuration-run.ts'

export function planCommand(cli: Cli): Command {
  return remoteCommand('plan', 'show what applying remit.yaml would change, and who would have to sign', [
    { line: 'remit plan -f remit.yaml', says: 'who gains and who loses what; changes nothing' },
  ])
    .option('-f, --file <path>', 'the configuration', 'remit.yaml')
    .option('--prune', 'as if everything that it does not name were to go')
    .action(deed(cli, plan))
}

async function plan(run: Run): Promise<Answer> {
  const configuration = await readFromDisk(run)
  if (configuration.problems.length > 0) return problemAnswer(configuration.problems, run)
  const client = await run.client()
  const prune = run.flag('prune') ? 'everything' : 'nothing'
  try {
    const planned = await run.during('planning', client.planConfiguration({ document: configuration.document, prune }))
    return { json: planned, text: planLines(planned, run.paint) }
  } catch (thrown) {
    return problemAnswer(problemsOf(thrown, configuration), run)
  }
}
