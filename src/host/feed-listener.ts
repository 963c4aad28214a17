/** The port of the feed: gateways with a certificate of ours get a link, whoever has none may enrol, and nobody else says anything. */
import { createHash, type X509Certificate } from 'node:crypto'
import type { AddressInfo, Socket } from 'node:net'
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls'
import { clientAddress } from '../kernel/client-address.ts'
import type { Milliseconds } from '../kernel/instants.ts'
import type { FeedAuthority } from './feed-authority.ts'
import { feedProtocol, FeedWire, type WireLimits } from './feed-wire.ts'

export interface FeedPeer {
  /** SHA-256 in hex of the public key (SPKI) it proved to hold. */
  readonly key: string
  readonly address: string
}

export interface FeedListenerInput {
  readonly authority: FeedAuthority
  readonly host: string
  readonly port: number
  readonly limits: WireLimits
  readonly log: { warn(says: string, facts?: Readonly<Record<string, unknown>>): void }
  /** A gateway whose certificate is ours and in its time. Whether its key is one that is enrolled is not asked here. */
  readonly onLink: (link: FeedWire, peer: FeedPeer) => void
  /** Whether somebody at this address may try to enrol now. */
  readonly mayEnrol: (address: string) => boolean
  /** The one request of somebody without a certificate, and the one answer to it. */
  readonly onEnrol: (request: string, address: string) => Promise<string>
  readonly bounds?: Partial<FeedBounds>
}

export interface FeedBounds {
  /** Connections, of gateways and of those that are not yet known to be one. */
  readonly connectionsMax: number
  /** Those of them that have not shown a certificate. */
  readonly strangersMax: number
  readonly strangersPerAddressMax: number
  readonly handshakeMs: Milliseconds
  readonly enrolMs: Milliseconds
  readonly enrolBytesMax: number
  /** How often the log speaks of those that were turned away. */
  readonly toldEveryMs: Milliseconds
}

const defaultBounds: FeedBounds = {
  connectionsMax: 2_000,
  strangersMax: 256,
  strangersPerAddressMax: 16,
  handshakeMs: 10_000,
  enrolMs: 10_000,
  enrolBytesMax: 32_768,
  toldEveryMs: 10_000,
}

const renewLookMs: Milliseconds = 60_000

/** Listens. Rejects where the system refuses. */
export async function openFeedListener(input: FeedListenerInput): Promise<FeedListener> {
  const listener = new FeedListener(input, await input.authority.context())
  await listener.open()
  return listener
}

export class FeedListener {
  readonly #input: FeedListenerInput
  readonly #bounds: FeedBounds
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** By both ends of the connection: their address. */
  readonly #strangers = new Map<string, string>()
  readonly #renewing: NodeJS.Timeout
  #turnedAway = 0
  #toldAt: number | undefined

