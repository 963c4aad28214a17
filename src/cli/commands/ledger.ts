/** `remit ledger`: verify, export and look at the log of everything that matters. */
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Command } from 'commander'
import { type Answer, type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { CliFailure, exitCodes, usageFailure } from '../failures.ts'
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
    .addCommand(proofCommand(cli))
    .addCommand(eraseCommand(cli))
}

function verifyCommand(cli: Cli): Command {
  return remoteCommand('verify', 'check every leaf, head, journal line and anchor, online or in an export', [
    { line: 'remit ledger verify --key "$(cat remit.vkey)"', says: 'reads all of it from Remit, against the key you kept' },
    { line: 'remit ledger verify ledger.ndjson --head kept.txt', says: 'an export, without a Remit; the head that you kept must be in it' },
    {
      line: 'remit ledger verify ledger.ndjson --journal ./gateway-data/journal',
      says: 'and beside it the journal that a gateway on another machine kept',
    },
    {
      line: 'remit ledger verify --proof entry.tlog-proof --key "$(cat remit.vkey)" --witness "$(cat witness.vkey)"',
      says: 'the proof of one entry, under a head that the witness cosigned, without a Remit',
    },
  ])
    .argument('[file]', 'an export; without it the ledger is read from Remit')
    .option('--key <vkey>', 'the key of the ledger that you trust; may be given again', collect)
    .option('--witness <vkey>', 'the key of a witness that must have cosigned; may be given again', collect)
    .option('--head <file>', 'a head that you kept, and that the ledger must have gone through; may be given again', collect)
    .option('--journal <folder>', 'the journal of a gateway elsewhere, or of another control node; may be given again', collect)
    .option('--proof <file>', 'check the proof of one entry instead')
    .action(deed(cli, verify))
}

export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value]
}

async function verify(run: Run): Promise<Answer> {
  const [file] = run.words
  const keys = [...run.texts('key'), ...run.texts('witness')]
  const proof = run.text('proof')
  if (proof !== undefined) return verifyOne(run, proof, keys)
  const heads = run.texts('head').map((path) => readHead(path))
  const { lines, newest } = file === undefined ? await online(run) : { lines: fileLines(file), newest: [] }
  const report = await run.during(
    'verifying',
    run.cli.house.verifyExport({ lines, vkeys: keys, heads: [...heads, ...newest], journals: run.texts('journal') }),
  )
  return { json: report, text: reportLines(report, run.paint), exitCode: report.ok ? exitCodes.done : exitCodes.failed }
}

/** The newest head is asked for first: what is read afterwards must reach it. */
async function online(run: Run): Promise<{ readonly lines: AsyncIterable<string>; readonly newest: readonly string[] }> {
  const client = await run.client()
  const { checkpoint } = await run.during('asking', client.checkpoint())
  return { lines: client.exportLedger(), newest: checkpoint === '' ? [] : [checkpoint] }
}

function readHead(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    throw new CliFailure(`${path} cannot be read${thrown instanceof Error ? `: ${thrown.message}` : ''}`)
  }
}

async function verifyOne(run: Run, path: string, keys: readonly string[]): Promise<Answer> {
  const { paint } = run
  const report = await run.cli.house.verifyProof(readHead(path), keys)
  const { ok, origin, index, size, body, cosignedBy, unknown, failures } = report
  const text = [
    ok ? paint.green('verified') : paint.red('NOT verified'),
    ...factLines(
      [
        ['log', origin],
        ['entry', `${index} of ${size}`],
        [
          'says',
          body === undefined
            ? 'the body is erased, or of another space: that there was an entry is proved, not what it said'
            : JSON.stringify(body),
        ],
        ['cosigned', cosignedBy.length === 0 ? 'by none of the witnesses you named' : cosignedBy.join(', ')],
        ['unknown', unknown.length === 0 ? undefined : `signatures of ${unknown.join(', ')}, whose keys you did not give`],
      ],
      paint,
    ),
    ...failures.map((what) => `${paint.red('failed')}: ${clean(what)}`),
  ]
  return { json: report, text, exitCode: ok ? exitCodes.done : exitCodes.failed }
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
        [
          'witnesses',
          report.witnesses.map(
            ({ name, keyGiven, heads, size }) =>
              `${name}${keyGiven ? '' : ' (whose key you did not give)'}: ${heads} heads, the last of size ${size}`,
          ),
        ],
        ['leaves', `${leaves}, ${bodies} with their bodies, ${erased} erased${withheld === 0 ? '' : `, ${withheld} of other spaces`}`],
        ['heads', `${checkpoints}, the last of size ${report.size}, root ${report.root}`],
        [
          'journals',
          report.journals.map(
            ({ name, lines, seals, anchors, anchoredTo, prunedTo }) =>
              `${name}: ${lines} lines, ${seals} seals, ${anchors} anchors, anchored to line ${anchoredTo}${prunedTo === 0 ? '' : `; lines 1 to ${prunedTo} were taken away, as the ledger says`}`,
          ),
        ],
        [
          'elsewhere',
          report.elsewhere.map(
            ({ name, anchors, anchoredTo }) => `${name}: ${anchors} anchors, to line ${anchoredTo}; vouched for, and not in this export`,
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

function proofCommand(cli: Cli): Command {
  return remoteCommand('proof', 'one entry with all that proves it, as a file for whoever has the key', [
    { line: 'remit ledger proof 4711 --out entry.tlog-proof', says: 'holds what the entry says: give it to nobody who may not know' },
  ])
    .argument('<entry>', 'its number')
    .option('--out <file>', 'a new file; without it the proof is printed')
    .action(deed(cli, prove))
}

async function prove(run: Run): Promise<Answer> {
  const index = entryNumber(run.words[0])
  const path = run.text('out')
  const { proof } = await run.during('asking', (await run.client()).ledgerProof(index))
  if (path === undefined) return { json: { index, proof }, text: proof.trimEnd().split('\n').map(clean) }
  try {
    writeFileSync(path, proof, { flag: 'wx', mode: 0o600 })
  } catch (thrown) {
    throw new CliFailure(`${path} cannot be written${thrown instanceof Error ? `: ${thrown.message}` : ''}`, { remedy: 'name a new file' })
  }
  return { json: { index, file: path }, text: [clean(`${path}: check it with remit ledger verify --proof ${path} --key KEY`)] }
}

function eraseCommand(cli: Cli): Command {
  return remoteCommand('erase', 'forget what an entry says; that it was there stays proved', [
    {
      line: 'remit ledger erase 4711 --reason "a password was pasted into the statement"',
      says: 'the reason stands in the ledger for good',
    },
  ])
    .argument('<entry>', 'its number')
    .requiredOption('--reason <text>', 'why')
    .action(
      deed(cli, async (run) => {
        const index = entryNumber(run.words[0])
        const erased = await run.during('erasing', (await run.client()).eraseLedgerBody(index, { reason: run.text('reason') ?? '' }))
        return {
          json: erased,
          text: [clean(`the body of entry ${erased.index} (${erased.kind}) is erased; exports and backups made before still have it`)],
        }
      }),
    )
}

function entryNumber(text: string | undefined): number {
  const index = Number(text)
  if (!/^\d{1,15}$/.test(text ?? '')) throw usageFailure('an entry is named by its number', 'an export, and the console, tell the numbers')
  return index
}
