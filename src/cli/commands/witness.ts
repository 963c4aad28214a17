/** `remit witness`: cosign the heads of somebody else's ledger, and remember them. */
import { Command, InvalidArgumentError } from 'commander'
import { type Answer, type Cli, deed, localCommand, type Run } from '../command.ts'
import { usageFailure } from '../failures.ts'
import type { WitnessReady } from '../house.ts'
import { factLines } from '../table.ts'
import { collect } from './ledger.ts'

const portDefault = 8718

export function witnessCommand(cli: Cli): Command {
  return localCommand('witness', "cosign the heads of another Remit's ledger, and remember them", [
    {
      line: 'remit witness --state ./witness --origin-key "$(cat remit.vkey)"',
      says: "run it where that Remit's operator cannot reach its state; it prints its own key: start remit up with --witness URL=KEY, and verify with remit ledger verify --witness KEY",
    },
  ])
    .requiredOption('--state <folder>', 'where it keeps its key and the newest head of each log; never restore an old one')
    .option('--origin-key <vkey>', 'the key of a log that it cosigns for; may be given again', collect)
    .option('--name <name>', 'the name it signs under, for ever (default: made of its key)')
    .option('--port <number>', 'port to listen on; 0 takes any free one', parsePort, portDefault)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .action((...given: unknown[]) => {
      const command = given.at(-1)
      const port: unknown = command instanceof Command ? command.getOptionValue('port') : undefined
      return deed(cli, (run) => witness(run, typeof port === 'number' ? port : portDefault))(...given)
    })
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('a port is a number from 0 to 65535.')
  return port
}

async function witness(run: Run, port: number): Promise<Answer> {
  const originKeys = run.texts('originKey')
  if (originKeys.length === 0) throw usageFailure('no log is named', 'give --origin-key; remit ledger checkpoint prints the key of a log')
  const name = run.text('name')
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  try {
    await run.cli.house.witness({
      state: run.text('state') ?? '',
      originKeys,
      host: run.text('host') ?? '127.0.0.1',
      port,
      ...(name === undefined ? {} : { name }),
      onReady: (ready) => run.io.stdout.write(run.json ? `${JSON.stringify(ready)}\n` : `${readyLines(ready, run).join('\n')}\n`),
      signal: stop.signal,
    })
  } finally {
    for (const signal of signals) process.off(signal, onSignal)
  }
  return { json: undefined, text: [] }
}

function readyLines({ url, vkey, state, logs }: WitnessReady, { paint }: Run): string[] {
  return [
    paint.green('the witness is up'),
    ...factLines(
      [
        ['url', url],
        ['key', vkey],
        ['logs', logs],
        ['state', state],
      ],
      paint,
    ),
  ]
}
