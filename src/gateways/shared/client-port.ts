/** A port that clients connect to: its server, in the clear or over TLS, and the connections that are open on it. */
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createSecureServer } from 'node:tls'
import type { Instant, Milliseconds } from '../../kernel/instants.ts'
import { listening } from './listening.ts'
import { Roster } from './roster.ts'
import type { Tls } from './tls.ts'

/** A client's connection as its port sees it, whatever it speaks. */
export interface ServedConnection {
  readonly isIdle: boolean
  readonly idleSince: Instant
  /** Closes it when what is under way on it is answered; at once if nothing is. */
  retire(): void
  abort(): void
  sweep(now: Instant): void
}

export interface ClientPortInput {
  readonly tls?: Tls | undefined
  /** What is offered over TLS (RFC 7301), the most wanted first. */
  readonly protocols: readonly string[]
  readonly limits: {
    /** Above it, the connection that has been idle longest makes room. */
    readonly connectionsPerServiceMax: number
    readonly headersMs: Milliseconds
  }
  /** A connection on this socket; calls `onGone` once, when it is gone. */
  readonly connect: (socket: Socket, onGone: () => void) => ServedConnection
}

/** Bytes that wait for a client, above which whoever sends to it waits too: more than one read, so that not every piece of an answer stops the next one. */
const aheadBytesMax = 131_072

export class ClientPort {
  readonly #input: ClientPortInput
  readonly #server: Server
  readonly #connections = new Roster<ServedConnection>()
  #isClosing = false

  constructor(input: ClientPortInput) {
    this.#input = input
    this.#server = this.#makeServer()
    // Should nobody be idle, the last resort: one more than makes room for itself.
    this.#server.maxConnections = input.limits.connectionsPerServiceMax + 1
  }

  /** Starts to listen; answers the port. Rejects where the system refuses; what fails later is told to `failed`. */
  open(host: string, port: number, failed: (err: Error) => void): Promise<number> {
    return listening(this.#server, { host, port }, failed)
  }

  /** Takes no more connections, closes the idle ones, and resolves when the last is gone. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#isClosing = true
      this.#server.close(() => resolve())
      for (const connection of this.#connections) connection.retire()
    })
  }

  /** Ends every connection now. */
  abort(): void {
    for (const connection of this.#connections) connection.abort()
  }

  /** Gives up what has taken too long. */
  sweep(now: Instant): void {
    for (const connection of this.#connections) connection.sweep(now)
  }

  #take(socket: Socket): void {
    if (this.#connections.size >= this.#input.limits.connectionsPerServiceMax) this.#makeRoom()
    const connection = this.#input.connect(socket, () => leave())
    const leave = this.#connections.add(connection)
    if (this.#isClosing) connection.retire()
  }

  /** Whoever has been idle for the longest goes: connections that do nothing must not keep others out. */
  #makeRoom(): void {
    let oldest: ServedConnection | undefined
    for (const connection of this.#connections)
      if (connection.isIdle && (oldest === undefined || connection.idleSince < oldest.idleSince)) oldest = connection
    oldest?.abort()
  }

  /** In the clear or over TLS; a certificate that was renewed is shown from the next connection on. */
  #makeServer(): Server {
    const { tls, limits, protocols } = this.#input
    const take = (socket: Socket) => this.#take(socket)
    const bounds = { allowHalfOpen: true, highWaterMark: aheadBytesMax }
    if (tls === undefined) return createServer(bounds, take)
    const secured = { minVersion: 'TLSv1.2' as const, handshakeTimeout: limits.headersMs, ALPNProtocols: [...protocols] }
    const server = createSecureServer({ ...tls.context(), ...secured, highWaterMark: aheadBytesMax }, take)
    const stop = tls.onRenewed((context) => server.setSecureContext(context))
    server.on('close', stop)
    return server
  }
}
