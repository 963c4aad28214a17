/** An authority of this machine's own, for TLS where there is no other: made at first start, and it never leaves the data folder. */
import { randomBytes, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { every } from '../kernel/every.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Refused, type Result } from '../kernel/result.ts'
import { type Made, makeAuthority, makeLeaf, permits } from './certificates.ts'
import type { HostClock } from './clock.ts'
import { checkKeyFolder, readKeyFile, writeKeyFile } from './key-files.ts'
import {
  contextOf,
  isFresh,
  isPair,
  readCertificate,
  readKey,
  Renewable,
  spanOf,
  timeFlaw,
  type TlsLog,
  type TlsMaterial,
} from './tls-material.ts'

export interface LocalAuthority extends TlsMaterial {
  /** The certificate that clients are to trust. */
  readonly path: string
  /** SHA-256 of its DER, as `openssl x509 -fingerprint -sha256` writes it. */
  readonly fingerprint: string
  readonly endsAt: Instant
}

export interface LocalAuthorityOptions {
  /** The data folder's keys. */
  readonly folder: string
  /** Further names, beside `localhost`, `127.0.0.1` and `::1`. */
  readonly names: readonly string[]
  readonly clock: Pick<HostClock, 'after'>
  readonly log: TlsLog
  /** UTC milliseconds as clients have them too: a certificate is held against the wall clock, not against one that never goes back. */
  readonly wall?: () => Instant
}

/** What clients are to trust is also there alone; it is no secret. */
export const authorityFiles = { both: 'authority.pem', certificate: 'authority.crt' } as const
export const ownNames = ['localhost', '127.0.0.1', '::1'] as const

const dayMs: Milliseconds = 86_400_000
const authorityMs: Milliseconds = 5 * 365 * dayMs
const leafMs: Milliseconds = 30 * dayMs
/** Clocks of clients may be behind. */
const earlierMs: Milliseconds = 3_600_000
const lookEvery: Milliseconds = 60_000
const warnBefore: Milliseconds = 60 * dayMs

/**
 * Loads the authority, or makes it, and has it vouch for a listener's certificate of 30 days, of which the key is on no disk. Refuses
 * `tls.unusable` where its files are broken, it has ended, or it was made for other names.
 */
export async function openLocalAuthority(options: LocalAuthorityOptions): Promise<Result<LocalAuthority>> {
  const { folder, clock, log, wall = Date.now } = options
  const names = [...new Set([...ownNames, ...options.names])]
  const loaded = await loadOrMake(folder, names, wall())
  if (!loaded.ok) return loaded
  const authority = loaded.value
  const certificate = new X509Certificate(authority.certificate)
  const stranger = names.find((name) => !permits(authority.certificate, name))
  const flaw =
    timeFlaw(certificate, wall()) ??
    (stranger === undefined ? undefined : `was not made for ${stranger}, and speaks for no other name than it was made for; ${remake}`)
  if (flaw !== undefined) return unusable(`${join(folder, authorityFiles.both)} ${flaw}`)
  await writeKeyFile(folder, authorityFiles.certificate, authority.certificate)
  const { to: endsAt } = spanOf(certificate)
  if (endsAt - wall() < warnBefore) log.warn('the local authority ends soon', { endsAt: new Date(endsAt).toISOString(), remedy: remake })
  const issue = (now: Instant) =>
    makeLeaf(authority, { commonName: 'Remit', names, from: now - earlierMs, to: Math.min(now + leafMs, endsAt) })
  let leaf = await issue(wall())
  const renewable = new Renewable(contextOf(leaf.certificate, leaf.key))
  const look = async (): Promise<void> => {
    if (isFresh(leaf.certificate, wall())) return
    leaf = await issue(wall())
    renewable.renew(contextOf(leaf.certificate, leaf.key))
    log.info('the certificate of the listeners was renewed')
  }
  const stop = every(clock, lookEvery, () =>
    look().catch((error: unknown) => log.error('the certificate of the listeners could not be renewed', { error })),
  )
  return done({
    path: join(folder, authorityFiles.certificate),
    fingerprint: certificate.fingerprint256,
    endsAt,
    context: () => renewable.context,
    onRenewed: (listener) => renewable.listen(listener),
    close: stop,
  })
}

const remake = `to have another, move ${authorityFiles.both} away, start, and have clients trust the new one`

/** Certificate and key in one file, so that there is never one without the other. */
async function loadOrMake(folder: string, names: readonly string[], now: Instant): Promise<Result<Made>> {
  const checked = await checkKeyFolder(folder)
  if (!checked.ok) return checked
  const path = join(folder, authorityFiles.both)
  const text = await readKeyFile(path)
  if (text?.ok === false) return unusable(text.refusal.detail ?? path)
  if (text === undefined) {
    const from = now - earlierMs
    const label = randomBytes(3).toString('hex')
    const made = await makeAuthority({ commonName: `Remit local authority ${label}`, names, from, to: from + authorityMs })
    await writeKeyFile(folder, authorityFiles.both, `${made.certificate.trim()}\n${made.key}`)
    return done(made)
  }
  const at = Math.max(0, text.value.indexOf('-----BEGIN PRIVATE KEY-----'))
  const pair = { certificate: text.value.slice(0, at), key: text.value.slice(at) }
  const [certificate, key] = [readCertificate(pair.certificate), readKey(pair.key)]
  if (certificate === undefined || key === undefined || !isPair(certificate, key))
    return unusable(`${path} does not hold a certificate and its key; restore it, or ${remake}`)
  return done(pair)
}

function unusable(detail: string): Refused {
  return refuse('tls.unusable', { detail })
}
