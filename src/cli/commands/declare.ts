/** `remit declare`: what an MCP server says it has, as a service of remit.yaml to begin from. */
import type { Command } from 'commander'
import { type Answer, type Cli, deed, localCommand, type Run } from '../command.ts'
import { CliFailure, usageFailure } from '../failures.ts'
import type { DeclareOptions } from '../house.ts'
import { clean } from '../text.ts'
import { collect } from './ledger.ts'

export function declareCommand(cli: Cli): Command {
  return localCommand('declare', 'ask an MCP server what it has, and write it as a service for remit.yaml', [
    { line: 'remit declare bank http://127.0.0.1:8080/mcp --bearer env:BANK_TOKEN', says: 'a server that is there already' },
    {
      line: 'remit declare notes -- npx -y @modelcontextprotocol/server-memory',
      says: 'a server that the gateway is to start; it is started here once, as you, to be asked',
    },
  ])
    .argument('<name>', 'what the service is to be called')
    .argument('[server...]', 'its address, or after -- the command that starts it')
    .option('--bearer <reference>', 'env:NAME: the token that the server asks for; the service is written with the reference')
    .option('--variable <name>', 'a variable of this environment that the command is given; may be given again', collect)
    .addHelpText(
      'after',
      `
Effects and kinds of arguments are taken from what the server says of itself, which may be wrong: read each line, strike out the tools and
arguments that no task needs, and give the rest the effect that they have. What is not declared is no action.`,
    )
    .action(deed(cli, declare))
}

async function declare(run: Run): Promise<Answer> {
  const [name = '', ...server] = run.words
  if (!/^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/.test(name))
    throw usageFailure(`"${clean(name).slice(0, 60)}" is not a name`, 'use lowercase letters, digits and . _ - and at most 64 of them')
  const at = placeOf(server, run.texts('variable'))
  const reference = run.text('bearer')
  if (reference !== undefined && 'command' in at)
    throw usageFailure('a command is given no token', 'hand it what it needs by --variable NAME')
  const bearer = reference === undefined ? {} : { bearer: bearerOf(run, reference) }
  const onLine = (line: string) => run.note(`${name}: ${clean(line)}`)
  const report = await run.during(`asking ${name}`, asked(run, { name, at, onLine, ...bearer }))
  const service = { name, at, reference }
  const { declaredObject, declaredText } = await import('../declared-service.ts')
  return { json: { service: declaredObject(service, report), leftOut: report.leftOut }, text: [declaredText(service, report).trimEnd()] }
}

async function asked(run: Run, options: DeclareOptions): ReturnType<typeof run.cli.house.declare> {
  try {
    return await run.cli.house.declare(options)
  } catch (thrown) {
    const remedy =
      'url' in options.at
        ? 'check address and --bearer'
        : 'see whether the command runs by itself, and give it --variable NAME for what it needs'
    throw thrown instanceof Error && !(thrown instanceof CliFailure) ? new CliFailure(thrown.message, { remedy }) : thrown
  }
}

/** One word that is an address is one; anything else starts a program. */
function placeOf(server: readonly string[], variables: readonly string[]): DeclareOptions['at'] {
  const [first] = server
  if (first === undefined) throw usageFailure('no server is named', 'give its address, or after -- the command that starts it')
  if (!/^https?:/i.test(first)) return { command: server, variables }
  const url = URL.canParse(first) ? new URL(first) : undefined
  if (url === undefined || server.length > 1 || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw usageFailure('this is not the address of an MCP server', 'write scheme, host, port and path, such as http://127.0.0.1:8080/mcp')
  return { url: url.href }
}

function bearerOf({ io }: Run, reference: string): string {
  const [, name] = /^env:([A-Za-z_][A-Za-z0-9_]*)$/.exec(reference) ?? []
  if (name === undefined)
    throw usageFailure('a token does not stand on a command line', 'write --bearer env:NAME, and set NAME for this command')
  const value = (io.env[name] ?? '').trim()
  if (value === '' || !/^[\x21-\x7e]+$/.test(value))
    throw usageFailure(`the environment variable ${name} is not set, or is no token`, 'set it for this command')
  return value
}
