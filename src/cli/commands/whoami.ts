/** `remit whoami`: who Remit takes the caller for. */
import type { Command } from 'commander'
import { type Cli, deed, remoteCommand } from '../command.ts'
import { factLines } from '../table.ts'
import { clean, describeInstant } from '../text.ts'

export function whoamiCommand(cli: Cli): Command {
  return remoteCommand('whoami', 'show who you are to Remit, and what you may do at its desk', [
    { line: 'remit whoami', says: 'your identity, roles and standing rights' },
  ]).action(
    deed(cli, async (run) => {
      const client = await run.client()
      const me = await run.during('asking', client.whoami())
      const now = run.io.now()
      const { identity, token } = me
      const text = [
        `${run.paint.bold(clean(identity.name))}  ${identity.kind}`,
        ...factLines(
          [
            [
              'exceptions',
              me.exceptions.map((each) => `${each.id}: ${each.reaches}; until ${describeInstant(each.expiresAt, now)}: ${each.reason}`),
            ],
            ['acts for', me.chain.slice(1).join(', for ')],
            ['owner', identity.owner],
            ['roles', identity.roles.join(', ') || 'none'],
            ['at the desk', me.desk.map((action) => describeRight(action, me.deskUnder?.[action])).join(', ') || 'nothing'],
            ['space', me.space],
            ['at', client.url],
            ['proved by', token.provedBy],
            ['token ends', describeInstant(token.expiresAt, now)],
          ],
          run.paint,
        ),
      ]
      return { json: me, text }
    }),
  )
}

/** Only what a grant lends is marked: an exception has lines of its own. */
function describeRight(action: string, under: string | undefined): string {
  return under?.startsWith('grn_') === true ? `${action} (by ${under})` : action
}
