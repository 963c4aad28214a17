/** `remit changes`: proposed and past changes of configuration. */
import { Command, Option } from 'commander'
import { type Answer, type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { changeSetLines } from '../configuration-run.ts'
import { withoutAbsent } from '../options.ts'
import { tableLines } from '../table.ts'

const states = ['proposed', 'applied', 'denied', 'withdrawn', 'stale', 'expired'] as const

export function changesCommand(cli: Cli): Command {
  return new Command('changes')
    .description('changes of configuration: what waits for a signature, and what became of the others')
    .helpCommand(false)
    .addCommand(listCommand(cli))
    .addCommand(showCommand(cli))
    .addCommand(withdrawCommand(cli))
}

function listCommand(cli: Cli): Command {
  return remoteCommand('list', 'list change-sets', [{ line: 'remit changes list --state proposed', says: 'those that wait for a person' }])
    .addOption(new Option('--state <state>', 'only those in this state').choices([...states]))
    .option('--after <id>', 'go on after this one')
    .option('--max <count>', 'at most so many, up to 100')
    .action(deed(cli, list))
}

async function list(run: Run): Promise<Answer> {
  const client = await run.client()
  const max = run.text('max')
  const query = withoutAbsent({ state: run.text('state'), after: run.text('after'), max: max === undefined ? undefined : Number(max) })
  const found = await run.during('listing changes', client.changeSets(query))
  if (found.changeSets.length === 0) return { json: found, text: ['no changes'] }
  const columns = [{ title: 'ID' }, { title: 'STATE' }, { title: 'AUTHOR' }, { title: 'CLASS' }, { title: 'WHAT', gives: true }]
  const rows = found.changeSets.map((set) => {
    const gravest = set.changes.find((line) => line.class === set.class)
    const what = gravest === undefined ? '' : `${gravest.kind} ${gravest.name} ${gravest.says}`
    return [set.id, set.state, set.author, set.class, set.changes.length > 1 ? `${what}, and ${set.changes.length - 1} more` : what]
  })
  const more = found.next === undefined ? [] : [`more: remit changes list --after ${found.next}`]
  return { json: found, text: [...tableLines(columns, rows, run), ...more] }
}

function showCommand(cli: Cli): Command {
  return remoteCommand('show', 'show one change-set, line by line', [
    { line: 'remit changes show chg_01JC…', says: 'who gains and who loses what, and where it is signed' },
  ])
    .argument('<id>', 'the change-set')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const set = await run.during('reading it', client.changeSet(run.words[0] ?? ''))
        return { json: set, text: changeSetLines(set, run) }
      }),
    )
}

function withdrawCommand(cli: Cli): Command {
  return remoteCommand('withdraw', 'take a proposed change back', [
    { line: 'remit changes withdraw chg_01JC…', says: 'its author, or whoever administers' },
  ])
    .argument('<id>', 'the change-set')
    .option('--reason <text>', 'why')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const set = await run.during('withdrawing', client.withdrawChangeSet(run.words[0] ?? '', run.text('reason')))
        return { json: set, text: [`${set.id} is ${set.state}`] }
      }),
    )
}
