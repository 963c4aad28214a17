/** `remit apply`: makes Remit what remit.yaml says, after showing what that changes. */
import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import { type Answer, type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { changeCount, planLines, problemAnswer, problemsOf, readFromDisk } from '../configuration-run.ts'
import { exitCodes, usageFailure } from '../failures.ts'

export function applyCommand(cli: Cli): Command {
  return remoteCommand('apply', 'make Remit what remit.yaml says, after showing the plan', [
    { line: 'remit apply -f remit.yaml', says: 'shows the plan and asks; repeating it changes nothing' },
    { line: 'SHOP_TOKEN=… remit apply -f remit.yaml --yes', says: 'in a pipeline; env: references are read here, and sealed over there' },
  ])
    .option('-f, --file <path>', 'the configuration', 'remit.yaml')
    .option('-y, --yes', 'do not ask')
    .action(deed(cli, apply))
}

async function apply(run: Run): Promise<Answer> {
  const configuration = await readFromDisk(run)
  if (configuration.problems.length > 0) return problemAnswer(configuration.problems, run)
  const client = await run.client()
  const plan = await run.during('planning', client.planConfiguration(configuration.document))
  const problems = problemsOf(plan, configuration)
  if (problems.length > 0) return problemAnswer(problems, run)
  const count = changeCount(plan.changes)
  if (count === 0) return { json: { plan, applied: false }, text: ['nothing to change'] }
  if (!run.flag('yes') && !(await agrees(run, planLines(plan.changes, run.paint)))) {
    return { json: { plan, applied: false }, text: ['nothing was changed'], exitCode: exitCodes.failed }
  }
  const applied = await run.during('applying', client.applyConfiguration(configuration.document))
  // Between the plan and this, somebody else may have changed something.
  const late = problemsOf(applied.plan, configuration)
  if (late.length > 0) return problemAnswer(late, run)
  const done = changeCount(applied.plan.changes)
  const text = [...planLines(applied.plan.changes, run.paint), `applied: ${done} ${done === 1 ? 'change' : 'changes'}`]
  return { json: { plan: applied.plan, version: applied.version, applied: true }, text }
}

/** Shows the plan and asks. Everything but a plain yes is a no. */
async function agrees(run: Run, lines: readonly string[]): Promise<boolean> {
  if (run.json || run.io.stdin.isTTY !== true) throw usageFailure('there is nobody to ask here', 'look at remit plan, then add --yes')
  for (const line of lines) run.note(line)
  run.io.stderr.write('apply this? [y/N] ')
  const reader = createInterface({ input: run.io.stdin })
  try {
    for await (const line of reader) return /^y(?:es)?$/i.test(line.trim())
    return false
  } finally {
    reader.close()
  }
}
