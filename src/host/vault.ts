/** Seals upstream secrets so that they open for the origin they were sealed for, and nowhere else. */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { reveal, Secret } from '../kernel/secret.ts'

export interface HostVault {
  /** AES-256-GCM under the master key; answers base64 of nonce ‖ ciphertext ‖ tag. */
  seal(secret: Secret, origin: string): string
  /** Refuses `upstream.credential`, without saying why, what was sealed for another origin, with another key, or was changed. */
  open(sealed: string, origin: string): Result<Secret>
}

const cipher = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16
const sealedCharactersMax = 65_536

/** `masterKey` is 32 bytes: see `loadOrMakeMasterKey`. */
export function makeVault(masterKey: KeyObject): HostVault {
  if (masterKey.symmetricKeySize !== 32) throw new Error('the master key is 32 bytes')
  return {
    seal(secret, origin) {
      const nonce = randomBytes(nonceBytes)
      const sealing = createCipheriv(cipher, masterKey, nonce, { authTagLength: tagBytes }).setAAD(boundTo(origin))
      const hidden = Buffer.concat([sealing.update(reveal(secret), 'utf8'), sealing.final()])
      return Buffer.concat([nonce, hidden, sealing.getAuthTag()]).toString('base64')
    },
    open(sealed, origin) {
      const opened = sealed.length > sealedCharactersMax ? undefined : unseal(masterKey, Buffer.from(sealed, 'base64'), boundTo(origin))
      return opened === undefined ? refuse('upstream.credential') : done(new Secret(opened))
    },
  }
}

/** The associated data. The origin stands last, so no two origins give the same bytes. */
function boundTo(origin: string): Buffer {
  return Buffer.from(`remit upstream secret v1\n${origin}`)
}

function unseal(masterKey: KeyObject, bytes: Buffer, bound: Buffer): string | undefined {
  if (bytes.byteLength < nonceBytes + tagBytes) return undefined
  const end = bytes.byteLength - tagBytes
  const opening = createDecipheriv(cipher, masterKey, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
  opening.setAAD(bound).setAuthTag(bytes.subarray(end))
  try {
    return Buffer.concat([opening.update(bytes.subarray(nonceBytes, end)), opening.final()]).toString('utf8')
  } catch {
    // `final` throws when the tag does not fit; nothing of what `update` gave may leave here.
    return undefined
  }
}
