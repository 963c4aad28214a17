/** Services and their operations as callers see them. */

export interface RouteView {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly effect: string
  readonly tier: number
  readonly arguments: readonly {
    readonly name: string
    readonly in: 'path' | 'query' | 'body' | 'call'
    readonly type: string
    readonly required: boolean
  }[]
}

/** What a gateway knows of an upstream by connecting to it; for whoever may audit. */
export interface UpstreamView {
  /** `failing`: the last connections failed. `resting`: requests are refused at once until it is tried again. */
  readonly state: 'untried' | 'reachable' | 'failing' | 'resting'
  readonly since: string
  /** Why the last connection failed. */
  readonly error?: string
  readonly triedAgainAt?: string
}

export interface ServiceView {
  readonly name: string
  readonly environment: string
  readonly labels: readonly string[]
  /** The gateway that serves it, which a token has to be for; absent where it is `http`. */
  readonly gateway?: string
  /** A proxy that asks Remit forwards to it and holds its secret: no gateway of Remit's serves it. */
  readonly enforcedBy?: 'proxy'
  /** Of its gateway, the first where several processes stand for it; absent while none is there. */
  readonly url?: string
  /** Where more than one serves it: all of them, `url` included. */
  readonly urls?: readonly string[]
  readonly upstream?: UpstreamView
  /** Of an MCP server that its gateway starts: by it whoever knows the command finds the service, and nobody else learns the command. */
  readonly commandDigest?: string
  readonly routes: readonly RouteView[]
}

export interface ServiceList {
  readonly services: readonly ServiceView[]
}
