/** `remit backup`, `remit restore`, `remit new-epoch`: what is kept, copied while Remit runs, and begun anew from the copy. */
import type { Command } from 'commander'
import { type Answer, type Cli, deed, localCommand, type Run } from '../command.ts'
import { usageFailure } from '../failures.ts'
import type { EpochOptions, EpochReport } from '../house.ts'
import { factLines } from '../table.ts'

const databaseHelp =
  'the PostgreSQL database that remit up --database names: env:NAME, file:PATH or an address (default: in the data folder)'

export function backupCommand(cli: Cli): Command {
  return localCommand('backup', 'copy everything that is kept into a new folder, while Remit runs; without its keys', [
    { line: 'remit backup --data ./remit-data --out ./backups/2026-01-31', says: 'store and journals, at one moment' },
    { line: 'cp -a ./remit-data/keys /somewhere/else', says: 'the keys go another way: with both, everything sealed can be opened' },
  ])
    .option('--data <folder>', 'the data folder', 'remit-data')
    .option('--database <address>', databaseHelp)
    .option('--out <folder>', 'the folder to make; it must not be there')
    .action(deed(cli, (run) => makeBackup(cli, run)))
}

async function makeBackup(cli: Cli, run: Run): Promise<Answer> {
  const out = run.text('out')
  const database = run.text('database')
  if (out === undefined) throw usageFailure('say where to: --out FOLDER')
  const data = run.text('data') ?? 'remit-data'
  const report = await run.during('copying', cli.house.backup({ data, out, ...(database === undefined ? {} : { database }) }))
  const facts = factLines(
    [
      ['folder', report.out],
      ['as of', `${new Date(report.at).toISOString()}, change ${report.version}`],
      ['holds', `${report.lines} rows, ${report.files} files`],
      ['lacks', `the keys: keep ${data}/keys elsewhere, the backup is of no use without them`],
    ],
    run.paint,
  )
  return { json: report, text: ['the backup is made', ...facts] }
}

export function restoreCommand(cli: Cli): Command {
  const command = localCommand('restore', 'put a backup into an empty data folder; what was permitted then has ended', [
    {
      line: 'remit restore --data ./remit-data --from ./backups/2026-01-31',
      says: 'after its keys folder was put there: cp -a /somewhere/else/keys ./remit-data/keys',
    },
    {
      line: 'remit restore --from ./backups/2026-01-31 --administrator ana',
      says: 'where too few people are left to let somebody administer',
    },
  ])
    .option('--from <folder>', 'the backup')
    .option(
      '--master-key <source>',
      'where the master key is, as remit up is told: it is held against the backup (default: the data folder)',
    )
  return withEpoch(command).action(
    deed(cli, async (run) => {
      const from = run.text('from')
      if (from === undefined) throw usageFailure('say from where: --from FOLDER')
      const masterKey = run.text('masterKey')
      const options = { ...epochOptions(run), from, ...(masterKey === undefined ? {} : { masterKey }) }
      return epochAnswer(run, await run.during('restoring', cli.house.restore(options)))
    }),
  )
}

export function newEpochCommand(cli: Cli): Command {
  const command = localCommand('new-epoch', 'begin anew on a store that lost its tail; what was permitted has ended', [
    { line: 'remit new-epoch --data ./remit-data --reason "the disk was set back to yesterday"', says: 'stop Remit first' },
    { line: 'remit new-epoch --data ./remit-data --anchor /mnt/heads', says: 'names the last head that is known outside' },
  ])
  return withEpoch(command).action(
    deed(cli, async (run) => epochAnswer(run, await run.during('beginning', cli.house.newEpoch(epochOptions(run))))),
  )
}

function withEpoch(command: Command): Command {
  return command
    .option('--data <folder>', 'the data folder', 'remit-data')
    .option('--database <address>', databaseHelp)
    .option('--reason <text>', 'why, for the ledger')
    .option('--anchor <folder or url>', "the place outside that was given the ledger's heads")
    .option('--administrator <name>', "a live person who is given the first administrator's exception again, for 30 days")
    .option('--keep-secrets', 'leave API secrets and gateways elsewhere as they are: whichever was revoked or removed since is good again')
}

function epochOptions(run: Run): EpochOptions {
  const texts = ['database', 'reason', 'anchor', 'administrator'] as const
  const given = Object.fromEntries(texts.flatMap((name) => (run.text(name) === undefined ? [] : [[name, run.text(name)]])))
  return { data: run.text('data') ?? 'remit-data', keepSecrets: run.flag('keepSecrets'), ...given }
}

const elsewhere = 'none in the data folder, and --master-key names none: it was not compared, remit up does that'

function epochAnswer(run: Run, report: EpochReport): Answer {
  const { epoch, size, lastHead, keepSecrets, isKeyCompared } = report
  const [origin = '', known = ''] = lastHead.split('\n')
  const facts = factLines(
    [
      ['epoch', String(epoch)],
      ['ledger', `${size} entries are there; the last head that is known ${origin === '' ? 'is none' : `has ${known}, of ${origin}`}`],
      ['ends', `every grant, hold, exception, link, sign-in and token${keepSecrets ? '' : ', and every API secret'}, when remit up starts`],
      ['stays', 'every quarantine, until a person lifts it'],
      ['master key', isKeyCompared === undefined ? undefined : isKeyCompared ? 'it is the one of the backup' : elsewhere],
    ],
    run.paint,
  )
  return { json: report, text: [`epoch ${epoch} begins with the next remit up`, ...facts] }
}
