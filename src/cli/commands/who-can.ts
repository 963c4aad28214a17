/** `remit who-can`: who may have an effect on a resource now, and who could. */
import type { Command } from 'commander'
import { whoCanLines } from '../can-text.ts'
import { type Cli, deed, remoteCommand } from '../command.ts'
import { usageFailure } from '../failures.ts'

export function whoCanCommand(cli: Cli): Command {
  return remoteCommand('who-can', 'show who may have an effect on a resource now, and who could', [
    { line: 'remit who-can execute shop/restart', says: 'whoever may now comes first' },
    { line: 'remit who-can any shop', says: 'anything at all on a service' },
    { line: 'remit who-can administer desk', says: "who runs Remit's own desk, and who could" },
  ])
    .argument('<effect>', 'observe, read, write, delete, execute, configure, administer, actuate, or any')
    .argument('<resource>', 'a service, as shop, or one operation, as shop/restart')
    .option('--max <number>', 'how many identities to name (default: 100)')
    .action(
      deed(cli, async (run) => {
        const [effect = '', resource = ''] = run.words
        const max = run.text('max')
        if (max !== undefined && !/^[1-9]\d{0,3}$/.test(max)) throw usageFailure('--max is no number', 'give a number from 1 to 1000')
        const client = await run.client()
        const asked = client.whoCan({ effect, resource, ...(max === undefined ? {} : { max: Number(max) }) })
        const found = await run.during('looking at everybody', asked)
        return { json: found, text: whoCanLines(found, run) }
      }),
    )
}
