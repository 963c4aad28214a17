/** `remit invite`: makes the one-time link with which a person registers a passkey. */
import type { Command } from 'commander'
import { type Cli, deed, remoteCommand } from '../command.ts'
import { clean, describeInstant } from '../text.ts'

export function inviteCommand(cli: Cli): Command {
  return remoteCommand('invite', 'make the link with which a person registers their passkey', [
    { line: 'remit invite alice', says: 'prints a link that works once: hand it to alice and nobody else' },
  ])
    .argument('<name>', 'the person, as remit.yaml names them')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const invitation = await run.during('making the link', client.invite(run.words[0] ?? ''))
        const { person, link, expiresAt } = invitation
        if (!run.json) run.note(clean(`for ${person} alone, once, until ${describeInstant(expiresAt, run.io.now())}:`))
        return { json: invitation, text: [clean(link)] }
      }),
    )
}
