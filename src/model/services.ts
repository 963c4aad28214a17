/** What is acted on over HTTP: services and their declared operations. */
import type { Instant } from '../kernel/instants.ts'
import type { Effect, Impact, Tier } from './effects.ts'

export const argumentTypes = ['string', 'long', 'decimal', 'boolean', 'strings'] as const
export type ArgumentType = (typeof argumentTypes)[number]

/** One argument of an operation: where it stands in the request and what it is. */
export interface ArgumentRule {
  readonly name: string
  readonly in: 'path' | 'query' | 'body'
  readonly type: ArgumentType
  readonly required: boolean
}

/** One named operation of a service: a method and a path, the effect it has and the arguments it reads. */
export interface Route {
  readonly name: string
  readonly method: string
  /** `/incidents/{id}`: literal segments and whole-segment parameters; `{rest*}` at the end takes what follows. */
  readonly path: string
  readonly effect: Effect
  readonly impact: Impact
  readonly tier: Tier
  readonly arguments: readonly ArgumentRule[]
  /** The protocol to which a request of this operation must ask to change, and which is a tunnel from then on (RFC 6455). */
  readonly upgrade?: 'websocket'
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
  readonly protocol: 'http'
  /** Origin only: scheme, host, port. */
  readonly upstream: string
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

export function findRoute(service: Service, name: string): Route | undefined {
  return service.routes.find((route) => route.name === name)
}
