/** The gateways that serve one space in one process, one for each protocol, as one: they share control, log and the address they listen on. */
import type { AgentDesk } from '../control/own-tools.ts'
import type { GatewayControl } from '../control/ports.ts'
import { type HttpGateway, startHttpGateway } from '../gateways/http/gateway.ts'
import { startMcpGateway } from '../gateways/mcp/gateway.ts'
import { resourceHook } from '../gateways/mcp/resource-metadata.ts'
import { makeChance } from '../host/chance.ts'
import type { Clock } from '../control/ports.ts'
import type { Log } from '../host/logs.ts'
import { commandServers } from './command-servers.ts'
import { gatewayLog } from './gateway-log.ts'
import type { Reached } from './secrecy.ts'

export type Gateways = HttpGateway

export interface GatewaysInput {
  readonly control: GatewayControl
  readonly clock: Clock
  readonly log: Log
  readonly host: string
  /** Names of this machine that clients use. */
  readonly names?: readonly string[] | undefined
  readonly reached: Reached
  /** Where Remit's pages are, which is where agents get their tokens; empty while that is not known. */
  readonly pagesOrigin: () => string
  /** Where the desk is in this process. */
  readonly agentDesk?: AgentDesk
}

/** Rejects if a port cannot be opened; what was opened before is closed again. */
export async function openGateways(input: GatewaysInput): Promise<Gateways> {
  const { control, clock, log: hostLog, host, names = [], reached, pagesOrigin, agentDesk } = input
  const chance = makeChance()
  const log = gatewayLog(hostLog)
  const tls = reached.tls === undefined ? {} : { tls: reached.tls }
  const http = await startHttpGateway({ control, clock, chance, log, listen: { host, ...tls } })
  try {
    const mcp = await startMcpGateway({
      control,
      clock,
      chance,
      log,
      listen: { host, names: [reached.name, reached.host, ...names], ...tls },
      openCommand: commandServers({ clock, chance, log }),
      resource: resourceHook(control, pagesOrigin),
      ...(agentDesk === undefined ? {} : { agentDesk }),
    })
    return {
      urls: () => ({ ...http.urls(), ...mcp.urls() }),
      health: (service) => http.health(service) ?? mcp.health(service),
      close: async (grace) => {
        await Promise.all([http.close(grace), mcp.close(grace)])
      },
    }
  } catch (cause) {
    await http.close(0)
    throw cause
  }
}
