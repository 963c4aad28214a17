/** `remit check`: policies and configuration held against everything that applying them would, without a running Remit. */
import type { Command } from 'commander'
import { type Cli, deed, localCommand } from '../command.ts'
import { problemLines } from '../configuration-run.ts'
import { exitCodes } from '../failures.ts'

export function checkCommand(cli: Cli): Command {
  return localCommand('check', 'check policies and remit.yaml, without a running Remit', [
    { line: 'remit check policies -f remit.yaml', says: 'points at file, line and column, and says what to do; for editors and pipelines' },
  ])
    .argument('[folder]', 'the folder of policies', 'policies')
    .option('-f, --file <path>', 'the configuration', 'remit.yaml')
    .action(
      deed(cli, async (run) => {
        const report = await run.during('checking', cli.house.check(run.words[0] ?? 'policies', run.text('file') ?? 'remit.yaml'))
        const { problems, policies, services } = report
        if (problems.length > 0) {
          const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
          return { json: report, text: [...problemLines(problems, run.paint), '', count], exitCode: exitCodes.failed }
        }
        return { json: report, text: [`all is well: ${policies} policies, ${services} services`] }
      }),
    )
}
