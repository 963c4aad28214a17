/** `remit up`: everything in one process. */
import { Command, InvalidArgumentError } from 'commander'
import { type Answer, type Cli, deed, localCommand, type Run } from '../command.ts'
import { addAuthzOptions, isListenAt, type ListenAt, parseListenAt, parsePort, readAuthz } from '../authz-options.ts'
import { usageFailure } from '../failures.ts'
import type { AuthzOptions, Ready, ReadySpace, SpaceAt, UpOptions, WitnessAt } from '../house.ts'
import { factLines } from '../table.ts'
import { clean, columnsOf } from '../text.ts'

const portDefault = 8717

export function upCommand(cli: Cli): Command {
  const command = localCommand('up', 'run Remit here: API, pages and gateways in one process', [
    { line: 'remit up --data ./remit-data', says: 'the first start prints the link with which you become the administrator' },
    {
      line: 'remit up --data ./remit-data -f remit.yaml',
      says: 'applies the configuration at the first start; later what widens in it waits for people',
    },
    {
      line: 'remit up --data ./remit-data --space plant-a=8718',
      says: 'keeps a second space, of which the first sees nothing, with API and pages on a port of its own',
    },
    { line: 'remit up --database env:DATABASE_URL', says: 'keys and journals in the data folder, everything else in PostgreSQL' },
    {
      line: 'remit up --data ./remit-data --gateways 0.0.0.0:8719',
      says: 'lets gateways on other machines connect; remit gateways invite',
    },
    { line: 'remit up --data ./remit-data --port 0 --json', says: 'any free port; one line of JSON when it is ready' },
  ])
    .option('--data <folder>', 'where it keeps everything', 'remit-data')
    .option(
      '--database <address>',
      'keep everything in this PostgreSQL database instead: env:NAME, file:PATH or an address without a password',
    )
    .option('--node <name>', 'be one of several on one database: each has a name and a data folder of its own, and the keys of the first')
    .option('--port <number>', 'port of API and pages; 0 takes any free one', parsePort, portDefault)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('-f, --file <path>', 'a remit.yaml to propose before it listens; before anybody is registered it applies')
    .option('--watch', 'go on looking at that file and its policies: what is written there is proposed')
    .option('--space <name=port>', 'keep another space too, on a port of its own; may be repeated', addSpace)
    .option('--witness <url=key>', "who cosigns the ledger's heads, as remit witness prints it; may be repeated", addWitness)
    .option('--anchor <folder or url>', "a place outside that is given the ledger's heads; at the start the store is held against it")
    .option(
      '--journal-keep <time or size>',
      'remove what is older (90d) or more (4GiB) from the journals, oldest first, and say so in the ledger',
    )
    .option('--gateways <[host:]port>', 'open a port for gateways on other machines; 0 takes any free one', parseListenAt)
    .option('--tls', "encrypt, with certificates of an authority of this machine's own; remit trust says how clients come to trust it")
    .option('--tls-certificate <file>', 'encrypt with this certificate (PEM, with those between it and its authority)')
    .option('--tls-key <file>', 'the private key of that certificate (PEM)')
    .option('--plaintext', 'allow to listen unencrypted where other machines can reach it')
    .option('--name <host>', 'a name by which clients reach this machine; the pages are at the first; may be repeated', addText)
    .option('--master-key <source>', 'where the master key is: file:PATH, env:NAME, command:…, passphrase (default: the data folder)')
    .option('--secret-files <folder>', 'let server-file: references name files in this folder; may be repeated', addText)
    .option('--secret-env <name>', 'let server-env: references name this variable, beside REMIT_SECRET_…; may be repeated', addText)
    .option('--recover <name>', 'invite this person from here: where nobody administers any more, and fewer than two people are left')
    .option('--demo', 'make the folder one for trying things out: it accepts passkeys made in software')
  return addAuthzOptions(command).action((...given: unknown[]) => {
    const read = given.at(-1)
    const port: unknown = read instanceof Command ? read.getOptionValue('port') : undefined
    const spaces: unknown = read instanceof Command ? read.getOptionValue('space') : undefined
    const gateways: unknown = read instanceof Command ? read.getOptionValue('gateways') : undefined
    const witnesses: unknown = read instanceof Command ? read.getOptionValue('witness') : undefined
    const at = {
      port: typeof port === 'number' ? port : portDefault,
      spaces: Array.isArray(spaces) ? spaces.filter(isSpaceAt) : [],
      witnesses: Array.isArray(witnesses) ? witnesses.filter(isWitnessAt) : [],
      ...(isListenAt(gateways) ? { gateways } : {}),
    }
    return deed(cli, (run) => up(run, { ...at, ...readAuthz(run, read) }))(...given)
  })
}

