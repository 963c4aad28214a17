/** `remit request`: asks for a grant. */
import { Argument, type Command } from 'commander'
import type { GrantRequestBody } from '../../sdk/views.ts'
import { type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { requestAnswer } from '../grant-text.ts'
import { withoutAbsent } from '../options.ts'

export function requestCommand(cli: Cli): Command {
  return remoteCommand('request', 'ask for a grant for one task', [
    { line: 'remit request shop/deploy --task release --for "ship 1.4" --ticket OPS-7', says: 'one operation' },
    {
      line: 'remit request read:shop "shop/restart,service=checkout,uses=1" --task incident --for "checkout hangs" --wait',
      says: 'reading all of it, and one restart of one service; waits for the answer',
    },
    {
      line: 'remit request "shop/refund,amount<=50,sum(amount)<=500,rate=10/1m" --task refunds --for "the orders of INC-8"',
      says: 'refunds up to 50 each and 500 in all, at most ten in any minute',
    },
  ])
    .addArgument(new Argument('<scope...>', 'effects on a service (read:shop), or one operation (shop/restart), with limits after commas'))
    .requiredOption('--task <kind>', 'kind of task, as policies name it')
    .requiredOption('--for <statement>', 'what it is for, in a sentence')
    .option('--ticket <id>', 'the ticket or run it belongs to')
    .option('--time <duration>', 'how long it is needed, such as 30m')
    .option('--idle <duration>', 'end it when nothing happened for so long')
    .option('--wait', 'wait until it is approved or denied')
    .action(deed(cli, request))
}

async function request(run: Run) {
  const client = await run.client()
  const body = requestBody(run, run.words)
  const asked = await run.during('asking', client.requestGrant(body))
  if (!run.flag('wait') || asked.state !== 'pending') return requestAnswer(asked, run)
  if (!run.json) run.note(`waiting for ${asked.approval} at ${asked.page}`)
  return requestAnswer(await run.during(`waiting for ${asked.approval}`, client.waitForGrant(asked.id)), run)
}

/** The request that the options describe. */
export function requestBody(run: Run, scope: readonly string[]): GrantRequestBody {
  return withoutAbsent({
    task: run.text('task') ?? '',
    statement: run.text('for') ?? '',
    scope,
    ticket: run.text('ticket'),
    duration: run.text('time'),
    idle: run.text('idle'),
  })
}
