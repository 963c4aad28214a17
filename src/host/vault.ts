/** Seals upstream secrets so that they open for the service and origin they were sealed for, and nowhere else. */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { reveal, Secret } from '../kernel/secret.ts'
import { type KeyRing, masterKeyId, sealingKey } from './master-key.ts'

/** Where a sealed text belongs. All of it is associated data: changed in any part, the text does not open. */
export interface SealedPlace {
  readonly space: string
  readonly service: string
  /** Scheme, host and port that it may be sent to. */
  readonly origin: string
  /** The secret itself, or the name of where it is kept. */
  readonly use: 'value' | 'reference'
}

export interface HostVault {
  /** AES-256-GCM under the primary key; answers `2.<key id>.<base64url of nonce ‖ ciphertext ‖ tag>`. */
  seal(secret: Secret, place: SealedPlace): string
  /** Refuses `upstream.credential`, without saying why, what was sealed for another place, with a key it has not, or was changed. */
  open(sealed: string, place: SealedPlace): Result<Secret>
  /** Whether it is in today's form and under the primary key: if not, it is to be sealed anew when the key is rotated. */
  isCurrent(sealed: string): boolean
}

const cipher = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16
const sealedCharactersMax = 65_536
const envelope = /^2\.([0-9a-f]{16})\.([A-Za-z0-9_-]+)$/

interface NamedKey {
  readonly id: string
  readonly sealing: KeyObject
  /** What sealed before there were envelopes. */
  readonly master: KeyObject
}

export function makeVault(ring: KeyRing): HostVault {
  const keys = [ring.primary, ...(ring.older ?? [])].map(
    (master): NamedKey => ({ id: masterKeyId(master), sealing: sealingKey(master), master }),
  )
  const [primary] = keys
  if (primary === undefined) throw new Error('a key ring has a primary key')
  return {
    seal(secret, place) {
      const nonce = randomBytes(nonceBytes)
      const sealing = createCipheriv(cipher, primary.sealing, nonce, { authTagLength: tagBytes }).setAAD(boundTo(primary.id, place))
      const hidden = Buffer.concat([sealing.update(reveal(secret), 'utf8'), sealing.final()])
      return `2.${primary.id}.${Buffer.concat([nonce, hidden, sealing.getAuthTag()]).toString('base64url')}`
    },
    open(sealed, place) {
      const opened = sealed.length > sealedCharactersMax ? undefined : openWith(keys, sealed, place)
      return opened === undefined ? refuse('upstream.credential') : done(new Secret(opened))
    },
    isCurrent: (sealed) => envelope.exec(sealed)?.[1] === primary.id,
  }
}

function openWith(keys: readonly NamedKey[], sealed: string, place: SealedPlace): string | undefined {
  const [, id, text = ''] = envelope.exec(sealed) ?? []
  if (id === undefined) return openFirstForm(keys, sealed, place)
  const key = keys.find((each) => each.id === id)
  const bytes = Buffer.from(text, 'base64url')
  // One text for one content: what decodes alike but is written otherwise was not written here.
  if (key === undefined || bytes.toString('base64url') !== text) return undefined
  return unseal(key.sealing, bytes, boundTo(id, place))
}

/** Sealed before there were envelopes: base64 of nonce ‖ ciphertext ‖ tag, bound to the origin alone. It is read and not written any more. */
function openFirstForm(keys: readonly NamedKey[], sealed: string, place: SealedPlace): string | undefined {
  if (place.use !== 'value') return undefined
  const bytes = Buffer.from(sealed, 'base64')
  for (const { master } of keys) {
    const opened = unseal(master, bytes, Buffer.from(`remit upstream secret v1\n${place.origin}`))
    if (opened !== undefined) return opened
  }
  return undefined
}

/** The associated data. As a list in JSON no two places give the same bytes. */
function boundTo(id: string, { use, space, service, origin }: SealedPlace): Buffer {
  return Buffer.from(JSON.stringify(['remit sealed', 2, id, use, space, service, origin]))
}

function unseal(key: KeyObject, bytes: Buffer, bound: Buffer): string | undefined {
  if (bytes.byteLength < nonceBytes + tagBytes) return undefined
  const end = bytes.byteLength - tagBytes
  const opening = createDecipheriv(cipher, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
  opening.setAAD(bound).setAuthTag(bytes.subarray(end))
  try {
    return Buffer.concat([opening.update(bytes.subarray(nonceBytes, end)), opening.final()]).toString('utf8')
  } catch {
    // `final` throws when the tag does not fit; nothing of what `update` gave may leave here.
    return undefined
  }
}
