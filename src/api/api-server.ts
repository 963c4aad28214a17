/** The server below the API: bounds on heads and time, and TLS, of which the certificate may be renewed while it runs. */
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { SecureContextOptions } from 'node:tls'

/** What to speak TLS with, and how to hear of what is newer. */
export interface Tls {
  context(): SecureContextOptions
  /** Answers how to stop listening. */
  onRenewed(listener: (context: SecureContextOptions) => void): () => void
}

const bounds = {
  maxHeaderSize: 16_384,
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  // Longer than anybody pauses at work: who asks in the moment in which an idle connection is closed does not hear what became of it.
  keepAliveTimeout: 65_000,
  // How often Node looks for heads and bodies that take too long.
  connectionsCheckingInterval: 5_000,
}

export interface ApiServerLimits {
  /** Above it, the connection that has asked for nothing longest makes room: whoever wants to stop something must get in. */
  readonly connectionsMax: number
}

/** A server that does not listen yet. */
export function makeApiServer(
  tls: Tls | undefined,
  take: RequestListener,
  { connectionsMax }: ApiServerLimits = { connectionsMax: 12_000 },
): Server | TlsServer {
  const connections = new Connections(connectionsMax)
  const server = tls === undefined ? createServer(bounds) : makeTlsServer(tls)
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => connections.add(socket))
  server.on('request', (request, response) => {
    connections.begin(request.socket)
    response.once('close', () => connections.end(request.socket))
    take(request, response)
  })
  // Idle sockets; longer than the longest wait for a grant.
  server.setTimeout(90_000)
  server.maxRequestsPerSocket = 10_000
  return server
}

/** Open connections without a request under way, the one that has been so longest first. */
class Connections {
  readonly #max: number
  readonly #idle = new Set<Socket>()
  #busy = 0

  constructor(max: number) {
    this.#max = max
  }

  add(socket: Socket): void {
    this.#idle.add(socket)
    socket.once('close', () => this.#idle.delete(socket))
    if (this.#idle.size + this.#busy <= this.#max) return
    const [longest] = this.#idle
    longest?.destroy()
    if (longest !== undefined) this.#idle.delete(longest)
  }

  begin(socket: Socket): void {
    this.#idle.delete(socket)
    this.#busy += 1
  }

  end(socket: Socket): void {
    this.#busy -= 1
    if (!socket.destroyed) this.#idle.add(socket)
  }
}

function makeTlsServer(tls: Tls): TlsServer {
  const server = createTlsServer({ ...tls.context(), ...bounds, handshakeTimeout: 15_000, ALPNProtocols: ['http/1.1'] })
  const stop = tls.onRenewed((context) => server.setSecureContext(context))
  server.on('close', stop)
  return server
}
