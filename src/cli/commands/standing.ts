/** `remit standing`: everything that stands, Remit's own desk included. */
import type { Command } from 'commander'
import { type Cli, deed, remoteCommand } from '../command.ts'
import { standingLines } from '../exception-text.ts'

export function standingCommand(cli: Cli): Command {
  return remoteCommand('standing', 'show every standing privilege: yours, or all of them if you may audit', [
    { line: 'remit standing', says: 'exceptions first, then the desk, grants without a gap, upstream credentials' },
  ]).action(
    deed(cli, async (run) => {
      const client = await run.client()
      const standing = await run.during('looking', client.standing())
      return { json: standing, text: standingLines(standing, run) }
    }),
  )
}
