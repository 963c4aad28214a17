/** `remit ledger`: verify, export and look at the log of everything that matters. */
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Command } from 'commander'
import { type Answer, type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { CliFailure, exitCodes } from '../failures.ts'
import type { ExportReport } from '../house.ts'
import { factLines } from '../table.ts'
import { clean, type Paint } from '../text.ts'

export function ledgerCommand(cli: Cli): Command {
  return new Command('ledger')
    .description('verify, export and look at the log of everything that matters')
    .helpCommand(false)
    .addCommand(verifyCommand(cli))
    .addCommand(exportCommand(cli))
    .addCommand(checkpointCommand(cli))
}

function verifyCommand(cli: Cli): Command {
  return remoteCommand('verify', 'check every leaf, head, journal line and anchor, online or in an export', [
    { line: 'remit ledger verify --key "$(cat remit.vkey)"', says: 'reads all of it from Remit, against the key you kept' },
    { line: 'remit ledger verify ledger.ndjson', says: 'an export, without a Remit' },
  ])
    .argument('[file]', 'an export; without it the ledger is read from Remit')
    .option('--key <vkey>', 'a key that you trust; may be given again', collect)
    .action(deed(cli, verify))
}

export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value]
}

async function verify(run: Run): Promise<Answer> {
  const [file] = run.words
  const keys = run.texts('key')
  const lines = file === undefined ? (await run.client()).exportLedger() : fileLines(file)
  const report = await run.during('verifying', run.cli.house.verifyExport(lines, keys.length === 0 ? undefined : keys))
  return { json: report, text: reportLines(report, run.paint), exitCode: report.ok ? exitCodes.done : exitCodes.failed }
}

async function* fileLines(path: string): AsyncGenerator<string> {
  const file = createReadStream(path, 'utf8')
  try {
    yield* createInterface({ input: file, crlfDelay: Number.POSITIVE_INFINITY })
  } catch (thrown) {
    throw new CliFailure(`${path} cannot be read${thrown instanceof Error ? `: ${thrown.message}` : ''}`)
  } finally {
    file.destroy()
  }
}

function reportLines(report: ExportReport, paint: Paint): string[] {
  const { leaves, bodies, erased, withheld, checkpoints, failures } = report
  return [
    report.ok
      ? paint.green('verified')
      : paint.red(`NOT verified: ${failures.length === 1 ? 'one failure' : `${failures.length} failures`}`),
    ...factLines(
      [
        ['log', report.origin],
        ['key', report.keyGiven ? 'the one you gave' : 'the one the export names itself: give --key to hold it against yours'],
        ['leaves', `${leaves}, ${bodies} with their bodies, ${erased} erased${withheld === 0 ? '' : `, ${withheld} of other spaces`}`],
        ['heads', `${checkpoints}, the last of size ${report.size}, root ${report.root}`],
        [
          'journals',
          report.journals.map(
            ({ name, lines, seals, anchors, anchoredTo }) =>
              `${name}: ${lines} lines, ${seals} seals, ${anchors} anchors, anchored to line ${anchoredTo}`,
          ),
        ],
      ],
      paint,
    ),
    ...failures.map(({ where, what }) => `${paint.red(clean(where))}: ${clean(what)}`),
  ]
}

function exportCommand(cli: Cli): Command {
  return remoteCommand('export', 'write the whole ledger and its journals into a file', [
    { line: 'remit ledger export --out ledger.ndjson', says: 'for an auditor, who verifies it without Remit' },
  ])
    .requiredOption('--out <file>', 'a new file')
    .action(deed(cli, exportAll))
}

async function exportAll(run: Run): Promise<Answer> {
  const path = run.text('out') ?? ''
  const client = await run.client()
  const file = await open(path, 'wx', 0o600).catch((thrown: unknown) => {
    const isThere = typeof thrown === 'object' && thrown !== null && 'code' in thrown && thrown.code === 'EEXIST'
    throw new CliFailure(isThere ? `${path} is there already` : `${path} cannot be written`, { remedy: 'name a new file' })
  })
  let lines = 0
  const text = async function* () {
    for await (const line of client.exportLedger()) {
      lines += 1
      yield `${line}\n`
    }
  }
  try {
    await run.during('exporting', pipeline(Readable.from(text()), file.createWriteStream({ flush: true })))
  } catch (thrown) {
    // Half an export looks like a whole one until somebody verifies it.
    await rm(path, { force: true })
    throw thrown
  }
  return { json: { file: path, lines }, text: [clean(`${path}: ${lines} lines; check it with remit ledger verify ${path}`)] }
}

function checkpointCommand(cli: Cli): Command {
  return remoteCommand('checkpoint', 'print the newest signed head of the ledger, and its key', [
    { line: 'remit ledger checkpoint', says: 'keep it: whoever holds it notices a log that was rewritten' },
  ]).action(
    deed(cli, async (run) => {
      const client = await run.clientAsNobody()
      const head = await run.during('asking', client.checkpoint())
      const note = head.checkpoint.trimEnd().split('\n').map(clean)
      if (!run.json) run.note(clean(`key ${head.key}`))
      return { json: head, text: head.checkpoint === '' ? ['there is no head yet'] : note }
    }),
  )
}
