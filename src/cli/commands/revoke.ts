/** `remit revoke`: stops a grant, one's own or somebody's. */
import type { Command } from 'commander'
import { type Cli, deed, grantNamed, remoteCommand } from '../command.ts'
import { confirmedLines, describeEnding } from '../grant-text.ts'
import { clean } from '../text.ts'

export function revokeCommand(cli: Cli): Command {
  return remoteCommand('revoke', 'stop a grant, and hear from every gateway that it stopped', [
    { line: 'remit revoke grn_01JC… --reason "wrong cluster"', says: 'ends it, its sessions and its held actions' },
  ])
    .argument('[id]', 'the grant (default: $REMIT_GRANT)')
    .requiredOption('--reason <text>', 'why')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const { grant, confirmed } = await run.during('stopping the grant', client.revoke(grantNamed(run), run.text('reason') ?? ''))
        return {
          json: { grant, confirmed },
          text: [clean(`${grant.id} ${grant.state}: ${describeEnding(grant) ?? ''}`), ...confirmedLines(confirmed)],
        }
      }),
    )
}
