/** `remit services`: the services behind gateways, and their operations. */
import type { Command } from 'commander'
import { ownGateway } from '../../sdk/gateway-tokens.ts'
import type { ServiceView } from '../../sdk/views.ts'
import { type Cli, deed, remoteCommand, type Run } from '../command.ts'
import { CliFailure, exitCodes } from '../failures.ts'
import { tableLines } from '../table.ts'

export function servicesCommand(cli: Cli): Command {
  return remoteCommand('services', 'list services and where to reach them, or the operations of one', [
    { line: 'remit services', says: 'the gateways; where some run elsewhere, also which one a token has to be for' },
    { line: 'remit services shop', says: 'what can be done on one' },
  ])
    .argument('[name]', 'a service')
    .action(deed(cli, list))
}

async function list(run: Run) {
  const client = await run.client()
  const found = await run.during('listing services', client.services())
  const [name] = run.words
  if (name === undefined) return { json: found, text: found.services.length === 0 ? ['no services'] : serviceTable(found.services, run) }
  const service = found.services.find((each) => each.name === name)
  if (service === undefined)
    throw new CliFailure(`there is no service "${name}" that you may see`, {
      remedy: 'remit services lists them',
      exitCode: exitCodes.refused,
    })
  return { json: service, text: routeTable(service, run) }
}

/** Nor is any connected that runs elsewhere. */
const notThere = 'not listening'
const proxied = 'a proxy, which holds its secret'

function serviceTable(services: readonly ServiceView[], run: Run): string[] {
  const isAudited = services.some(({ upstream }) => upstream !== undefined)
  const isElsewhere = services.some(({ gateway }) => gateway !== undefined)
  const rows = services.map(({ name, url = notThere, urls = [url], gateway = ownGateway, enforcedBy, environment, routes, upstream }) => [
    name,
    enforcedBy === undefined ? urls.join(', ') : proxied,
    ...(isElsewhere ? [gateway] : []),
    environment,
    String(routes.length),
    ...(isAudited ? [upstream === undefined ? '' : describeUpstream(upstream)] : []),
  ])
  const columns = [
    { title: 'SERVICE' },
    { title: 'GATEWAY', gives: true },
    ...(isElsewhere ? [{ title: 'TOKEN FOR' }] : []),
    { title: 'ENVIRONMENT', gives: true },
    { title: 'OPERATIONS' },
  ]
  return tableLines([...columns, ...(isAudited ? [{ title: 'UPSTREAM', gives: true }] : [])], rows, run)
}

function describeUpstream({ state, since, error, triedAgainAt }: NonNullable<ServiceView['upstream']>): string {
  switch (state) {
    case 'untried':
      return 'not tried yet'
    case 'reachable':
      return `reachable since ${since}`
    case 'failing':
      return `failing since ${since}: ${error ?? ''}`
    case 'resting':
      return `out of reach since ${since}: ${error ?? ''}; tried again at ${triedAgainAt ?? ''}`
  }
}

function routeTable({ name, routes }: ServiceView, run: Run): string[] {
  const rows = routes.map((route) => [
    `${name}/${route.name}`,
    route.method,
    route.path,
    route.effect,
    String(route.tier),
    route.arguments.map(describeArgument).join(', '),
  ])
  const columns = [
    { title: 'OPERATION' },
    { title: 'METHOD' },
    { title: 'PATH', gives: true },
    { title: 'EFFECT' },
    { title: 'TIER' },
    { title: 'ARGUMENTS', gives: true, drops: true },
  ]
  return tableLines(columns, rows, run)
}

function describeArgument({ name, type, required }: ServiceView['routes'][number]['arguments'][number]): string {
  return `${name}${required ? '' : '?'}: ${type}`
}
