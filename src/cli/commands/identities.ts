/** `remit identities`: who there is. */
import type { Command } from 'commander'
import { type Cli, deed, remoteCommand } from '../command.ts'
import { tableLines } from '../table.ts'

export function identitiesCommand(cli: Cli): Command {
  return remoteCommand('identities', 'list identities: people, bots, agents', [
    { line: 'remit identities', says: 'those you may see, with owner and state' },
  ]).action(
    deed(cli, async (run) => {
      const client = await run.client()
      const found = await run.during('listing identities', client.identities())
      const rows = found.identities.map(({ name, kind, owner, roles, state, quarantine }) => [
        name,
        kind,
        owner ?? '-',
        quarantine === undefined ? state : 'quarantined',
        roles.join(', '),
      ])
      const columns = [
        { title: 'NAME' },
        { title: 'KIND' },
        { title: 'OWNER', gives: true },
        { title: 'STATE' },
        { title: 'ROLES', gives: true },
      ]
      return { json: found, text: rows.length === 0 ? ['no identities'] : tableLines(columns, rows, run) }
    }),
  )
}