function addText(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

const spaceName = /^[a-z][a-z0-9-]{0,40}$/

function addSpace(text: string, before: readonly SpaceAt[] = []): readonly SpaceAt[] {
  const [space = '', port, ...more] = text.split('=')
  if (!spaceName.test(space) || space === 'main' || port === undefined || more.length > 0)
    throw new InvalidArgumentError('write name=port; a name is of lowercase letters, digits and hyphens, and main is always there.')
  if (before.some((each) => each.space === space)) throw new InvalidArgumentError(`${space} stands there twice.`)
  return [...before, { space, port: parsePort(port) }]
}

function isSpaceAt(value: unknown): value is SpaceAt {
  return typeof value === 'object' && value !== null && 'space' in value && 'port' in value
}

/** The key may hold `=`, an address without a query does not. */
function addWitness(text: string, before: readonly WitnessAt[] = []): readonly WitnessAt[] {
  const [, url = '', vkey = ''] = /^(https?:\/\/[^=\s]+)=(\S+)$/.exec(text) ?? []
  if (url === '') throw new InvalidArgumentError('write URL=KEY, as remit witness prints both.')
  if (before.some((each) => each.vkey === vkey)) throw new InvalidArgumentError('the same witness stands there twice.')
  return [...before, { url, vkey }]
}

function isWitnessAt(value: unknown): value is WitnessAt {
  return typeof value === 'object' && value !== null && 'url' in value && 'vkey' in value
}

interface At extends AuthzOptions {
  readonly port: number
  readonly spaces: readonly SpaceAt[]
  readonly witnesses: readonly WitnessAt[]
  readonly gateways?: ListenAt
}

async function up(run: Run, { port, spaces, witnesses, gateways, ...authz }: At): Promise<Answer> {
  const configuration = run.text('file')
  if (run.flag('watch') && configuration === undefined) throw usageFailure('there is nothing to watch', 'name a remit.yaml with -f')
  const recover = run.text('recover')
  const anchor = run.text('anchor')
  const journalKeep = run.text('journalKeep')
  const [database, node] = [run.text('database'), run.text('node')]
  if (node !== undefined && database === undefined) throw usageFailure('a file has one process', 'give --database with --node')
  if (node !== undefined && !/^[a-z0-9][a-z0-9.-]{0,39}$/.test(node))
    throw usageFailure('a node is called by lowercase letters, digits, full stops and hyphens, at most 40', 'write --node b')
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  try {
    await run.cli.house.up({
      data: run.text('data') ?? 'remit-data',
      ...(database === undefined ? {} : { database }),
      ...(node === undefined ? {} : { node }),
      host: run.text('host') ?? '127.0.0.1',
      port,
      spaces,
      ...(witnesses.length === 0 ? {} : { witnesses }),
      ...(gateways === undefined ? {} : { gateways }),
      ...authz,
      ...(anchor === undefined ? {} : { anchor }),
      ...(journalKeep === undefined ? {} : { journalKeep }),
      ...secrecy(run),
      demo: run.flag('demo'),
      ...(configuration === undefined ? {} : { configuration, watch: run.flag('watch') }),
      ...(recover === undefined ? {} : { recover }),
      onReady: (ready) => run.io.stdout.write(run.json ? `${JSON.stringify(ready)}\n` : `${readyLines(ready, run).join('\n')}\n`),
      signal: stop.signal,
    })
  } finally {
    for (const signal of signals) process.off(signal, onSignal)
  }
  return { json: undefined, text: [] }
}

/** TLS, names, and where secrets are. */
function secrecy(run: Run): Pick<UpOptions, 'tls' | 'plaintext' | 'names' | 'masterKey' | 'secretFiles' | 'secretEnv'> {
  const [certificate, key, masterKey] = [run.text('tlsCertificate'), run.text('tlsKey'), run.text('masterKey')]
  if ((certificate === undefined) !== (key === undefined))
    throw usageFailure('--tls-certificate and --tls-key belong together', 'give both')
  if (run.flag('tls') && certificate !== undefined)
    throw usageFailure('--tls is for the local authority', 'leave it out where you give a certificate of your own')
  const files = certificate === undefined || key === undefined ? undefined : { certificate, key }
  const tls = run.flag('tls') ? 'local' : files
  return {
    names: run.texts('name'),
    secretFiles: run.texts('secretFiles'),
    secretEnv: run.texts('secretEnv'),
    plaintext: run.flag('plaintext'),
    ...(tls === undefined ? {} : { tls }),
    ...(masterKey === undefined ? {} : { masterKey }),
  }
}

function readyLines(ready: Ready, run: Run): string[] {
  const { paint } = run
  return [
    paint.green('Remit is up'),
    ...spaceLines(ready, moreLines(ready), run),
    ...ready.spaces.flatMap((each) => [`${paint.green('space')} ${each.space}`, ...spaceLines(each, [], run)]),
  ]
}

function moreLines({ data, authority, feed, authz }: Ready): (readonly [string, string])[] {
  return [
    ['data', data],
    ...(authority === undefined ? [] : [['trust', authority] as const]),
    ...(feed === undefined ? [] : [['elsewhere', `gateways on other machines: ${feed}`] as const]),
    ...(authz === undefined ? [] : [['proxies', `ask at ${authz}`] as const]),
  ]
}

function spaceLines(space: ReadySpace, more: readonly (readonly [string, string])[], run: Run): string[] {
  const { paint } = run
  const { url, pages, gateways, link, recovery, warnings } = space
  return [
    ...factLines(
      [
        ['api', url],
        ['pages', pages],
        ['gateways', gateways.map((each) => `${each.service}  ${each.url}`)],
        ...more,
        [
          'recovery',
          recovery === undefined ? undefined : [recovery, 'opens once, for whoever you named: they can approve what another proposes'],
        ],
        ['first', link === undefined ? undefined : [link, 'opens once: register your passkey there, and you are the first administrator']],
      ],
      paint,
    ),
    ...warnings.flatMap((warning) => noteLines(clean(warning), run)),
  ]
}

/** A terminal would break it in the middle of a word. */
function noteLines(words: string, { paint, width }: Run): string[] {
  const lead = 'note: '
  const lines = ['']
  for (const word of words.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && columnsOf(line) + 1 + columnsOf(word) > width - lead.length) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.map((line, place) => (place === 0 ? `${paint.yellow(lead.trim())} ${line}` : `${' '.repeat(lead.length)}${line}`))
}
