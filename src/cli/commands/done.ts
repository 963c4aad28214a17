/** `remit done`: ends one's own grant because the task is done. */
import type { Command } from 'commander'
import { type Cli, deed, grantNamed, remoteCommand } from '../command.ts'
import { confirmedLines, describeEnding } from '../grant-text.ts'
import { clean } from '../text.ts'

export function doneCommand(cli: Cli): Command {
  return remoteCommand('done', 'say that the task is done: the grant ends now', [
    { line: 'remit done grn_01JC…', says: 'ends it everywhere; a request that still waits is withdrawn' },
  ])
    .argument('[id]', 'the grant (default: $REMIT_GRANT)')
    .option('--reason <text>', 'what came of it')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const reason = run.text('reason')
        const grant = await run.during('ending the grant', client.done(grantNamed(run), reason === undefined ? {} : { reason }))
        return {
          json: grant,
          text: [
            clean(`${grant.id} ${grant.state}: ${describeEnding(grant) ?? 'nothing was left to end'}`),
            ...confirmedLines(grant.confirmed),
          ],
        }
      }),
    )
}
