/** The MCP servers behind one gateway, each made once for all the ports that offer what it has. */
import type { Chance, Clock, GatewayControl } from '../../control/ports.ts'
import type { Instant } from '../../kernel/instants.ts'
import type { Result } from '../../kernel/result.ts'
import { done } from '../../kernel/result.ts'
import { reveal } from '../../kernel/secret.ts'
import type { Service } from '../../model/services.ts'
import type { UpstreamHealth } from '../shared/circuit.ts'
import type { Log } from '../shared/log.ts'
import { secretLengthMin } from './leak.ts'
import type { McpServer } from './ports.ts'
import { HttpMcpServer, type HttpServerLimits } from './upstream-http.ts'

export interface ServersInput {
  readonly control: Pick<GatewayControl, 'upstreamSecret' | 'service'>
  readonly clock: Clock
  readonly chance: Pick<Chance, 'bytes'>
  readonly log: Log
  readonly limits: HttpServerLimits
  /** Opens a server that is a child process; without it services with a `command` are not reached. */
  readonly openCommand?: (service: Service, command: readonly string[]) => McpServer
  /** A server says that a list of its changed, where it says so to the gateway rather than to a client. */
  readonly onListChanged?: (service: string) => void
}

interface Open {
  readonly server: McpServer
  /** What it was opened for: another address is another server. */
  readonly place: string
}

export class McpServers {
  readonly #input: ServersInput
  readonly #open = new Map<string, Open>()

  constructor(input: ServersInput) {
    this.#input = input
  }

  /** `undefined` where it cannot be reached from here. */
  of(service: Service): McpServer | undefined {
    const place = JSON.stringify([service.upstream, service.endpoint, service.command, service.variables, service.user, service.asks])
    const known = this.#open.get(service.id)
    if (known?.place === place) return known.server
    if (known !== undefined) this.#drop(service.id, known)
    const server = this.#make(service)
    if (server !== undefined) this.#open.set(service.id, { server, place })
    server?.onListChanged?.(() => this.#input.onListChanged?.(service.id))
    return server
  }

  /** What of the service's credential must not come back to a client. Synchronous, from memory. */
  secretOf(service: Service): string | undefined {
    const { credential } = service
    const header = credential === undefined ? undefined : this.#credential(service)
    if (credential === undefined || header?.ok !== true || header.value === undefined) return undefined
    const bare = header.value[1].slice(credential.prefix.length)
    return bare.length >= secretLengthMin ? bare : undefined
  }

  /** Lets go of those whose service is gone. */
  keepOnly(services: ReadonlySet<string>): void {
    for (const [name, open] of this.#open) if (!services.has(name)) this.#drop(name, open)
  }

  /** Nothing of a service that nobody has called yet, and of one that joins others. */
  health(service: string): UpstreamHealth | undefined {
    return this.#open.get(service)?.server.health
  }

  sweep(now: Instant): void {
    for (const { server } of this.#open.values()) server.sweep?.(now)
  }

  async close(): Promise<void> {
    const all = [...this.#open.values()]
    this.#open.clear()
    await Promise.all(all.map(({ server }) => server.close()))
  }

  #make(service: Service): McpServer | undefined {
    const { clock, chance, log, limits, control, openCommand } = this.#input
    if (service.command !== undefined) return openCommand?.(service, service.command)
    if (service.upstream === '') return undefined
    const { id, upstream: origin, endpoint = '/mcp' } = service
    const credential = () => {
      // As it is now: a credential that was set anew counts from the next request.
      const now = control.service(id)
      return now === undefined ? done(undefined) : this.#credential(now)
    }
    return new HttpMcpServer({
      service: id,
      origin,
      endpoint,
      clock,
      chance,
      limits,
      credential,
      onTurn: ({ state, error }) => {
        if (state === 'reachable') log.info({ service: id, origin }, 'an MCP server is reached again')
        else
          log.warn(
            { service: id, origin, error },
            'an MCP server cannot be reached: calls are refused at once, and it is tried again now and then',
          )
      },
    })
  }

  #credential(service: Service): Result<readonly [string, string] | undefined> {
    const secret = this.#input.control.upstreamSecret(service)
    if (!secret.ok) return secret
    const { credential } = service
    return done(secret.value === undefined || credential === undefined ? undefined : [credential.header, reveal(secret.value)])
  }

  #drop(name: string, { server }: Open): void {
    this.#open.delete(name)
    void server.close()
  }
}
