/** What is acted on: services, each by one protocol, and their declared operations. */
import type { Instant } from '../kernel/instants.ts'
import type { Effect, Impact, Tier } from './effects.ts'

export const protocols = ['http', 'mcp'] as const
export type Protocol = (typeof protocols)[number]

/** `json` is any other value of a tool's argument: policies and grants see its canonical JSON as a text. */
export const argumentTypes = ['string', 'long', 'decimal', 'boolean', 'strings', 'json'] as const
export type ArgumentType = (typeof argumentTypes)[number]
/** What an argument of an HTTP request can be. */
export const httpArgumentTypes = ['string', 'long', 'decimal', 'boolean', 'strings'] as const satisfies readonly ArgumentType[]

/** One argument of an operation: where it stands in the request and what it is. */
export interface ArgumentRule {
  readonly name: string
  /** `call`: a member of an MCP call's `arguments`, or a variable of a resource's URI template. */
  readonly in: 'path' | 'query' | 'body' | 'call'
  readonly type: ArgumentType
  readonly required: boolean
}

/** What the results of a tool are to the calls after it: written by whoever may, or by people and programs that are trusted. */
export const resultTrusts = ['untrusted', 'trusted'] as const
export type ResultTrust = (typeof resultTrusts)[number]

/** What a server may ask of the client that called it, in the revisions before 2026-07-28: to run a model, to ask its person, to name folders. */
export const clientOffers = ['sampling', 'elicitation', 'roots'] as const
export type ClientOffer = (typeof clientOffers)[number]

/** The methods of MCP that are actions. */
export const mcpMethods = ['tools/call', 'resources/read', 'prompts/get'] as const
export type McpMethod = (typeof mcpMethods)[number]

/** One named operation of a service: a method and a path, the effect it has and the arguments it reads. */
export interface Route {
  readonly name: string
  /** Of HTTP, or one of `mcpMethods`. */
  readonly method: string
  /**
   * `/incidents/{id}`: literal segments and whole-segment parameters; `{rest*}` at the end takes what follows. Of MCP the name of the tool
   * or the prompt, or the resource's URI, in which a `*` at the end stands for whatever follows.
   */
  readonly path: string
  readonly effect: Effect
  readonly impact: Impact
  readonly tier: Tier
  readonly arguments: readonly ArgumentRule[]
  /** The protocol to which a request of this operation must ask to change, and which is a tunnel from then on (RFC 6455). */
  readonly upgrade?: 'websocket'
  /** What a result of this tool, resource or prompt is; absent: untrusted. */
  readonly trust?: ResultTrust
}

/** How the gateway authenticates to the upstream; the value is sealed with the upstream's origin. */
export interface UpstreamCredential {
  readonly header: string
  /** Put before the revealed value, such as `Bearer `. */
  readonly prefix: string
  /** As the vault wrote it, bound to space, service and origin. */
  readonly sealed: string
  /** Where the value is looked up at use. What is sealed is then this text, so that it too holds for this service and origin alone. */
  readonly reference?: string
  /** When it was sealed first; absent on one that was sealed before that was kept. */
  readonly since?: Instant
}

export interface Service {
  /** The service's name: its id in the space. */
  readonly id: string
  readonly space: string
  readonly protocol: Protocol
  /** Origin only: scheme, host, port. Of an MCP server that the gateway starts itself, and of one that joins others: empty. */
  readonly upstream: string
  /** Of MCP over HTTP: the path of the server's endpoint, such as `/mcp`. */
  readonly endpoint?: string
  /** Of MCP over stdio: program and arguments, started by the gateway without a shell and with nothing of its environment but `variables`. */
  readonly command?: readonly string[]
  /** Names of environment variables that the gateway hands to the command, besides PATH and HOME. */
  readonly variables?: readonly string[]
  /** The user of the gateway's machine that the command runs as: a name, a number, or `uid:gid`. Absent: the gateway's own, unless that is root. */
  readonly user?: string
  /** What the command may ask of clients that offer it, each of which then has a child of its own. Absent: nothing. */
  readonly asks?: readonly ClientOffer[]
  /** Of MCP: other MCP services of the space that are offered here under one roof, their names before each name: `ops__restart_service`. */
  readonly joins?: readonly string[]
  /** The gateway that serves it; absent where that is the one `remit up` has in its own process. */
  readonly gateway?: string
  /** A proxy that is not Remit's stands before it, asks for every request and holds its secret; absent where a gateway of Remit's forwards. */
  readonly enforcedBy?: 'proxy'
  /** Fixed port of the gateway's listener, 0 for any free one. */
  readonly port: number
  readonly environment: string
  readonly impact: Impact
  readonly labels: readonly string[]
  readonly credential?: UpstreamCredential
  readonly routes: readonly Route[]
  /** It is gone since then; the record stays, because its name is never used again. */
  readonly removedAt?: Instant
}

/** Where it is reached or found, in words: an address, a command, or the services that it joins. */
export function whereIs({ upstream, endpoint = '', command, joins }: Pick<Service, 'upstream' | 'endpoint' | 'command' | 'joins'>): string {
  if (command !== undefined) return `the command ${command.join(' ')}`
  return joins === undefined ? `${upstream}${endpoint}` : `what ${joins.join(', ')} offer`
}

/** Whether a port of the HTTP gateway is for it. */
export function isServedOverHttp({ protocol, enforcedBy }: Pick<Service, 'protocol' | 'enforcedBy'>): boolean {
  return protocol === 'http' && enforcedBy === undefined
}

export function findRoute(service: Service, name: string): Route | undefined {
  return service.routes.find((route) => route.name === name)
}
