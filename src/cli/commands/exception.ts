/** `remit exception`: proposes, shows and closes standing privileges that had to stay. */
import { Argument, Command, Option } from 'commander'
import type { ExceptionBody, ExceptionStateName, ExceptionView } from '../../sdk/views.ts'
import { type Answer, type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { exceptionLines, exceptionTable } from '../exception-text.ts'
import { exitCodes, usageFailure } from '../failures.ts'
import { openPage } from '../open-page.ts'
import { withoutAbsent } from '../options.ts'
import { clean } from '../text.ts'

const states: readonly ExceptionStateName[] = ['proposed', 'active', 'ended', 'denied', 'withdrawn']
const deskActions = ['approve', 'audit', 'stop', 'operate', 'administer'] as const

export function exceptionCommand(cli: Cli): Command {
  return new Command('exception')
    .description('standing privileges that had to stay: owned, dated, approved, and worked off')
    .helpCommand(false)
    .addCommand(proposeCommand(cli))
    .addCommand(listCommand(cli))
    .addCommand(showCommand(cli))
    .addCommand(approveCommand(cli))
    .addCommand(tickCommand(cli))
    .addCommand(withdrawCommand(cli))
    .addCommand(endCommand(cli))
}

function proposeCommand(cli: Cli): Command {
  return remoteCommand('propose', 'propose an exception; a person approves it', [
    {
      line: 'remit exception propose batch read:shop --owner ana --reason "the old batch cannot ask" --step "teach it to ask" --time 30d',
      says: 'reading the shop for thirty days, without asking each time',
    },
    {
      line: 'remit exception propose ana --desk administer,stop --owner ana --reason "handing over" --step "roles" --time 30d --renews exc_01JC…',
      says: 'a right at the desk, once more: only by another person’s approval',
    },
  ])
    .addArgument(new Argument('<identity>', 'who is to have it'))
    .addArgument(new Argument('[scope...]', 'effects on a service (read:shop), or one operation (shop/restart), with limits after commas'))
    .requiredOption('--owner <person>', 'who answers for it')
    .requiredOption('--reason <text>', 'why it has to stay')
    .option('--step <text>', 'a step after which it is not needed any more; several, in their order', collect)
    .option('--desk <actions>', `instead of a scope, at Remit's own desk: ${deskActions.join(', ')}, with commas`)
    .option('--time <duration>', 'how long from now, such as 30d; at most 90d')
    .option('--until <instant>', 'or its end: 2026-12-31, in UTC')
    .option('--renews <exception>', 'the one that it follows')
    .action(deed(cli, propose))
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

async function propose(run: Run): Promise<Answer> {
  const client = await run.client()
  const [identity = '', ...scope] = run.words
  const desk = run.text('desk')
  const body: ExceptionBody = withoutAbsent({
    identity,
    owner: run.text('owner') ?? '',
    scope: scope.length === 0 ? undefined : scope,
    deskActions: desk === undefined ? undefined : deskActionsOf(desk),
    reason: run.text('reason') ?? '',
    remediation: run.texts('step'),
    duration: run.text('time'),
    until: run.text('until'),
    renews: run.text('renews'),
  })
  const proposed = await run.during('proposing', client.proposeException(body))
  const next = proposed.state === 'proposed' ? [run.paint.bold(clean(`approved by another person here: ${proposed.page}`))] : []
  return {
    json: proposed,
    text: [...exceptionLines(proposed, run), ...next],
    exitCode: proposed.state === 'proposed' ? exitCodes.held : exitCodes.done,
  }
}

function deskActionsOf(text: string): ExceptionBody['deskActions'] {
  return text.split(',').map((part) => {
    const known = deskActions.find((each) => each === part.trim())
    if (known === undefined) throw usageFailure(`"${part}" is nothing at the desk`, deskActions.join(', '))
    return known
  })
}

function listCommand(cli: Cli): Command {
  return remoteCommand('list', 'list exceptions: yours, of what you own, that you answer for', [
    { line: 'remit exception list --state active', says: 'what stands now' },
  ])
    .addOption(new Option('--state <state>', 'only those in this state').choices(states))
    .option('--after <id>', 'go on after this one')
    .option('--max <count>', 'at most so many, up to 200')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const max = run.text('max')
        const query = withoutAbsent({
          state: run.text('state'),
          after: run.text('after'),
          max: max === undefined ? undefined : Number(max),
        })
        const found = await run.during('listing exceptions', client.exceptions(query))
        const more = found.next === undefined ? [] : [`more: remit exception list --after ${found.next}`]
        return {
          json: found,
          text: found.exceptions.length === 0 ? ['no exceptions', ...more] : [...exceptionTable(found.exceptions, run), ...more],
        }
      }),
    )
}

