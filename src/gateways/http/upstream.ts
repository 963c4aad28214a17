/** Connections to one upstream, kept alive between requests and never used for a second try. */
import { Agent as HttpAgent, type ClientRequest, request as httpRequest, type RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { HttpLimits } from './limits.ts'

export interface Outgoing {
  readonly method: string
  readonly path: string
  /** Flat and complete but for Host. */
  readonly headers: readonly string[]
}

export interface Upstream {
  readonly origin: string
  /** The event after which a new connection can be written to. */
  readonly readyEvent: 'connect' | 'secureConnect'
  /** A request whose headers are not sent before its first `write` or `end`. */
  open(outgoing: Outgoing): ClientRequest
  /** Idle connections close now, the others when they are done. */
  retire(): void
}

/** An upstream by its origin (`http://` or `https://`, host, port). Throws on anything else: configuration has checked it. */
export function openUpstream(origin: string, limits: HttpLimits): Upstream {
  const url = new URL(origin)
  if ((url.protocol !== 'http:' && url.protocol !== 'https:') || url.origin !== origin.replace(/\/$/, ''))
    throw new Error('an upstream is an http or https origin')
  const secure = url.protocol === 'https:'
  // An idle connection that says something unasked is closed by the agent itself, so that it is nobody's answer.
  // Exchanges are bounded where they begin: none may queue here for a connection.
  const settings = { keepAlive: true, maxFreeSockets: 256, timeout: limits.upstreamIdleMs } as const
  const agent = secure ? new HttpsAgent(settings) : new HttpAgent(settings)
  const common: RequestOptions = {
    agent,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    maxHeaderSize: limits.upstreamHeaderBytesMax,
    insecureHTTPParser: false,
  }
  const send = secure ? httpsRequest : httpRequest
  return {
    origin,
    readyEvent: secure ? 'secureConnect' : 'connect',
    open: ({ method, path, headers }) => send({ ...common, method, path, headers: ['Host', url.host, ...headers] }),
    retire: () => {
      agent.maxFreeSockets = 0
      for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
    },
  }
}
