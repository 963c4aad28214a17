/** `remit holds`: lists held actions. */
import { type Command, Option } from 'commander'
import type { HoldStateName } from '../../sdk/views.ts'
import { type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { holdTable } from '../grant-text.ts'
import { withoutAbsent } from '../options.ts'

const states: readonly HoldStateName[] = ['waiting', 'approved', 'spent', 'denied', 'expired', 'withdrawn']

export function holdsCommand(cli: Cli): Command {
  return remoteCommand('holds', 'list held actions', [{ line: 'remit holds --state waiting', says: 'those that wait for a person' }])
    .addOption(new Option('--state <state>', 'only those in this state').choices(states))
    .option('--after <id>', 'go on after this one')
    .option('--max <count>', 'at most so many, up to 200')
    .action(deed(cli, list))
}

async function list(run: Run) {
  const client = await run.client()
  const state = states.find((each) => each === run.text('state'))
  const max = run.text('max')
  const query = withoutAbsent({ state, after: run.text('after'), max: max === undefined ? undefined : Number(max) })
  const found = await run.during('listing held actions', client.holds(query))
  const more = found.next === undefined ? [] : [`more: remit holds --after ${found.next}`]
  return { json: found, text: found.holds.length === 0 ? ['nothing is held'] : [...holdTable(found.holds, run), ...more] }
}
