/** What all commands have in common: their options, their examples, their two ways of answering, and how they end. */
import { Command } from 'commander'
import type { Remit } from '../sdk/remit.ts'
import { connect, connectAsNobody } from './connect.ts'
import { exitCodeOf, exitCodes, failureJson, failureLines, usageFailure } from './failures.ts'
import type { House } from './house.ts'
import { hasColours, type Io, widthOf } from './io.ts'
import { withProgress } from './progress.ts'
import { type Paint, paints } from './text.ts'
import { trustAuthority } from './trusted-authority.ts'

export interface Cli {
  readonly house: House
  readonly io: Io
  /** Set by the command that ran. */
  readonly ending: { exitCode: number }
}

/** What a command has to say. */
export interface Answer {
  /** For `--json`: one document; `undefined` where everything was said already. */
  readonly json: unknown
  /** For people: lines. */
  readonly text: readonly string[]
  readonly exitCode?: number
}

/** One run of one command. */
export interface Run {
  readonly cli: Cli
  readonly io: Io
  /** What stands on the command line beside options. */
  readonly words: readonly string[]
  /** Options by name: with a value, with several, without one. */
  readonly text: (name: string) => string | undefined
  readonly texts: (name: string) => readonly string[]
  readonly flag: (name: string) => boolean
  readonly json: boolean
  readonly paint: Paint
  /** Columns of standard output. */
  readonly width: number
  /** The client as whom the environment says. */
  readonly client: () => Promise<Remit>
  readonly clientAsNobody: () => Promise<Remit>
  /** A line for the person, beside the answer. */
  readonly note: (line: string) => void
  /** Waits, and says so when it takes more than a second. */
  readonly during: <T>(words: string, work: Promise<T>) => Promise<T>
}

export interface Example {
  readonly line: string
  readonly says: string
}

/** A command with `--json` and examples. */
export function localCommand(name: string, summary: string, examples: readonly Example[]): Command {
  const lines = examples.map(({ line, says }) => `  ${line}\n      ${says}`)
  return new Command(name)
    .description(summary)
    .option('--json', 'answer with one JSON document')
    .allowExcessArguments(false)
    .addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
}

/** A command that calls Remit. */
export function remoteCommand(name: string, summary: string, examples: readonly Example[]): Command {
  return localCommand(name, summary, examples)
    .option('--url <url>', 'where Remit is (default: $REMIT_URL, or where you are signed in)')
    .option('--ca <file>', "the authority to believe for Remit's certificate (PEM; default: $REMIT_CA_FILE)")
}

/** The action of a command: does the deed, prints the answer or the failure, keeps the exit code. */
export function deed(cli: Cli, act: (run: Run) => Promise<Answer>): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    const command = given.at(-1)
    if (!(command instanceof Command)) throw new Error('commander hands its command over last')
    const run = beginRun(cli, command)
    try {
      const { json, text, exitCode } = await act(run)
      if (run.json && json !== undefined) cli.io.stdout.write(`${JSON.stringify(json)}\n`)
      if (!run.json && text.length > 0) cli.io.stdout.write(`${text.join('\n')}\n`)
      cli.ending.exitCode = exitCode ?? exitCodes.done
    } catch (thrown) {
      failRun(cli, run.json, thrown)
    }
  }
}

function beginRun(cli: Cli, command: Command): Run {
  const { io } = cli
  const valueOf = (name: string): unknown => command.getOptionValue(name)
  const text = (name: string) => {
    const value = valueOf(name)
    return typeof value === 'string' ? value : undefined
  }
  const texts = (name: string) => {
    const value = valueOf(name)
    return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
  }
  return {
    cli,
    io,
    words: command.args,
    text,
    texts,
    flag: (name) => valueOf(name) === true,
    json: valueOf('json') === true,
    paint: paints(hasColours(io.stdout, io.env)),
    width: widthOf(io.stdout),
    client: async () => {
      await trustAuthority(io.env, text('ca'))
      return connect(io, text('url'))
    },
    clientAsNobody: async () => {
      await trustAuthority(io.env, text('ca'))
      return connectAsNobody(io, text('url'))
    },
    note: (line) => void io.stderr.write(`${line}\n`),
    // Whoever asked for JSON reads no words, and may find its document among them.
    during: (label, work) => (valueOf('json') === true ? work : withProgress(io, label, work)),
  }
}

function failRun(cli: Cli, json: boolean, thrown: unknown): void {
  const { io, ending } = cli
  if (json) io.stdout.write(`${JSON.stringify(failureJson(thrown))}\n`)
  else io.stderr.write(`${failureLines(thrown, paints(hasColours(io.stderr, io.env))).join('\n')}\n`)
  ending.exitCode = exitCodeOf(thrown)
}

/** The grant that is meant: named, or the one in `$REMIT_GRANT`. */
export function grantNamed(run: Run): string {
  const id = run.words[0] ?? run.io.env['REMIT_GRANT'] ?? ''
  if (id === '') throw usageFailure('no grant is named', 'give its id; remit grants lists yours')
  return id
}