function showCommand(cli: Cli): Command {
  return remoteCommand('show', 'show one exception', [
    { line: 'remit exception show exc_01JC…', says: 'what it permits, who answers for it, the way out and its end' },
  ])
    .argument('<id>', 'the exception')
    .action(deed(cli, (run) => answered(run, 'reading it', async () => (await run.client()).exception(idOf(run)))))
}

function approveCommand(cli: Cli): Command {
  return remoteCommand('approve', 'lead to the page where a yes or a no to it is signed', [
    { line: 'remit exception approve exc_01JC… --open', says: 'opens the page where your passkey signs' },
  ])
    .argument('<id>', 'the exception')
    .option('--open', 'open the page in your browser ($BROWSER), on a terminal')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const exception = await run.during('reading it', client.exception(idOf(run)))
        if (exception.state !== 'proposed') return { json: exception, text: exceptionLines(exception, run) }
        if (!run.json) for (const line of exceptionLines(exception, run)) run.note(line)
        run.note(clean(`answer it here: ${exception.page}`))
        if (run.flag('open') && run.io.stderr.isTTY === true && !(await openPage(run.io.env, exception.page)))
          run.note('no browser could be opened: open the page yourself')
        return { json: exception, text: [], exitCode: exitCodes.held }
      }),
    )
}

function tickCommand(cli: Cli): Command {
  return remoteCommand('tick', 'tick off a step of the way out', [
    { line: 'remit exception tick exc_01JC… 1', says: 'the first step is done' },
  ])
    .argument('<id>', 'the exception')
    .argument('<step>', 'its number, from 1')
    .action(
      deed(cli, (run) => answered(run, 'ticking it off', async () => (await run.client()).tickException(idOf(run), Number(run.words[1])))),
    )
}

function withdrawCommand(cli: Cli): Command {
  return remoteCommand('withdraw', 'take a proposal back', [
    { line: 'remit exception withdraw exc_01JC… --reason "it can ask now"', says: 'before anybody has answered' },
  ])
    .argument('<id>', 'the exception')
    .requiredOption('--reason <text>', 'why')
    .action(
      deed(cli, (run) =>
        answered(run, 'withdrawing it', async () => (await run.client()).withdrawException(idOf(run), run.text('reason') ?? '')),
      ),
    )
}

function endCommand(cli: Cli): Command {
  return remoteCommand('end', 'end an exception before its time, with the evidence', [
    {
      line: 'remit exception end exc_01JC… --evidence https://tickets.example/OPS-7',
      says: 'ends it, and everything that lives by it, at once',
    },
  ])
    .argument('<id>', 'the exception')
    .requiredOption('--evidence <text>', 'why it is not needed any more, or where that stands')
    .action(
      deed(cli, (run) => answered(run, 'ending it', async () => (await run.client()).endException(idOf(run), run.text('evidence') ?? ''))),
    )
}

async function answered(run: Run, words: string, ask: () => Promise<ExceptionView>): Promise<Answer> {
  const exception = await run.during(words, ask())
  return { json: exception, text: exceptionLines(exception, run) }
}

function idOf(run: Run): string {
  return run.words[0] ?? ''
}
