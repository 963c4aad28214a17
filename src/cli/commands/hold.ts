/** `remit hold`: shows one held action in full. */
import type { Command } from 'commander'
import { type Cli, deed, remoteCommand } from '../command.ts'
import { holdLines } from '../grant-text.ts'

export function holdCommand(cli: Cli): Command {
  return remoteCommand('hold', 'show one held action', [
    { line: 'remit hold hld_01JC…', says: 'exactly what would be sent, and who must say yes' },
  ])
    .argument('<id>', 'the hold')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const hold = await run.during('reading the hold', client.hold(run.words[0] ?? ''))
        return { json: hold, text: holdLines(hold, run) }
      }),
    )
}
