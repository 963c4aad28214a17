/** MCP servers that gateways start themselves: the gateway's part, and the host's children. */
import type { Chance, Clock } from '../control/ports.ts'
import type { McpServer } from '../gateways/mcp/ports.ts'
import { stdioServer } from '../gateways/mcp/stdio-server.ts'
import type { Log } from '../gateways/shared/log.ts'
import { startChild } from '../host/child-processes.ts'
import type { Service } from '../model/services.ts'

export interface CommandServersInput {
  readonly clock: Clock
  readonly chance: Pick<Chance, 'bytes'>
  readonly log: Log
}

/** How a gateway opens a service that has a `command`. Nothing is started before the first request. */
export function commandServers(input: CommandServersInput): (service: Service, command: readonly string[]) => McpServer {
  return ({ id, variables = [], user, asks }, command) =>
    stdioServer({ ...input, service: id, program: { command, variables, user }, start: startChild, asks })
}
