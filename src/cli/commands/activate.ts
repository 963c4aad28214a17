/** `remit activate`: starts the work window of an approved grant. */
import type { Command } from 'commander'
import { type Cli, deed, grantNamed, remoteCommand } from '../command.ts'
import { requestAnswer } from '../grant-text.ts'

export function activateCommand(cli: Cli): Command {
  return remoteCommand('activate', 'start an approved grant: its time runs from now', [
    { line: 'remit activate grn_01JC…', says: 'starts it; doing it twice changes nothing' },
  ])
    .argument('[id]', 'the grant (default: $REMIT_GRANT)')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        return requestAnswer(await run.during('starting the grant', client.activate(grantNamed(run))), run)
      }),
    )
}
