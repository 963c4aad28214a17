/** What a listener needs to speak TLS, and how it hears that there is something newer. */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'
import type { Instant } from '../kernel/instants.ts'

export interface TlsMaterial {
  /** For `createServer`, and for each connection that is accepted from now on. */
  context(): SecureContextOptions
  /** Calls with what is newer, as `setSecureContext` takes it; answers how to stop listening. */
  onRenewed(listener: (context: SecureContextOptions) => void): () => void
  close(): void
}

export interface TlsLog {
  info(says: string, facts?: Readonly<Record<string, unknown>>): void
  warn(says: string, facts?: Readonly<Record<string, unknown>>): void
  error(says: string, facts?: Readonly<Record<string, unknown>>): void
}

/** The parts, with the setting that all listeners have in common. */
export function contextOf(cert: string, key: string): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2' }
}

/** What is in force now, and who wants to hear of its successor. */
export class Renewable {
  readonly #listeners = new Set<(context: SecureContextOptions) => void>()
  #context: SecureContextOptions

  constructor(context: SecureContextOptions) {
    this.#context = context
  }

  get context(): SecureContextOptions {
    return this.#context
  }

  renew(context: SecureContextOptions): void {
    this.#context = context
    for (const listener of [...this.#listeners]) listener(context)
  }

  listen(listener: (context: SecureContextOptions) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** The first certificate of a PEM text. */
export function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

/** The private key of a PEM text; one that asks for a passphrase is none. */
export function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey({ key: pem, format: 'pem' })
  } catch {
    // The parser's message could quote the file.
    return undefined
  }
}

/** Why this certificate cannot be shown now, or nothing. */
export function timeFlaw(certificate: X509Certificate, now: Instant): string | undefined {
  const { from, to } = spanOf(certificate)
  if (now < from) return `is not valid before ${new Date(from).toISOString()}`
  if (now >= to) return `ended on ${new Date(to).toISOString()}`
  return undefined
}

/** From when and until when it is valid, in UTC milliseconds. */
export function spanOf(certificate: X509Certificate): { readonly from: Instant; readonly to: Instant } {
  return { from: certificate.validFromDate.getTime(), to: certificate.validToDate.getTime() }
}

/** In its time, with a third of it left: also after a clock jumped, in either direction. PEM. */
export function isFresh(certificate: string, now: Instant): boolean {
  const { from, to } = spanOf(new X509Certificate(certificate))
  return from <= now && now < from + ((to - from) * 2) / 3
}

export function isPair(certificate: X509Certificate, key: KeyObject): boolean {
  return certificate.publicKey.equals(createPublicKey(key))
}
