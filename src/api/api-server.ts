/** The server below the API: bounds on heads and time, and TLS, of which the certificate may be renewed while it runs. */
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { SecureContextOptions } from 'node:tls'

/** What to speak TLS with, and how to hear of what is newer. */
export interface Tls {
  context(): SecureContextOptions
  /** Answers how to stop listening. */
  onRenewed(listener: (context: SecureContextOptions) => void): () => void
}

const bounds = { maxHeaderSize: 16_384, headersTimeout: 15_000, requestTimeout: 30_000, keepAliveTimeout: 10_000 }

/** A server that does not listen yet. */
export function makeApiServer(tls: Tls | undefined, take: RequestListener): Server | TlsServer {
  const server = tls === undefined ? createServer(bounds, take) : makeTlsServer(tls, take)
  // Idle sockets; longer than the longest wait for a grant.
  server.setTimeout(90_000)
  server.maxRequestsPerSocket = 10_000
  return server
}

function makeTlsServer(tls: Tls, take: RequestListener): TlsServer {
  const server = createTlsServer({ ...tls.context(), ...bounds, handshakeTimeout: 15_000, ALPNProtocols: ['http/1.1'] }, take)
  const stop = tls.onRenewed((context) => server.setSecureContext(context))
  server.on('close', stop)
  return server
}
