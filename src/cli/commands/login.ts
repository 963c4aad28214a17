/** `remit login`: signs a person in at the page, for the commands that follow. */
import type { Command } from 'commander'
import { beginDeviceSignIn } from '../../sdk/credentials.ts'
import { Remit } from '../../sdk/remit.ts'
import { type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { checkUrl } from '../connect.ts'
import { openPage } from '../open-page.ts'
import { loginPath, writeLogin } from '../stored-login.ts'
import { clean, describeInstant } from '../text.ts'

export function loginCommand(cli: Cli): Command {
  return remoteCommand('login', 'sign in with your passkey, for the commands that follow', [
    { line: 'remit login --url https://remit.example --open', says: 'opens the page where you confirm, and waits' },
  ])
    .option('--open', 'open the page in your browser ($BROWSER), on a terminal')
    .action(deed(cli, signIn))
}

async function signIn(run: Run) {
  const { env } = run.io
  const url = checkUrl(env, run.text('url') ?? (env['REMIT_URL'] || undefined))
  const path = loginPath(env)
  const begun = await run.during('asking', beginDeviceSignIn({ url, fetch: globalThis.fetch }))
  run.note(clean(`confirm on this page that it is you: ${begun.pageWithCode}`))
  run.note(`the code is ${run.paint.bold(clean(begun.userCode))}`)
  if (run.flag('open') && run.io.stderr.isTTY === true && !(await openPage(env, begun.pageWithCode)))
    run.note('no browser could be opened: open the page yourself')
  const token = (await run.during('waiting for you to confirm', begun.confirmed())).access_token
  const me = await new Remit({ url, credential: { token } }).whoami()
  const { expiresAt } = me.token
  await writeLogin(env, { url, token, expiresAt, name: me.identity.name })
  const json = { url, name: me.identity.name, expiresAt, kept: path }
  return { json, text: [clean(`signed in as ${me.identity.name} until ${describeInstant(expiresAt, run.io.now())}`)] }
}
