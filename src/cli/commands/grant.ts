/** `remit grant`: shows one grant in full. */
import type { Command } from 'commander'
import { type Cli, deed, grantNamed, remoteCommand } from '../command.ts'
import { grantLines } from '../grant-text.ts'

export function grantCommand(cli: Cli): Command {
  return remoteCommand('grant', 'show one grant', [
    { line: 'remit grant grn_01JC…', says: 'who may do what under it, until when, and who said so' },
  ])
    .argument('[id]', 'the grant (default: $REMIT_GRANT)')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const grant = await run.during('reading the grant', client.grant(grantNamed(run)))
        return { json: grant, text: grantLines(grant, run) }
      }),
    )
}
