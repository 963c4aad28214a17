/** `remit can`: what an identity may do now, could do if it asked, and at whose yes. */
import type { Command } from 'commander'
import { canLines } from '../can-text.ts'
import { type Cli, deed, remoteCommand } from '../command.ts'
import { withoutAbsent } from '../options.ts'

export function canCommand(cli: Cli): Command {
  return remoteCommand('can', 'show what an identity may do now, could do if it asked, and at whose yes', [
    { line: 'remit can release-bot', says: 'every operation that it can do or ask for, by grants, exceptions and policy' },
    { line: 'remit can incident-agent --for ana --service shop', says: 'acting for somebody: what both may' },
  ])
    .argument('<identity>', 'its name')
    .option('--for <name>', 'acting for this one')
    .option('--service <name>', 'only on this service')
    .option('--all', 'with what it can neither do nor ask for')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const query = withoutAbsent({ for: run.text('for'), service: run.text('service') })
        const asked = client.can(run.words[0] ?? '', { ...query, ...(run.flag('all') ? { all: true } : {}) })
        const found = await run.during('trying the policies', asked)
        return { json: found, text: canLines(found, run) }
      }),
    )
}
