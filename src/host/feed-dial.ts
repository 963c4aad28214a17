/** How a gateway reaches control: over TLS 1.3 to addresses that are tried in turn, and to nobody who is not vouched for by its authority. */
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { Milliseconds } from '../kernel/instants.ts'
import { certificateHash } from './feed-key.ts'
import { controlName, feedProtocol, FeedWire, type WireLimits } from './feed-wire.ts'

export interface ControlAddress {
  readonly host: string
  readonly port: number
}

export interface DialInput {
  /** In the order in which they are tried. */
  readonly addresses: readonly [ControlAddress, ...ControlAddress[]]
  /** PEM of the one authority that is believed. */
  readonly authority: string
  /** Asked at each attempt: certificates are renewed. PEM. */
  readonly identity: () => { readonly certificate: string; readonly key: string }
  readonly limits: WireLimits
  readonly timeoutMs?: Milliseconds
}

const timeoutMs: Milliseconds = 5_000

/** One attempt, at the address after the one before. Rejects with what is wrong, in words that hold no secret. */
export function makeDial(input: DialInput): () => Promise<FeedWire> {
  let turn = 0
  return async () => {
    const address = input.addresses[turn % input.addresses.length] ?? input.addresses[0]
    turn += 1
    const { certificate, key } = input.identity()
    const socket = await open(address, { ca: [input.authority], cert: certificate, key }, input.timeoutMs)
    return new FeedWire(socket, input.limits)
  }
}

/** Who vouches for control there, by what its authority's hash is (`certificateHash`): PEM. Rejects where it is another. */
export async function findAuthority(address: ControlAddress, fingerprint: string): Promise<string> {
  // Nothing is said on this connection: it is for looking at who answers.
  const socket = await open(address, { rejectUnauthorized: false })
  const seen: string[] = []
  for (let each = socket.getPeerX509Certificate(); each !== undefined; each = each.issuerCertificate) {
    const pem = each.toString()
    if (seen.includes(pem)) break
    seen.push(pem)
  }
  socket.end()
  const found = seen.find((pem) => certificateHash(pem) === fingerprint)
  if (found === undefined) throw new Error(`who answers at ${textOf(address)} is not the control that this code is from`)
  return found
}

/** Sends one message to control, without a certificate of its own, and answers the one that comes back. */
export async function askAsStranger(
  address: ControlAddress,
  authority: string,
  { message, limits }: { readonly message: string; readonly limits: WireLimits },
): Promise<string> {
  const socket = await open(address, { ca: [authority] })
  const link = new FeedWire(socket, limits)
  return new Promise((resolve, reject) => {
    link.onMessage((answer) => {
      resolve(answer)
      link.close('answered')
    })
    link.onClose((reason) => reject(new Error(`control at ${textOf(address)} did not answer: ${reason}`)))
    link.send(message)
  })
}

function open(address: ControlAddress, more: ConnectionOptions, within = timeoutMs): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: address.host,
      port: address.port,
      servername: controlName,
      minVersion: 'TLSv1.3',
      ALPNProtocols: [feedProtocol],
      ...more,
    })
    const fail = (why: string) => {
      clearTimeout(tooLong)
      socket.destroy()
      reject(new Error(`control at ${textOf(address)} cannot be reached: ${why}`))
    }
    const tooLong = setTimeout(() => fail(`nobody answered within ${within} ms`), within)
    socket.on('error', (error) => fail(error.message))
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol !== feedProtocol) return fail('who answers does not speak the feed')
      clearTimeout(tooLong)
      resolve(socket)
    })
  })
}

function textOf({ host, port }: ControlAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
