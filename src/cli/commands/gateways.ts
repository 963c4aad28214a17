/** `remit gateways`: gateway processes on other machines: list, invite, remove. */
import { Command } from 'commander'
import type { GatewayView } from '../../sdk/views.ts'
import { type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { tableLines } from '../table.ts'
import { clean, describeInstant } from '../text.ts'

export function gatewaysCommand(cli: Cli): Command {
  return new Command('gateways')
    .description('gateways on other machines: who is there, who may come, who has to go')
    .helpCommand(false)
    .addHelpText(
      'after',
      `
remit gateways alone is remit gateways list. The first one: gateway: edge at a service in remit.yaml, remit up --gateways PORT, then
remit gateways invite edge-1 --gateway edge, which prints the line to start on the other machine.`,
    )
    .addCommand(listCommand(cli), { isDefault: true })
    .addCommand(inviteCommand(cli))
    .addCommand(removeCommand(cli))
}

function listCommand(cli: Cli): Command {
  return remoteCommand('list', 'list gateways on other machines and how they stand', [
    { line: 'remit gateways', says: 'who is connected, how far behind, and until when they may act unheard' },
  ])
    .addHelpText(
      'after',
      `
With several control nodes it is the view of the one that answers: of a gateway that is connected to another node it says to which, and
--url asks that one how far behind it is and when its lease ends.`,
    )
    .action(deed(cli, list))
}

async function list(run: Run) {
  const client = await run.client()
  const found = await run.during('listing gateways', client.gateways())
  return { json: found, text: found.gateways.length === 0 ? ['no gateways on other machines'] : gatewayTable(found.gateways, run) }
}

function gatewayTable(gateways: readonly GatewayView[], run: Run): string[] {
  const now = run.io.now()
  const rows = gateways.map((each) => [
    each.name,
    each.gateway,
    describeState(each, now),
    each.versionsBehind === undefined ? '' : each.versionsBehind === 0 ? 'up to date' : `${each.versionsBehind} behind`,
    each.leaseEndsAt === undefined ? '' : describeInstant(each.leaseEndsAt, now),
    each.lastSeenAt === undefined ? '' : describeInstant(each.lastSeenAt, now),
    each.address ?? '',
  ])
  const columns = [
    { title: 'NAME' },
    { title: 'GATEWAY' },
    { title: 'STATE', gives: true },
    { title: 'FACTS' },
    { title: 'LEASE ENDS', gives: true },
    { title: 'LAST SEEN', gives: true, drops: true },
    { title: 'ADDRESS', gives: true },
  ]
  return tableLines(columns, rows, run)
}

function describeState({ state, connectedAt, connectedTo, codeEndsAt }: GatewayView, now: number): string {
  if (state === 'invited') return codeEndsAt === undefined ? 'invited' : `invited, code until ${describeInstant(codeEndsAt, now)}`
  if (connectedTo !== undefined) return `connected to node ${connectedTo}`
  return connectedAt === undefined ? 'not connected' : `connected since ${describeInstant(connectedAt, now)}`
}

function inviteCommand(cli: Cli): Command {
  return remoteCommand('invite', 'make the code with which another machine becomes a gateway', [
    { line: 'remit gateways invite edge-1', says: 'for services that name no gateway' },
    { line: 'remit gateways invite edge-1 --gateway edge', says: 'for services that say `gateway: edge`' },
  ])
    .argument('<name>', 'of that one process, such as edge-1')
    .option('--gateway <name>', 'the gateway it stands for; several processes may stand for one', 'http')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const [name = ''] = run.words
        const invited = await run.during('making the code', client.inviteGateway({ name, gateway: run.text('gateway') ?? 'http' }))
        const { code, control, codeEndsAt } = invited
        if (!run.json) run.note(clean(`on the other machine, once, until ${describeInstant(codeEndsAt, run.io.now())}:`))
        return { json: invited, text: [clean(`remit gateway ${control.map((at) => `--control ${at}`).join(' ')} --enrol ${code}`)] }
      }),
    )
}

function removeCommand(cli: Cli): Command {
  return remoteCommand('remove', 'end a gateway: its connection at once, its key for good', [
    { line: 'remit gateways remove edge-1 --reason "the machine was stolen"', says: 'says which secrets it may have had' },
  ])
    .argument('<name>', 'the name it was invited under')
    .requiredOption('--reason <text>', 'why')
    .action(
      deed(cli, async (run) => {
        const client = await run.client()
        const removed = await run.during('removing it', client.removeGateway(run.words[0] ?? '', run.text('reason') ?? ''))
        const { gateway, secrets } = removed
        const what =
          gateway.key === undefined
            ? 'was never there, and its code is void'
            : 'is removed: its connection is closed, its lease is over, its key is refused'
        const text = [clean(`${gateway.name} ${what}`)]
        if (secrets.length > 0) text.push(clean(`it may have had the credentials of ${secrets.join(', ')}: replace them at these services`))
        return { json: removed, text }
      }),
    )
}
