/** `remit logout`: forgets the sign-in that is kept. */
import type { Command } from 'commander'
import { type Cli, deed, localCommand } from '../command.ts'
import { forgetLogin } from '../stored-login.ts'

export function logoutCommand(cli: Cli): Command {
  return localCommand('logout', 'forget your sign-in on this machine', [
    { line: 'remit logout', says: 'removes the file; the token in it ends by itself within the hour' },
  ]).action(
    deed(cli, async (run) => {
      const forgotten = await forgetLogin(run.io.env)
      return { json: { forgotten }, text: [forgotten ? 'signed out' : 'there was no sign-in'] }
    }),
  )
}
