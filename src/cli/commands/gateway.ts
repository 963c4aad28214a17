/** `remit gateway`: be a gateway of a Remit on another machine. */
import { Command, InvalidArgumentError } from 'commander'
import { type Answer, type Cli, deed, localCommand, type Run } from '../command.ts'
import { addAuthzOptions, readAuthz } from '../authz-options.ts'
import { usageFailure } from '../failures.ts'
import type { AuthzOptions, ControlAt, GatewayNews } from '../house.ts'
import { factLines } from '../table.ts'
import { clean } from '../text.ts'

export function gatewayCommand(cli: Cli): Command {
  const command = localCommand('gateway', 'run a gateway here, of a Remit on another machine', [
    {
      line: 'remit gateway --control 192.0.2.10:8719 --enrol gwc_…',
      says: 'the first start, with the code that remit gateways invite prints; from then on it knows who it is',
    },
    { line: 'remit gateway --control 192.0.2.10:8719 --control 192.0.2.11:8719', says: 'every later start; the two are tried in turn' },
    {
      line: 'remit gateway --control 192.0.2.10:8719 --host 0.0.0.0 --tls --name shop.example',
      says: 'serves other machines, encrypted',
    },
  ])
    .option('--control <host:port>', 'where remit up --gateways listens; repeated, it names several control nodes', addControl)
    .option('--enrol <code>', 'the code it was invited with: good once, and not needed again')
    .option('--data <folder>', 'where it keeps its keys and its journal; each gateway process has its own', 'remit-gateway')
    .option('--host <address>', 'address on which its services listen', '127.0.0.1')
    .option('--tls', "encrypt, with certificates of an authority of this machine's own; remit trust says how clients come to trust it")
    .option('--tls-certificate <file>', 'encrypt with this certificate (PEM, with those between it and its authority)')
    .option('--tls-key <file>', 'the private key of that certificate (PEM)')
    .option('--plaintext', 'allow to listen unencrypted where other machines can reach it')
    .option('--name <host>', 'a name by which clients reach this machine; may be repeated', addText)
    .addHelpText(
      'after',
      `
It has to be invited first: where control is, remit gateways invite prints the line to start it with. It serves the services that name its
gateway in remit.yaml, and has nothing else to configure. It says when it serves, when control is lost and when it is back; with --json each
is a line. Without control it refuses everything once its lease of five seconds is over. SIGTERM ends it: what is under way may end first.`,
    )
  return addAuthzOptions(command).action((...given: unknown[]) => {
    const read = given.at(-1)
    const control: unknown = read instanceof Command ? read.getOptionValue('control') : undefined
    const at = Array.isArray(control) ? control.filter(isControlAt) : []
    return deed(cli, (run) => gateway(run, at, readAuthz(run, read)))(...given)
  })
}

function addText(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

function addControl(text: string, before: readonly ControlAt[] = []): readonly ControlAt[] {
  const [, bracketed, plain, digits = ''] = /^(?:\[([0-9a-f:.]+)\]|([^:\s]+)):(\d{1,5})$/i.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host === undefined || port < 1 || port > 65_535) throw new InvalidArgumentError('write host:port, such as 192.0.2.10:8719.')
  return [...before, { host, port }]
}

function isControlAt(value: unknown): value is ControlAt {
  return typeof value === 'object' && value !== null && 'host' in value && 'port' in value
}

async function gateway(run: Run, control: readonly ControlAt[], authz: AuthzOptions): Promise<Answer> {
  if (control.length === 0) throw usageFailure('a gateway has to know where control is', 'give --control host:port')
  const [certificate, key, enrol] = [run.text('tlsCertificate'), run.text('tlsKey'), run.text('enrol')]
  if ((certificate === undefined) !== (key === undefined))
    throw usageFailure('--tls-certificate and --tls-key belong together', 'give both')
  const files = certificate === undefined || key === undefined ? undefined : { certificate, key }
  const tls = run.flag('tls') ? 'local' : files
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  try {
    await run.cli.house.gateway({
      data: run.text('data') ?? 'remit-gateway',
      control,
      ...(enrol === undefined ? {} : { enrol }),
      host: run.text('host') ?? '127.0.0.1',
      names: run.texts('name'),
      plaintext: run.flag('plaintext'),
      ...(tls === undefined ? {} : { tls }),
      ...authz,
      onNews: (news) => run.io.stdout.write(run.json ? `${JSON.stringify(news)}\n` : `${newsLines(news, run).join('\n')}\n`),
      signal: stop.signal,
    })
  } finally {
    for (const signal of signals) process.off(signal, onSignal)
  }
  return { json: undefined, text: [] }
}

function newsLines(news: GatewayNews, { paint }: Run): string[] {
  switch (news.news) {
    case 'ready':
    case 'services': {
      const { name, gateway, space, node, services, authz, authority, warnings } = news
      return [
        paint.green(news.news === 'ready' ? 'the gateway is up' : 'the gateway serves other services now'),
        ...factLines(
          [
            ['name', name],
            ['gateway', gateway],
            ['space', space],
            ['control', node],
            [
              'services',
              services.length === 0
                ? [`none yet: a service needs gateway: ${gateway} in remit.yaml`]
                : services.map((each) => `${each.service}  ${each.url}`),
            ],
            ['proxies', authz === undefined ? undefined : `ask at ${authz}`],
            ['trust', authority],
          ],
          paint,
        ),
        ...warnings.map((warning) => `${paint.yellow('note:')} ${clean(warning)}`),
      ]
    }
    case 'waiting':
      return [`${paint.yellow('waiting for control:')} ${clean(news.why)}`]
    case 'lost':
      return [`${paint.red('control is lost, and everything is refused:')} ${clean(news.why)}`]
    case 'back':
      return [paint.green(clean(`control is back${news.node === undefined ? '' : `: ${news.node}`}`))]
  }
}