  constructor(input: FeedListenerInput, context: Awaited<ReturnType<FeedAuthority['context']>>) {
    this.#input = input
    this.#bounds = { ...defaultBounds, ...input.bounds }
    this.#server = createServer({
      ...context,
      ...this.#fixed(),
      requestCert: true,
      // Who shows none may enrol; who shows another than one of ours is turned away below.
      rejectUnauthorized: false,
      ALPNProtocols: [feedProtocol],
      handshakeTimeout: this.#bounds.handshakeMs,
    })
    this.#server.maxConnections = this.#bounds.connectionsMax
    this.#server.on('connection', (socket) => this.#arrived(socket))
    this.#server.on('secureConnection', (socket) => this.#known(socket))
    this.#server.on('tlsClientError', (error, socket) => {
      this.#tell(`no handshake: ${error.message}`, clientAddress(socket.remoteAddress))
      socket.destroy()
    })
    this.#renewing = setInterval(() => void this.#renew(), renewLookMs).unref()
  }

  get port(): number {
    const address: AddressInfo | string | null = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host: this.#input.host, port: this.#input.port }, () => {
        this.#server.off('error', reject)
        this.#server.on('error', (error) => this.#input.log.warn('the port of the feed failed', { error }))
        resolve()
      })
    })
  }

  close(): Promise<void> {
    clearInterval(this.#renewing)
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const socket of this.#sockets) socket.destroy()
    })
  }

  #fixed(): SecureContextOptions {
    return { ca: [this.#input.authority.certificate], minVersion: 'TLSv1.3' }
  }

  async #renew(): Promise<void> {
    try {
      this.#server.setSecureContext({ ...(await this.#input.authority.context()), ...this.#fixed() })
    } catch (error) {
      this.#input.log.warn('the certificate of the feed could not be renewed', { error })
    }
  }

  #arrived(socket: Socket): void {
    const address = clientAddress(socket.remoteAddress)
    const ends = endsOf(socket)
    this.#sockets.add(socket)
    this.#strangers.set(ends, address)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#strangers.delete(ends)
    })
    const { strangersMax, strangersPerAddressMax } = this.#bounds
    const here = [...this.#strangers.values()].filter((other) => other === address).length
    if (this.#strangers.size <= strangersMax && here <= strangersPerAddressMax) return
    this.#tell('too many connections that show no certificate', address)
    socket.destroy()
  }

  #known(socket: TLSSocket): void {
    const address = clientAddress(socket.remoteAddress)
    const turnAway = (why: string) => {
      this.#tell(why, address)
      socket.destroy()
    }
    // Until something listens, so that an error of the connection is nobody's end but its own.
    socket.on('error', () => socket.destroy())
    if (socket.alpnProtocol !== feedProtocol) return turnAway('it does not speak the feed')
    // A session that is taken up again shows what was checked then: an ended certificate would go on.
    if (socket.isSessionReused()) return turnAway('it takes up an earlier session')
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined) return this.#enrol(socket, address)
    if (!socket.authorized) return turnAway(`its certificate is not taken: ${String(socket.authorizationError)}`)
    // It counts among the gateways from here on.
    this.#strangers.delete(endsOf(socket))
    this.#input.onLink(new FeedWire(socket, this.#input.limits), { key: keyOf(certificate), address })
  }

  #enrol(socket: TLSSocket, address: string): void {
    const { enrolMs, enrolBytesMax } = this.#bounds
    const link = new FeedWire(socket, { messageBytesMax: enrolBytesMax, waitingBytesMax: enrolBytesMax, silenceMs: enrolMs })
    const tooLong = setTimeout(() => link.close('it took too long'), enrolMs).unref()
    link.onClose(() => clearTimeout(tooLong))
    let isAsked = false
    link.onMessage((request) => {
      // One connection, one attempt.
      if (isAsked) return link.close('one request, and no more')
      isAsked = true
      if (!this.#input.mayEnrol(address)) {
        this.#tell('too many attempts to enrol', address)
        return link.close('too many attempts')
      }
      void this.#answer(link, request, address)
    })
  }

  async #answer(link: FeedWire, request: string, address: string): Promise<void> {
    try {
      link.send(await this.#input.onEnrol(request, address))
      link.close('answered')
    } catch (error) {
      this.#input.log.warn('an enrolment failed', { error })
      link.close('it failed')
    }
  }

  /** Once in a while, with how many: strangers must not fill the log. */
  #tell(why: string, address: string): void {
    this.#turnedAway += 1
    const now = performance.now()
    if (this.#toldAt !== undefined && now - this.#toldAt < this.#bounds.toldEveryMs) return
    this.#toldAt = now
    this.#input.log.warn('somebody was turned away at the port of the feed', { why, address, since: this.#turnedAway })
    this.#turnedAway = 0
  }
}

function endsOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

function keyOf(certificate: X509Certificate): string {
  return createHash('sha256')
    .update(certificate.publicKey.export({ format: 'der', type: 'spki' }))
    .digest('hex')
}
