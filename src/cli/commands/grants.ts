/** `remit grants`: lists grants. */
import { type Command, Option } from 'commander'
import type { GrantStateName } from '../../sdk/views.ts'
import { type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { standingFirst } from '../exception-text.ts'
import { grantTable } from '../grant-text.ts'
import { withoutAbsent } from '../options.ts'

const states: readonly GrantStateName[] = ['requested', 'pending', 'approved', 'active', 'ended', 'denied', 'withdrawn', 'unclaimed']

export function grantsCommand(cli: Cli): Command {
  return remoteCommand('grants', 'list grants: yours, and those of what you own', [
    { line: 'remit grants', says: 'all that you may see' },
    { line: 'remit grants --state active --mine', says: 'those under which you may act now' },
  ])
    .addOption(new Option('--state <state>', 'only those in this state').choices(states))
    .option('--mine', 'only those that you act under yourself')
    .option('--after <id>', 'go on after this one')
    .option('--max <count>', 'at most so many, up to 200')
    .action(deed(cli, list))
}

async function list(run: Run) {
  const client = await run.client()
  const state = states.find((each) => each === run.text('state'))
  const max = run.text('max')
  const query = withoutAbsent({
    state,
    mine: run.flag('mine') || undefined,
    after: run.text('after'),
    max: max === undefined ? undefined : Number(max),
  })
  const found = await run.during('listing grants', client.grants(query))
  const more = found.next === undefined ? [] : [`more: remit grants --after ${found.next}`]
  const standing = standingFirst(found.exceptions, run)
  const text =
    found.grants.length === 0 ? ['no grants; remit eligible shows what may be asked for'] : [...grantTable(found.grants, run), ...more]
  return { json: found, text: [...standing, ...text] }
}
