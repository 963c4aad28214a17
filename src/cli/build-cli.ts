/** The command line: all its commands, and how one run of it ends. */
import { type Argument, Command, CommanderError } from 'commander'
import type { Cli } from './command.ts'
import { activateCommand } from './commands/activate.ts'
import { approveCommand, denyCommand } from './commands/answer.ts'
import { applyCommand } from './commands/apply.ts'
import { backupCommand, newEpochCommand, restoreCommand } from './commands/backup.ts'
import { canCommand } from './commands/can.ts'
import { changesCommand } from './commands/changes.ts'
import { checkCommand } from './commands/check.ts'
import { doneCommand } from './commands/done.ts'
import { eligibleCommand } from './commands/eligible.ts'
import { exceptionCommand } from './commands/exception.ts'
import { explainCommand } from './commands/explain.ts'
import { exportCommand } from './commands/export.ts'
import { extendCommand } from './commands/extend.ts'
import { gatewayCommand } from './commands/gateway.ts'
import { declareCommand } from './commands/declare.ts'
import { drillCommand } from './commands/drill.ts'
import { gatewaysCommand } from './commands/gateways.ts'
import { grantCommand } from './commands/grant.ts'
import { grantsCommand } from './commands/grants.ts'
import { holdCommand } from './commands/hold.ts'
import { holdsCommand } from './commands/holds.ts'
import { identitiesCommand } from './commands/identities.ts'
import { inviteCommand } from './commands/invite.ts'
import { ledgerCommand } from './commands/ledger.ts'
import { loginCommand } from './commands/login.ts'
import { logoutCommand } from './commands/logout.ts'
import { mcpCommand } from './commands/mcp.ts'
import { planCommand } from './commands/plan.ts'
import { policyCommand } from './commands/policy.ts'
import { quarantineCommand, releaseCommand } from './commands/quarantine.ts'
import { requestCommand } from './commands/request.ts'
import { revokeCommand } from './commands/revoke.ts'
import { rotateKeyCommand } from './commands/rotate-key.ts'
import { runCommand } from './commands/run.ts'
import { secretCommand } from './commands/secret.ts'
import { applicationsCommand } from './commands/applications.ts'
import { servicesCommand } from './commands/services.ts'
import { standingCommand } from './commands/standing.ts'
import { tokenCommand } from './commands/token.ts'
import { trustCommand } from './commands/trust.ts'
import { upCommand } from './commands/up.ts'
import { whoCanCommand } from './commands/who-can.ts'
import { whoamiCommand } from './commands/whoami.ts'
import { witnessCommand } from './commands/witness.ts'
import { exitCodes } from './failures.ts'
import type { House } from './house.ts'
import { hasColours, type Io, widthOf } from './io.ts'

export const commandGroups: readonly { readonly title: string; readonly commands: readonly ((cli: Cli) => Command)[] }[] = [
  {
    title: 'Work under a grant',
    commands: [runCommand, mcpCommand, eligibleCommand, requestCommand, activateCommand, extendCommand, doneCommand, tokenCommand],
  },
  {
    title: 'Look',
    commands: [
      whoamiCommand,
      standingCommand,
      canCommand,
      whoCanCommand,
      grantsCommand,
      grantCommand,
      holdsCommand,
      holdCommand,
      servicesCommand,
      applicationsCommand,
      identitiesCommand,
      explainCommand,
    ],
  },
  { title: 'Answer and stop', commands: [approveCommand, denyCommand, revokeCommand, exceptionCommand, quarantineCommand, releaseCommand] },
  { title: 'Sign in', commands: [loginCommand, logoutCommand] },
  {
    title: 'Run and set up',
    commands: [
      upCommand,
      declareCommand,
      planCommand,
      applyCommand,
      changesCommand,
      exportCommand,
      checkCommand,
      policyCommand,
      inviteCommand,
      gatewaysCommand,
      drillCommand,
      gatewayCommand,
      secretCommand,
      rotateKeyCommand,
      backupCommand,
      restoreCommand,
      newEpochCommand,
      trustCommand,
    ],
  },
  { title: 'Prove', commands: [ledgerCommand, witnessCommand] },
]

export const exitCodesText = `Exit codes: 0 done, 1 failed, 2 usage, 3 refused, 4 held or waiting for a person, 5 unreachable; run passes on the command's own.`

export const environmentText = `Environment:
  REMIT_URL          where Remit is
  REMIT_SECRET       an API secret; or REMIT_SECRET_FILE, a file that holds it
  REMIT_JWT_FILE     a file with a JWT of a configured issuer, read anew at each use
  REMIT_TOKEN        a Remit token
  REMIT_CA_FILE      the authority to believe for Remit's certificate; see remit trust
  NO_COLOR           no colours
Without a credential there, the sign-in of remit login is used.`

export interface CliParts {
  readonly house: House
  readonly io: Io
  /** What `--version` prints. */
  readonly version?: string
}

/** The tree of commands; to be parsed with `runCli`, which knows how it ends. */
export function buildCli({ house, io, version = 'unknown' }: CliParts, ending: Cli['ending'] = { exitCode: exitCodes.done }): Command {
  const cli: Cli = { house, io, ending }
  const program = new Command('remit')
    .description('Runtime privilege for everything that acts on production: for one task, decided action by action, gone when the task is.')
    .enablePositionalOptions()
    .version(version, '-V, --version', 'print the version')
    .helpCommand(false)
    .addHelpText('after', `\n${environmentText}\n\n${exitCodesText}`)
  for (const { title, commands } of commandGroups) {
    program.commandsGroup(`${title}:`)
    for (const make of commands) program.addCommand(make(cli))
  }
  for (const command of everyCommand(program)) settle(command, io)
  return program
}

/** Runs one command line (without the program's name), and answers its exit code. */
export async function runCli(words: readonly string[], parts: CliParts): Promise<number> {
  const ending: Cli['ending'] = { exitCode: exitCodes.done }
  const program = buildCli(parts, ending)
  try {
    await program.parseAsync(words, { from: 'user' })
    return ending.exitCode
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown
    return thrown.exitCode === 0 ? exitCodes.done : exitCodes.usage
  }
}

export function* everyCommand(command: Command): Generator<Command> {
  yield command
  for (const below of command.commands) yield* everyCommand(below)
}

/** Commander writes where we write, as wide as we are, and throws where it would end the process. */
function settle(command: Command, io: Io): void {
  command
    .exitOverride()
    .helpOption('-h, --help', 'show this help')
    .configureHelp({ subcommandTerm: (below) => [below.name(), ...below.registeredArguments.map(describeArgument)].join(' ') })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => helpWidth(widthOf(io.stdout)),
      getErrHelpWidth: () => helpWidth(widthOf(io.stderr)),
      getOutHasColors: () => hasColours(io.stdout, io.env),
      getErrHasColors: () => hasColours(io.stderr, io.env),
    })
}

function describeArgument(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`
  return argument.required ? `<${name}>` : `[${name}]`
}

const helpWidthDefault = 100

function helpWidth(width: number): number {
  return Number.isFinite(width) ? width : helpWidthDefault
}
