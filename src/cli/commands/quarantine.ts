/** `remit quarantine` and `remit release`: stop everything an identity has and asks, and lift that again. */
import type { Command } from 'commander'
import { type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { confirmedLines } from '../grant-text.ts'
import { clean } from '../text.ts'

export function quarantineCommand(cli: Cli): Command {
  return remoteCommand('quarantine', 'end everything an identity has, and refuse everything it asks', [
    { line: 'remit quarantine shop-agent --reason "acts on instructions from a log line"', says: 'at once, on every gateway' },
  ])
    .argument('<name>', 'the identity')
    .requiredOption('--reason <text>', 'why')
    .action(deed(cli, quarantine))
}

async function quarantine(run: Run) {
  const client = await run.client()
  const stopped = await run.during('stopping it', client.quarantine(run.words[0] ?? '', run.text('reason') ?? ''))
  const { identity, ended, confirmed } = stopped
  const ends = ended.length === 0 ? 'it had no grants' : `ended: ${ended.join(', ')}`
  return { json: stopped, text: [clean(`${identity.name} is quarantined; ${ends}`), ...confirmedLines(confirmed)] }
}

export function releaseCommand(cli: Cli): Command {
  return remoteCommand('release', 'lift a quarantine; what ended with it stays ended', [
    { line: 'remit release shop-agent --reason "prompt mended, see OPS-9"', says: 'it may ask again' },
  ])
    .argument('<name>', 'the identity')
    .requiredOption('--reason <text>', 'why')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const released = await run.during('releasing it', client.release(run.words[0] ?? '', run.text('reason') ?? ''))
        return { json: released, text: [clean(`${released.name} may ask again; its earlier grants stay ended`)] }
      }),
    )
}
