/** `remit explain`: why one action was allowed, held or refused. */
import type { Command } from 'commander'
import { type Cli, deed, remoteCommand } from '../command.ts'
import { clean } from '../text.ts'

export function explainCommand(cli: Cli): Command {
  return remoteCommand('explain', 'say why one action was allowed, held or refused', [
    { line: 'remit explain dec_01JC…', says: 'the decision is named in each refusal and in the journal' },
  ])
    .argument('<decision>', 'its id')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const explanation = await run.during('reading the record', client.explain(run.words[0] ?? ''))
        return { json: explanation, text: explanation.words.map(clean) }
      }),
    )
}
