/** `remit apply`: shows what remit.yaml would change, and with a yes proposes it: what widens waits for another person. */
import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import type { Remit } from '../../sdk/remit.ts'
import type { ChangeSetView, ConfiguredOutcomeView, PlanView } from '../../sdk/views.ts'
import { type Answer, type Cli, deed, remoteCommand, type Run } from '../command.ts'
import type { Configuration } from '../configuration-file.ts'
import { planLines, problemAnswer, problemsOf, readFromDisk } from '../configuration-run.ts'
import { exitCodes } from '../failures.ts'
import { withoutAbsent } from '../options.ts'
import { clean } from '../text.ts'

export function applyCommand(cli: Cli): Command {
  return remoteCommand('apply', 'make Remit what remit.yaml says, after showing the plan', [
    { line: 'remit apply -f remit.yaml', says: 'shows the plan and asks; repeating it changes nothing' },
    {
      line: 'SHOP_TOKEN=… remit apply -f remit.yaml --yes --wait',
      says: 'in a pipeline: waits for the people who must sign; env: references are read here, and sealed over there',
    },
    { line: 'remit apply -f remit.yaml --prune', says: 'shows what would go, too; without it nothing is deleted' },
  ])
    .option('-f, --file <path>', 'the configuration', 'remit.yaml')
    .option('-y, --yes', 'do not ask: propose what the plan shows')
    .option('--prune', 'what the file does not name goes: identities are disabled, services and issuers removed for ever')
    .option('--reason <text>', 'why, for whoever must sign')
    .option('--wait', 'wait until it was signed')
    .action(deed(cli, apply))
}

async function apply(run: Run): Promise<Answer> {
  const configuration = await readFromDisk(run)
  if (configuration.problems.length > 0) return problemAnswer(configuration.problems, run)
  const client = await run.client()
  try {
    return await planAndApply(run, client, configuration)
  } catch (thrown) {
    return problemAnswer(problemsOf(thrown, configuration), run)
  }
}

async function planAndApply(run: Run, client: Remit, { document }: Configuration): Promise<Answer> {
  const body = { document, prune: run.flag('prune') ? 'everything' : 'nothing' } as const
  const plan = await run.during('planning', client.planConfiguration(body))
  const lines = planLines(plan, run.paint)
  if (!run.flag('yes') && plan.changes.length + (plan.exceptions ?? []).length > 0) {
    const answer = await agrees(run, lines)
    if (answer !== 'yes') {
      const text = answer === 'no' ? ['nothing was changed'] : [...lines, '', 'nothing was changed; add --yes to propose it']
      return { json: { plan, applied: false }, text, exitCode: exitCodes.failed }
    }
  }
  // What was shown, or nothing: somebody else may have changed something meanwhile.
  const proposal = withoutAbsent({ ...body, base: plan.base, reason: run.text('reason') })
  const { changeSet, exceptions = [] } = await run.during('applying', client.proposeChange(proposal))
  for (const each of exceptions) run.note(clean(outcomeLine(each)))
  if (changeSet === undefined) {
    const text = exceptions.length === 0 ? ['nothing to change'] : ['nothing else to change']
    return { json: { plan, applied: false, exceptions }, text }
  }
  if (changeSet.state !== 'proposed' || !run.flag('wait')) return ended(plan, changeSet, lines, run)
  run.note(clean(`waiting for ${changeSet.approval}: ${changeSet.page}`))
  return ended(plan, await client.waitForChangeSet(changeSet.id), lines, run)
}

function outcomeLine({ identity, id, state, page, refusal }: ConfiguredOutcomeView): string {
  if (id === undefined) return `the exception of ${identity} was not proposed: ${refusal ?? 'it was refused'}`
  return state === 'proposed'
    ? `the exception of ${identity} waits for a person: ${page ?? id}`
    : `the exception of ${identity} is ${state ?? ''}: ${id}`
}

function ended(plan: PlanView, changeSet: ChangeSetView, lines: readonly string[], run: Run): Answer {
  const json = { plan, changeSet, applied: changeSet.state === 'applied' }
  const shown = run.flag('yes') ? [...lines, ''] : []
  const number = plan.changes.length
  const count = number === 0 ? 'only the wording of policies' : number === 1 ? '1 change' : `${number} changes`
  if (changeSet.state === 'applied') return { json, text: [...shown, clean(`applied: ${count} (${changeSet.ending ?? ''})`)] }
  if (changeSet.state !== 'proposed') {
    return {
      json,
      text: [...shown, clean(`not applied: it is ${changeSet.state}: ${changeSet.ending ?? ''}`)],
      exitCode: exitCodes.refused,
    }
  }
  const waits = [clean(`waits for ${changeSet.approval}: ${changeSet.id}`), run.paint.bold(clean(`it is signed here: ${changeSet.page}`))]
  return { json, text: [...shown, ...waits], exitCode: exitCodes.held }
}

/** Shows the plan and asks, where somebody sits at a terminal. Everything but a plain yes is a no. */
async function agrees(run: Run, lines: readonly string[]): Promise<'yes' | 'no' | 'nobody'> {
  if (run.json || run.io.stdin.isTTY !== true) return 'nobody'
  for (const line of lines) run.note(line)
  run.io.stderr.write('propose this? [y/N] ')
  const reader = createInterface({ input: run.io.stdin })
  try {
    for await (const line of reader) return /^y(?:es)?$/i.test(line.trim()) ? 'yes' : 'no'
    return 'no'
  } finally {
    reader.close()
  }
}
