/** `remit hold`: shows one held action in full. */
import type { Command } from 'commander'
import { type Cli, deed, remoteCommand } from '../command.ts'
import { holdLines } from '../grant-text.ts'
import { recentBefore, recentLines } from '../recent-text.ts'

export function holdCommand(cli: Cli): Command {
  return remoteCommand('hold', 'show one held action, and what was done before it', [
    { line: 'remit hold hld_01JC…', says: 'exactly what would be sent, who must say yes, and what is different from the last times' },
  ])
    .argument('<id>', 'the hold')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const hold = await run.during('reading the hold', client.hold(run.words[0] ?? ''))
        const recent = await recentBefore(run, client, hold.id)
        return { json: recent === undefined ? hold : { ...hold, recent }, text: [...holdLines(hold, run), ...recentLines(recent, run)] }
      }),
    )
}
