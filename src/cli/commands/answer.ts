/** `remit approve` and `remit deny`: lead a person to the page where the answer is signed. */
import type { Command } from 'commander'
import type { Remit } from '../../sdk/remit.ts'
import type { ChangeSetView, ExceptionView, GrantView, HoldView } from '../../sdk/views.ts'
import { type Answer, type Cli, deed, type Example, remoteCommand, type Run } from '../command.ts'
import { changeSetLines } from '../configuration-run.ts'
import { exceptionLines } from '../exception-text.ts'
import { exitCodes, usageFailure } from '../failures.ts'
import { grantLines, holdLines } from '../grant-text.ts'
import { openPage } from '../open-page.ts'
import { recentBefore, recentLines } from '../recent-text.ts'
import { clean } from '../text.ts'

type Wanted = 'approve' | 'deny'

export function approveCommand(cli: Cli): Command {
  return answerCommand(cli, 'approve', [
    { line: 'remit approve grn_01JC…', says: 'shows the request, and the page where your passkey signs the yes' },
    { line: 'remit approve hld_01JC… --open --wait', says: 'opens the page for a held action, and waits for what comes of it' },
    { line: 'remit approve chg_01JC…', says: 'a change of configuration, line by line, and its page; so also for an exception, exc_01JC…' },
  ])
}

export function denyCommand(cli: Cli): Command {
  return answerCommand(cli, 'deny', [{ line: 'remit deny hld_01JC… --open', says: 'opens the page where your passkey signs the no' }])
}

function answerCommand(cli: Cli, wanted: Wanted, examples: readonly Example[]): Command {
  return remoteCommand(wanted, `${wanted} a request, held action, change or exception, by passkey on its page`, examples)
    .argument('<id>', 'of the grant, the hold, the change-set or the exception')
    .option('--open', 'open the page in your browser ($BROWSER), on a terminal')
    .option('--wait', 'wait for the answer')
    .action(deed(cli, (run) => lead(run, wanted)))
}

async function lead(run: Run, wanted: Wanted): Promise<Answer> {
  const id = run.words[0] ?? ''
  const kind = kinds[id.slice(0, 4)]
  if (kind === undefined)
    throw usageFailure(`"${id}" is nothing that is answered`, 'remit grants, holds, changes list and exception list show what is')
  // Days, where others wait for minutes.
  if (kind === 'exception' && run.flag('wait')) throw usageFailure('an exception is not waited for', `remit exception show ${id}`)
  const client = await run.client()
  const subject = await run.during('reading it', readSubject(client, kind, id))
  if (isClosed(subject.view.state)) return answered(subject, run, wanted)
  if (!run.json) {
    for (const line of linesOf(subject, run)) run.note(line)
    if (subject.kind === 'hold') for (const line of recentLines(await recentBefore(run, client, id), run)) run.note(line)
    run.note('')
  }
  run.note(clean(`${wanted} it here: ${subject.view.page}`))
  if (run.flag('open') && run.io.stderr.isTTY === true && !(await openPage(run.io.env, subject.view.page)))
    run.note('no browser could be opened: open the page yourself')
  if (!run.flag('wait')) return { json: subject.view, text: [], exitCode: exitCodes.held }
  await run.during<unknown>('waiting for the answer', untilAnswered(client, subject))
  return answered(await readSubject(client, kind, id), run, wanted)
}

type Subject =
  | { readonly kind: 'grant'; readonly view: GrantView }
  | { readonly kind: 'hold'; readonly view: HoldView }
  | { readonly kind: 'changeSet'; readonly view: ChangeSetView }
  | { readonly kind: 'exception'; readonly view: ExceptionView }

const kinds: Readonly<Record<string, Subject['kind']>> = { grn_: 'grant', hld_: 'hold', chg_: 'changeSet', exc_: 'exception' }

async function readSubject(client: Remit, kind: Subject['kind'], id: string): Promise<Subject> {
  switch (kind) {
    case 'grant':
      return { kind, view: await client.grant(id) }
    case 'hold':
      return { kind, view: await client.hold(id) }
    case 'changeSet':
      return { kind, view: await client.changeSet(id) }
    case 'exception':
      return { kind, view: await client.exception(id) }
  }
}

async function untilAnswered(client: Remit, { kind, view }: Subject): Promise<unknown> {
  switch (kind) {
    case 'grant':
      return client.waitForGrant(view.id)
    case 'hold':
      return client.waitForHold(view.id)
    case 'changeSet':
      return client.waitForChangeSet(view.id)
    case 'exception':
      return undefined
  }
}

function linesOf(subject: Subject, run: Run): string[] {
  switch (subject.kind) {
    case 'grant':
      return grantLines(subject.view, run)
    case 'hold':
      return holdLines(subject.view, run)
    case 'changeSet':
      return changeSetLines(subject.view, run)
    case 'exception':
      return exceptionLines(subject.view, run)
  }
}

function isClosed(state: string): boolean {
  return !['pending', 'requested', 'waiting', 'proposed'].includes(state)
}

/** Done when it was answered as wanted, refused when otherwise. */
function answered(subject: Subject, run: Run, wanted: Wanted): Answer {
  const isDenied = ['denied', 'withdrawn', 'expired', 'unclaimed', 'stale'].includes(subject.view.state)
  return {
    json: subject.view,
    text: linesOf(subject, run),
    exitCode: isDenied === (wanted === 'deny') ? exitCodes.done : exitCodes.refused,
  }
}
