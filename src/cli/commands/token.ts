/** `remit token`: a gateway token for a grant, for scripts. */
import type { Command } from 'commander'
import { type Cli, deed, grantNamed, remoteCommand, type Run } from '../command.ts'
import { refuseToShow } from './secret.ts'

export function tokenCommand(cli: Cli): Command {
  return remoteCommand('token', 'print a token with which gateways let you act under an active grant', [
    { line: 'TOKEN=$(remit token grn_01JC…)', says: 'send it as Authorization: Bearer; it ends with the grant at the latest' },
    { line: 'TOKEN=$(remit token grn_01JC… --gateway edge)', says: 'for services that say `gateway: edge`' },
  ])
    .argument('[id]', 'the grant (default: $REMIT_GRANT)')
    .option('--gateway <name>', 'for services of this gateway, which runs elsewhere', 'http')
    .option('--show', 'print it, even on a terminal')
    .action(deed(cli, print))
}

async function print(run: Run) {
  refuseToShow(run, 'the token')
  const grant = grantNamed(run)
  const client = await run.client()
  const { access_token: token, expires_in: seconds } = await run.during(
    'exchanging',
    client.sessionToken(grant, { gateway: run.text('gateway') ?? 'http' }),
  )
  return { json: { token, grant, expiresInSeconds: seconds }, text: [token] }
}
