/** `remit approve` and `remit deny`: lead a person to the page where the answer is signed. */
import type { Command } from 'commander'
import type { Remit } from '../../sdk/remit.ts'
import type { GrantView, HoldView } from '../../sdk/views.ts'
import { type Answer, type Cli, deed, type Example, remoteCommand, type Run } from '../command.ts'
import { exitCodes, usageFailure } from '../failures.ts'
import { grantLines, holdLines } from '../grant-text.ts'
import { openPage } from '../open-page.ts'
import { clean } from '../text.ts'

type Wanted = 'approve' | 'deny'

export function approveCommand(cli: Cli): Command {
  return answerCommand(cli, 'approve', [
    { line: 'remit approve grn_01JC…', says: 'shows the request, and the page where your passkey signs the yes' },
    { line: 'remit approve hld_01JC… --open --wait', says: 'opens the page for a held action, and waits for what comes of it' },
  ])
}

export function denyCommand(cli: Cli): Command {
  return answerCommand(cli, 'deny', [{ line: 'remit deny hld_01JC… --open', says: 'opens the page where your passkey signs the no' }])
}

function answerCommand(cli: Cli, wanted: Wanted, examples: readonly Example[]): Command {
  return remoteCommand(wanted, `${wanted} a request or a held action, on the page where it is signed`, examples)
    .argument('<id>', 'the grant or the hold')
    .option('--open', 'open the page in your browser ($BROWSER), on a terminal')
    .option('--wait', 'wait for the answer')
    .action(deed(cli, (run) => lead(run, wanted)))
}

async function lead(run: Run, wanted: Wanted): Promise<Answer> {
  const id = run.words[0] ?? ''
  if (id.startsWith('exc_')) throw usageFailure(`"${id}" is an exception`, `remit exception approve ${id}`)
  if (!/^(?:grn|hld)_/.test(id)) throw usageFailure(`"${id}" is neither a grant nor a hold`, 'remit grants and remit holds list them')
  const client = await run.client()
  const subject = await run.during('reading it', readSubject(client, id))
  if (isClosed(subject.view.state)) return answered(subject, run, wanted)
  if (!run.json) {
    for (const line of linesOf(subject, run)) run.note(line)
    run.note('')
  }
  run.note(clean(`${wanted} it here: ${subject.view.page}`))
  if (run.flag('open') && run.io.stderr.isTTY === true && !(await openPage(run.io.env, subject.view.page)))
    run.note('no browser could be opened: open the page yourself')
  if (!run.flag('wait')) return { json: subject.view, text: [], exitCode: exitCodes.held }
  await run.during<unknown>('waiting for the answer', subject.kind === 'grant' ? client.waitForGrant(id) : client.waitForHold(id))
  return answered(await readSubject(client, id), run, wanted)
}

type Subject = { readonly kind: 'grant'; readonly view: GrantView } | { readonly kind: 'hold'; readonly view: HoldView }

async function readSubject(client: Remit, id: string): Promise<Subject> {
  return id.startsWith('grn_') ? { kind: 'grant', view: await client.grant(id) } : { kind: 'hold', view: await client.hold(id) }
}

function linesOf(subject: Subject, run: Run): string[] {
  return subject.kind === 'grant' ? grantLines(subject.view, run) : holdLines(subject.view, run)
}

function isClosed(state: string): boolean {
  return state !== 'pending' && state !== 'requested' && state !== 'waiting'
}

/** Done when it was answered as wanted, refused when otherwise. */
function answered(subject: Subject, run: Run, wanted: Wanted): Answer {
  const isDenied = ['denied', 'withdrawn', 'expired', 'unclaimed'].includes(subject.view.state)
  return {
    json: subject.view,
    text: linesOf(subject, run),
    exitCode: isDenied === (wanted === 'deny') ? exitCodes.done : exitCodes.refused,
  }
}
