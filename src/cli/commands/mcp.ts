/** `remit mcp`: for MCP clients that start their servers themselves: they start this, and speak with a service at a gateway. */
import { type Command } from 'commander'
import { servicesOfCommand } from '../../sdk/services-of-command.ts'
import type { ServiceView } from '../../sdk/views.ts'
import { type Answer, type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { CliFailure, exitCodeOf, exitCodes, failureLines, usageFailure } from '../failures.ts'
import { type Access, McpShim } from '../mcp-shim.ts'
import { askForTask, givenAccess, heldAccess, type Task } from '../mcp-shim-access.ts'
import { signalCode, SignalRelay } from '../wrapped-command.ts'
import { collect } from './ledger.ts'

export function mcpCommand(cli: Cli): Command {
  return remoteCommand('mcp', 'be the MCP server that a client starts, and pass what it says through a gateway', [
    { line: 'remit mcp --service ops', says: 'under whatever grants the caller holds; within remit run that is its grant' },
    {
      line: 'remit mcp --service ops --task incident --for "checkout hangs" --ticket INC-8',
      says: 'under a grant of its own, which ends when the client goes; without --can it is for all of the service',
    },
    {
      line: 'remit mcp -- npx -y @modelcontextprotocol/server-memory',
      says: 'put before a command in the configuration of a client: the service that says the same command in remit.yaml',
    },
  ])
    .argument('[command...]', 'a command: the service whose gateway starts exactly this')
    .option('--service <name>', 'the MCP service')
    .option('--grant <id>', 'under this grant, which is active (default: $REMIT_GRANT)')
    .option('--task <kind>', 'ask for a grant for a task of this kind')
    .option('--for <statement>', 'what it is for, in a sentence')
    .option('--can <scope>', 'what of it, such as read:ops or ops/restart; may be given again', collect)
    .option('--ticket <id>', 'the ticket or run it belongs to')
    .option('--time <duration>', 'how long it is needed, such as 30m')
    .option('--idle <duration>', 'end the grant when nothing happened for so long')
    .option('-q, --quiet', 'say nothing but what goes wrong')
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Speaks MCP over stdio, 2026-07-28 and the revisions before; what is not MCP goes to stderr, with --json too. No server is started here:
one that this machine starts could be started without Remit as well. With -- the command is looked up among the services that gateways start,
and run there. While a grant waits for a person the client can open and list, and what would act is told where the yes is waited for.
Ends with 0 when the client closes its end, 3 when a grant that was asked for was refused.`,
    )
    .action(deed(cli, serve))
}

/** Standard output is the client's: also what goes wrong at the start is told on stderr. */
async function serve(run: Run): Promise<Answer> {
  const relay = new SignalRelay(run.io)
  try {
    const exitCode = await connect(run, relay.signal)
    return { json: undefined, text: [], exitCode: relay.received === undefined ? exitCode : signalCode(relay.received) }
  } catch (thrown) {
    run.note(failureLines(thrown, run.paint).join('\n'))
    return { json: undefined, text: [], exitCode: exitCodeOf(thrown) }
  } finally {
    relay.stop()
  }
}

interface Place {
  readonly url: URL
  readonly access: Access
  readonly task?: Task
}

async function connect(run: Run, signal: AbortSignal): Promise<number> {
  checkWords(run)
  const place = handedOver(run) ?? (await found(run))
  const shim = new McpShim({ ...place, io: run.io, signal, note: (line) => run.note(`remit: ${line}`) })
  if (place.task !== undefined) place.task.onActive = () => shim.tellChanged()
  try {
    await shim.run()
  } finally {
    await place.task?.end()
  }
  return place.task?.isRefused === true ? exitCodes.refused : exitCodes.done
}

function checkWords(run: Run): void {
  const [service, grant, task] = [run.text('service'), run.text('grant'), run.text('task')]
  if ((service === undefined) === (run.words.length === 0))
    throw usageFailure('it is not clear which service is meant', 'give --service, or a command after --')
  if (grant !== undefined && task !== undefined) throw usageFailure('--grant and --task exclude each other', 'give one of them')
  if ((task === undefined) !== (run.text('for') === undefined)) throw usageFailure('--task and --for belong together', 'give both')
}

/** From `remit run`, which put address and token into the environment: no proof of who we are is there any more, nor needed. */
function handedOver(run: Run): Place | undefined {
  const { env } = run.io
  const service = run.text('service')
  if (service === undefined || (env['REMIT_GRANT'] ?? '') === '' || run.text('grant') !== undefined || run.text('task') !== undefined)
    return undefined
  const name = `REMIT_SERVICE_${service.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`
  const [url, token] = [env[`${name}_URL`] ?? '', env[`${name}_TOKEN`] || (env['REMIT_TOKEN'] ?? '')]
  return url === '' || token === '' ? undefined : { url: endpointOf(url), access: givenAccess(token) }
}

async function found(run: Run): Promise<Place> {
  const client = await run.client()
  const { services } = await client.services()
  const service = serviceMeant(run, services)
  if (service.url === undefined)
    throw new CliFailure(`no gateway of ${service.name} is there`, {
      remedy: 'remit services shows which are',
      exitCode: exitCodes.unreachable,
    })
  const url = endpointOf(service.url)
  if (run.text('task') === undefined)
    return { url, access: heldAccess(client, service, run.text('grant') ?? (run.io.env['REMIT_GRANT'] || undefined)) }
  const task = await askForTask(run, client, service)
  return { url, access: task.access, task }
}

function serviceMeant(run: Run, services: readonly ServiceView[]): ServiceView {
  const name = run.text('service')
  if (name !== undefined) {
    const service = services.find((each) => each.name === name)
    if (service !== undefined) return service
    throw new CliFailure(`there is no service "${name}" that you may see`, {
      remedy: 'remit services lists them',
      exitCode: exitCodes.refused,
    })
  }
  const [service, another] = servicesOfCommand(services, run.words)
  if (another !== undefined)
    throw usageFailure(`${another.name} and ${service?.name ?? ''} are started by this command`, 'give --service in its place')
  if (service !== undefined) return service
  throw new CliFailure('no gateway starts this command, and it is not started here, where Remit could not say no', {
    remedy: `an administrator declares it in remit.yaml: protocol: mcp, command: ${JSON.stringify(run.words)}`,
    exitCode: exitCodes.refused,
  })
}

/** Services say where their gateway listens; the endpoint of MCP has a path of its own there. */
function endpointOf(text: string): URL {
  const url = new URL(text)
  if (url.pathname === '/') url.pathname = '/mcp'
  return url
}
