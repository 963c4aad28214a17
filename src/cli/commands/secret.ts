/** `remit secret`: issues and revokes the API secrets of non-humans. */
import { open } from 'node:fs/promises'
import { Command } from 'commander'
import { type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { CliFailure, usageFailure } from '../failures.ts'
import { clean, describeInstant } from '../text.ts'

export function secretCommand(cli: Cli): Command {
  return new Command('secret')
    .description('issue and revoke API secrets')
    .helpCommand(false)
    .addCommand(issueCommand(cli))
    .addCommand(revokeCommand(cli))
}

function issueCommand(cli: Cli): Command {
  return remoteCommand('issue', 'make an API secret for a bot, an agent or a service; it is shown once', [
    {
      line: 'remit secret issue release-bot --lifetime 30d --out release-bot.secret',
      says: 'into a file that only you may read: for REMIT_SECRET_FILE',
    },
  ])
    .argument('<name>', 'the identity')
    .requiredOption('--lifetime <duration>', 'how long it lives, such as 30d')
    .option('--out <file>', 'write it to this new file')
    .option('--show', 'print it, even on a terminal')
    .action(deed(cli, issue))
}

async function issue(run: Run) {
  const out = run.text('out')
  if (out === undefined) refuseToShow(run, 'the secret')
  // The file comes first: a secret that could not be written down would be live and known to nobody.
  const file = out === undefined ? undefined : await newFile(out)
  try {
    const client = await run.client()
    const issued = await run.during('issuing', client.issueSecret(run.words[0] ?? '', run.text('lifetime') ?? ''))
    await file?.writeFile(`${issued.secret}\n`)
    const { secret, ...rest } = issued
    run.note(clean(`${issued.credential} for ${issued.identity}, until ${describeInstant(issued.expiresAt, run.io.now())}`))
    if (out === undefined) return { json: issued, text: [secret] }
    return { json: { ...rest, written: out }, text: [clean(`written to ${out}`)] }
  } finally {
    await file?.close()
  }
}

async function newFile(path: string) {
  return open(path, 'wx', 0o600).catch((thrown: unknown) => {
    const isThere = typeof thrown === 'object' && thrown !== null && 'code' in thrown && thrown.code === 'EEXIST'
    throw new CliFailure(isThere ? `${path} is there already` : `${path} cannot be written`, { remedy: 'name a new file' })
  })
}

/** A terminal is looked at, scrolled back and shared: what opens doors is printed there on request alone. */
export function refuseToShow(run: Run, what: string): void {
  if (run.io.stdout.isTTY === true && !run.flag('show'))
    throw usageFailure(`${what} would be printed on this terminal`, 'send it to a file or a program, or add --show')
}

function revokeCommand(cli: Cli): Command {
  return remoteCommand('revoke', 'end an API secret, and every token that rests on it', [
    { line: 'remit secret revoke crd_01JC…', says: 'at once' },
  ])
    .argument('<credential>', 'its id, as issuing it said')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const revoked = await run.during('revoking', client.revokeSecret(run.words[0] ?? ''))
        return { json: revoked, text: [clean(`${revoked.id} of ${revoked.identity} is revoked`)] }
      }),
    )
}
