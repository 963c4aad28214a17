/** `remit run`: a command that has its privilege while it runs and not a moment longer. */
import { type Command } from 'commander'
import { GatewayTokens, ownGateway, serviceOfLine, servicesFirst } from '../../sdk/gateway-tokens.ts'
import { sendHeartbeats } from '../../sdk/heartbeats.ts'
import type { Remit } from '../../sdk/remit.ts'
import { RemitRefusal, RemitUnreachable } from '../../sdk/remit-refusal.ts'
import type { GrantView, ServiceView } from '../../sdk/views.ts'
import { obtainGrant } from '../../sdk/with-grant.ts'
import { type Answer, type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { credentialVariables } from '../connect.ts'
import { exitCodes } from '../failures.ts'
import { describeEnding } from '../grant-text.ts'
import { clean, describeInstant, describeSpan } from '../text.ts'
import { type CommandEnd, signalCode, SignalRelay, startCommand } from '../wrapped-command.ts'
import { collect } from './ledger.ts'
import { requestBody } from './request.ts'

const heartbeatSeconds = 2
/** A token may end so much before its grant without a word. */
const tokenShortMs = 60_000

export function runCommand(cli: Cli): Command {
  return remoteCommand('run', 'run a command under a grant that ends when the command does', [
    {
      line: 'remit run --task release --can shop/deploy --for "ship 1.4" --ticket OPS-7 -- ./deploy.sh 1.4',
      says: 'waits for approval if it must; passes on the exit code of deploy.sh',
    },
    {
      line: 'remit run --task incident --can read:shop --can shop/restart,uses=1 --for "checkout hangs" -- ./restart-checkout.sh',
      says: 'reading all of the shop, and one restart',
    },
  ])
    .argument('<command...>', 'the command and its arguments')
    .requiredOption('--task <kind>', 'kind of task, as policies name it')
    .requiredOption('--can <scope>', 'what the command may do, such as read:shop or shop/restart; may be given again', collect)
    .requiredOption('--for <statement>', 'what it is for, in a sentence')
    .option('--ticket <id>', 'the ticket or run it belongs to')
    .option('--time <duration>', 'how long it is needed, such as 30m')
    .option('--idle <duration>', 'end the grant when nothing happened for so long')
    .option('-q, --quiet', 'say nothing but what goes wrong')
    .passThroughOptions()
    .addHelpText(
      'after',
      `
The command's environment gets REMIT_TOKEN, REMIT_GRANT and REMIT_SERVICE_<NAME>_URL, for each service of --can that another
gateway serves than the first one's REMIT_SERVICE_<NAME>_TOKEN too, and none of ${credentialVariables.filter((name) => name !== 'REMIT_TOKEN').join(', ')}.
Signals are passed on. When the grant ends first, the command is sent SIGTERM, five seconds later SIGKILL, and the exit code is 3.
If this program is killed outright, the grant ends within seconds. With --json the report goes to stderr: stdout is the command's.`,
    )
    .action(deed(cli, runWrapped))
}

async function runWrapped(run: Run): Promise<Answer> {
  const client = await run.client()
  const relay = new SignalRelay(run.io)
  try {
    const requested = await client.requestGrant({ ...requestBody(run, run.texts('can')), heartbeatSeconds }, { signal: relay.signal })
    try {
      return await runUnder(run, client, { requested, relay })
    } catch (thrown) {
      // Whatever went wrong before or around the command, nobody works under this grant any more.
      await client
        .abandon(requested.id, {
          reason: `remit run: ${relay.signal.aborted ? `stopped by ${relay.received ?? 'a signal'}` : 'could not go on'}`,
        })
        .catch(() => undefined)
      throw thrown
    }
  } catch (thrown) {
    if (!relay.signal.aborted || relay.received === undefined) throw thrown
    say(run, `stopped by ${relay.received} before the command was started`)
    return { json: undefined, text: [], exitCode: signalCode(relay.received) }
  } finally {
    relay.stop()
  }
}

interface Begun {
  readonly requested: GrantView
  readonly relay: SignalRelay
}

async function runUnder(run: Run, client: Remit, { requested, relay }: Begun): Promise<Answer> {
  const { signal } = relay
  if (requested.state === 'pending') say(run, `waiting for ${requested.approval} at ${requested.page}`)
  const grant = await run.during(`waiting for ${requested.approval}`, obtainGrant(client, requested, { signal }))
  say(run, `${grant.id} is active${grant.expiresAt === undefined ? '' : ` until ${describeInstant(grant.expiresAt, run.io.now())}`}`)
  const env = await commandEnvironment(run, client, grant)
  signal.throwIfAborted()
  const command = startCommand(run.words, env, relay)
  const stop = new AbortController()
  const onSilence = (why: Error) => complain(run, `${why.message}; the grant ends if this lasts`)
  const watched = watchGrant(run, client, { grant: grant.id, stop: stop.signal, onSilence, tellToStop: command.tellToStop })
  const end = await command.ended
  stop.abort()
  const isCut = await watched
  if (end.unstarted === true) complain(run, `${run.words[0] ?? ''} ${end.says}`)
  const closed = await closeGrant(run, client, { grant, end })
  return report(run, { grant: closed ?? grant, end, isCut })
}

interface Watch {
  readonly grant: string
  readonly stop: AbortSignal
  readonly onSilence: (why: Error) => void
  readonly tellToStop: () => void
}

/** Signs of life until the command has ended. Whether the grant ended first, and the command was told to stop. */
async function watchGrant(run: Run, client: Remit, { grant, stop, onSilence, tellToStop }: Watch): Promise<boolean> {
  const state = await sendHeartbeats(client, { grant, everyMs: heartbeatSeconds * 1_000, signal: stop, onSilence })
  if (state === undefined) return false
  const ended = await client.grant(grant).catch(() => undefined)
  // All uses are spent: the command did what it came for, and may finish in peace.
  if (ended?.ending?.how === 'exhausted') {
    say(run, `${grant} has no uses left`)
    return false
  }
  if (stop.aborted) return false
  complain(run, `the grant ended${ended === undefined ? '' : `, ${describeEnding(ended) ?? ended.state}`}; the command is told to stop`)
  tellToStop()
  return true
}

/** The grant after it was ended, or nothing when that could not be said: it then ends by the heartbeats that do not come. */
async function closeGrant(
  run: Run,
  client: Remit,
  { grant, end }: { readonly grant: GrantView; readonly end: CommandEnd },
): Promise<GrantView | undefined> {
  const reason = `the command ${end.says}`
  try {
    return end.unstarted === true ? await client.abandon(grant.id, { reason }) : await client.done(grant.id, { reason })
  } catch (thrown) {
    // Whoever is quarantined is told nothing more; everything they had ended with it.
    if (thrown instanceof RemitRefusal && thrown.code === 'identity.quarantined')
      return { ...grant, state: 'ended', ending: { how: 'contained', by: 'remit', reason: thrown.message } }
    const why = thrown instanceof RemitUnreachable ? 'Remit cannot be reached' : thrown instanceof Error ? thrown.message : 'unknown'
    complain(run, `the grant could not be ended (${why}); it ends by itself within seconds`)
    return undefined
  }
}

interface Outcome {
  readonly grant: GrantView
  readonly end: CommandEnd
  readonly isCut: boolean
}

function report(run: Run, { grant, end, isCut }: Outcome): Answer {
  const exitCode = isCut ? exitCodes.refused : end.exitCode
  if (run.json) run.io.stderr.write(`${JSON.stringify({ grant, command: end.says, commandExitCode: end.exitCode, exitCode })}\n`)
  else say(run, `${grant.id} ${grant.state}: ${describeEnding(grant) ?? end.says}`)
  return { json: undefined, text: [], exitCode }
}

/** What the command gets: everything that was here but the proofs of who we are, and what it needs to act under the grant. */
async function commandEnvironment(run: Run, client: Remit, grant: GrantView): Promise<Record<string, string>> {
  const { services: all } = await client.services()
  const services = servicesFirst(all, grant.scope)
  const gateway = services[0]?.gateway ?? ownGateway
  const token = await client.sessionToken(grant.id, { gateway })
  const short = Date.parse(grant.expiresAt ?? '') - run.io.now() - token.expires_in * 1_000
  if (short > tokenShortMs) complain(run, `REMIT_TOKEN ends in ${describeSpan(token.expires_in * 1_000)}, before the grant does`)
  const own: ReadonlySet<string> = new Set(credentialVariables)
  const kept = Object.entries(run.io.env).flatMap(([name, value]) => (value === undefined || own.has(name) ? [] : [[name, value] as const]))
  const urls = services.flatMap(({ name, url }) => (url === undefined ? [] : [[serviceVariable(name, 'URL'), url] as const]))
  const further = services.filter((each) => (each.gateway ?? ownGateway) !== gateway && isNamed(grant, each))
  const tokens = new GatewayTokens(further, (of) => client.sessionToken(grant.id, { gateway: of }))
  const others = await Promise.all(further.map(async ({ name }) => [serviceVariable(name, 'TOKEN'), await tokens.of(name)] as const))
  for (const each of services)
    if (each.url === undefined && each.enforcedBy === undefined && isNamed(grant, each))
      complain(run, `no gateway of ${each.name} is there, so ${serviceVariable(each.name, 'URL')} is not set`)
  return {
    ...Object.fromEntries(kept),
    ...Object.fromEntries([...urls, ...others]),
    REMIT_URL: client.url,
    REMIT_TOKEN: token.access_token,
    REMIT_GRANT: grant.id,
  }
}

/** `shop.eu-1` → `REMIT_SERVICE_SHOP_EU_1_URL`. */
function serviceVariable(name: string, what: 'URL' | 'TOKEN'): string {
  return `REMIT_SERVICE_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_${what}`
}

function isNamed({ scope }: GrantView, { name }: ServiceView): boolean {
  return scope.some((line) => serviceOfLine(line) === name)
}

/** Beside the command's own output, so marked as ours. */
function say(run: Run, line: string): void {
  if (!run.flag('quiet') && !run.json) complain(run, line)
}

function complain(run: Run, line: string): void {
  run.note(`remit: ${clean(line)}`)
}
