/** `remit invite`: makes the one-time link with which a person registers a passkey. */
import type { Command } from 'commander'
import { type Cli, deed, remoteCommand } from '../command.ts'
import { exitCodes, usageFailure } from '../failures.ts'
import { clean, describeInstant } from '../text.ts'

export function inviteCommand(cli: Cli): Command {
  return remoteCommand('invite', 'make the link with which a person registers their passkey', [
    {
      line: 'remit invite alice',
      says: 'prints a link that works once: hand it to alice and nobody else. Somebody new is signed by another person first (exit 4)',
    },
    {
      line: 'remit invite alice --replace --reason "her laptop was stolen"',
      says: 'revokes her passkeys, ends what she does and what stands on her yes, then prints the link',
    },
  ])
    .argument('<name>', 'the person, as remit.yaml names them')
    .option('--replace', 'revoke the passkeys they have: for somebody who lost theirs')
    .option('--reason <text>', 'why they are replaced')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const [name = ''] = run.words
        const reason = run.text('reason')
        if (run.flag('replace') !== (reason !== undefined))
          throw usageFailure('--replace and --reason belong together', 'say why the passkeys are replaced')
        const making = reason === undefined ? client.invite(name) : client.replacePasskeys(name, { reason })
        const invitation = await run.during('making the link', making)
        if ('changeSet' in invitation) {
          const { person, changeSet } = invitation
          const text = [
            clean(`${person} is new here, and waits for ${changeSet.approval}: ${changeSet.id}`),
            run.paint.bold(clean(`it is signed here: ${changeSet.page}`)),
            clean(`then make the link: remit invite ${person}`),
          ]
          return { json: invitation, text, exitCode: exitCodes.held }
        }
        const { person, link, expiresAt } = invitation
        if (!run.json) run.note(clean(`for ${person} alone, once, until ${describeInstant(expiresAt, run.io.now())}:`))
        return { json: invitation, text: [clean(link)] }
      }),
    )
}
