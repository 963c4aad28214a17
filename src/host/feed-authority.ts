/** The authority of the feed: it vouches for control towards gateways elsewhere, and for their keys towards control. Nobody else trusts it. */
import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import type { SecureContextOptions } from 'node:tls'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Refused, type Result } from '../kernel/result.ts'
import { type Made, makeAuthority, makeClientLeaf, makeLeaf, readCertificateRequest } from './certificates.ts'
import { certificateHash } from './feed-key.ts'
import { controlName } from './feed-wire.ts'
import { checkKeyFolder, readKeyFile, writeKeyFile } from './key-files.ts'
import { isFresh, isPair, readCertificate, readKey, spanOf, timeFlaw } from './tls-material.ts'

export interface FeedAuthority {
  /** PEM; gateways trust it and nothing else. */
  readonly certificate: string
  /** SHA-256 of it (DER), in base64url: enrolment codes carry it. */
  readonly fingerprint: string
  /** What the feed's port shows now. The key is on no disk. */
  context(): Promise<SecureContextOptions>
  /**
   * A certificate of thirty days over the key of a request (PKCS #10). Refuses `input.invalid` on what is no request, or is not signed by its
   * key, or not for the key that is `wanted`.
   */
  certify(request: string, wanted?: string): Promise<Result<Certified>>
}

export interface Certified {
  /** PEM. */
  readonly certificate: string
  /** SHA-256 of the public key (SPKI), in hex. */
  readonly key: string
}

export const feedAuthorityFile = 'gateways.pem'

const dayMs: Milliseconds = 86_400_000
const authorityMs: Milliseconds = 10 * 365 * dayMs
/** Of what control shows, under a key that is made with it. */
const leafMs: Milliseconds = dayMs
/**
 * Whoever is enrolled is looked up by key at every connection, so that a certificate takes nobody out: its end is for keys that nobody thought
 * of removing. It is long enough for a gateway that was off over a holiday.
 */
const clientLeafMs: Milliseconds = 30 * dayMs
/** Clocks of gateways may be behind. */
const earlierMs: Milliseconds = 3_600_000

/** Loads it, or makes it. Refuses `tls.unusable` where its file is broken or it has ended. */
export async function openFeedAuthority(folder: string, wall: () => Instant = Date.now): Promise<Result<FeedAuthority>> {
  const loaded = await loadOrMake(folder, wall())
  if (!loaded.ok) return loaded
  const authority = loaded.value
  const own = new X509Certificate(authority.certificate)
  const flaw = timeFlaw(own, wall())
  if (flaw !== undefined) return unusable(`${join(folder, feedAuthorityFile)} ${flaw}`)
  const { to: endsAt } = spanOf(own)
  const span = (length: Milliseconds) => ({ from: wall() - earlierMs, to: Math.min(wall() + length, endsAt) })
  let shown: Promise<Made> | undefined
  return done({
    certificate: authority.certificate,
    fingerprint: certificateHash(authority.certificate),
    context: async () => {
      const before = await shown
      if (before === undefined || !isFresh(before.certificate, wall()))
        shown = makeLeaf(authority, { commonName: 'Remit control', names: [controlName], ...span(leafMs) })
      const { certificate, key } = await (shown ?? Promise.reject(new Error('there is one')))
      // The authority goes with it, so that whoever has its fingerprint alone can find it.
      return { cert: `${certificate.trim()}\n${authority.certificate}`, key }
    },
    certify: async (text, wanted) => {
      const request = await readCertificateRequest(text)
      if (request === undefined) return refuse('input.invalid', { detail: 'this is no certificate request for a key of EC P-256' })
      if (wanted !== undefined && request.keyHash !== wanted) return refuse('input.invalid', { detail: 'it is for another key' })
      const certificate = await makeClientLeaf(authority, request, { commonName: 'Remit gateway', ...span(clientLeafMs) })
      return done({ certificate, key: request.keyHash })
    },
  })
}

async function loadOrMake(folder: string, now: Instant): Promise<Result<Made>> {
  const checked = await checkKeyFolder(folder)
  if (!checked.ok) return checked
  const path = join(folder, feedAuthorityFile)
  const text = await readKeyFile(path)
  if (text?.ok === false) return unusable(text.refusal.detail ?? path)
  if (text === undefined) {
    const from = now - earlierMs
    const made = await makeAuthority({ commonName: 'Remit feed authority', names: [controlName], from, to: from + authorityMs })
    await writeKeyFile(folder, feedAuthorityFile, `${made.certificate.trim()}\n${made.key}`)
    return done(made)
  }
  const at = Math.max(0, text.value.indexOf('-----BEGIN PRIVATE KEY-----'))
  const pair = { certificate: text.value.slice(0, at), key: text.value.slice(at) }
  const [certificate, key] = [readCertificate(pair.certificate), readKey(pair.key)]
  if (certificate === undefined || key === undefined || !isPair(certificate, key))
    return unusable(`${path} does not hold a certificate and its key; restore it, or move it away and enrol every gateway anew`)
  return done(pair)
}

function unusable(detail: string): Refused {
  return refuse('tls.unusable', { detail })
}
