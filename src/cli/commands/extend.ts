/** `remit extend`: asks for more time for a grant. */
import type { Command } from 'commander'
import { type Cli, deed, grantNamed, remoteCommand } from '../command.ts'
import { requestAnswer } from '../grant-text.ts'

export function extendCommand(cli: Cli): Command {
  return remoteCommand('extend', 'ask for more time for an active grant', [
    {
      line: 'remit extend grn_01JC… --time 15m --reason "the rollout waits for a node"',
      says: 'a quarter of an hour more, if policy allows',
    },
  ])
    .argument('[id]', 'the grant (default: $REMIT_GRANT)')
    .requiredOption('--time <duration>', 'how much longer, such as 15m')
    .requiredOption('--reason <text>', 'why')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const by = { duration: run.text('time') ?? '', reason: run.text('reason') ?? '' }
        return requestAnswer(await run.during('extending the grant', client.extend(grantNamed(run), by)), run)
      }),
    )
}
