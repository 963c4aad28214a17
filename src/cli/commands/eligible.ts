/** `remit eligible`: what the caller may ask for. */
import type { Command } from 'commander'
import { type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { standingFirst } from '../exception-text.ts'
import { withoutAbsent } from '../options.ts'
import { tableLines } from '../table.ts'

export function eligibleCommand(cli: Cli): Command {
  return remoteCommand('eligible', 'show what you may ask for, and what it costs', [
    { line: 'remit eligible', says: 'every operation under a kind of task that opens it' },
    { line: 'remit eligible --task release --ticket OPS-7', says: 'for one task' },
  ])
    .option('--task <kind>', 'only for this kind of task')
    .option('--ticket <id>', 'as if asked under this ticket')
    .action(deed(cli, list))
}

async function list(run: Run) {
  const client = await run.client()
  const found = await run.during(
    'trying the policies',
    client.eligible(withoutAbsent({ task: run.text('task'), ticket: run.text('ticket') })),
  )
  const rows = found.eligible.map((each) => [
    each.resource,
    each.effect,
    each.task,
    String(each.tier),
    each.durationMax,
    each.approval,
    each.policies.join(', '),
  ])
  const columns = [
    { title: 'OPERATION' },
    { title: 'EFFECT' },
    { title: 'TASK' },
    { title: 'TIER' },
    { title: 'AT MOST' },
    { title: 'APPROVAL', gives: true },
    { title: 'POLICY', gives: true, drops: true },
  ]
  const [first] = found.eligible
  const text =
    first === undefined ? ['no policy lets you ask for anything here'] : [...tableLines(columns, rows, run), '', `ask: ${first.command}`]
  return { json: found, text: [...standingFirst(found.exceptions, run), ...text] }
}
