/** The master key and what is made of it: an id that names it, a value that proves it, and the key that seals. */
import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'

export const masterKeyBytes = 32

/** The key that seals, and those before it, which open what is not sealed anew yet. */
export interface KeyRing {
  readonly primary: KeyObject
  readonly older?: readonly KeyObject[]
}

/** 16 hex digits that name a master key in what was sealed under it. They say nothing of the key. */
export function masterKeyId(key: KeyObject): string {
  return derive(key, 'remit master key id v1').subarray(0, 8).toString('hex')
}

/** 64 hex digits, kept in the store, by which a wrong master key is found before anything needs it. */
export function masterKeyCheck(key: KeyObject): string {
  return derive(key, 'remit master key check v1').toString('hex')
}

/** The key for AES-256-GCM: one for each purpose, so that no two uses of the master key meet (RFC 5869). */
export function sealingKey(key: KeyObject): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), 'remit seal v2', masterKeyBytes)))
}

/** A key from its 32 bytes in base64, which may have one line break behind it. */
export function readMasterKey(text: string): KeyObject | undefined {
  const written = text.replace(/\r?\n$/, '')
  const bytes = Buffer.from(written, 'base64')
  return bytes.byteLength === masterKeyBytes && bytes.toString('base64') === written ? createSecretKey(bytes) : undefined
}

function derive(key: KeyObject, label: string): Buffer {
  if (key.type !== 'secret' || key.symmetricKeySize !== masterKeyBytes) throw new Error(`the master key is ${masterKeyBytes} bytes`)
  return createHmac('sha256', key).update(label).digest()
}

/** A ring as it came from where it is kept. */
export interface MasterKeys extends KeyRing {
  /** There where the primary key is new and not kept anywhere yet: to be called before anything is sealed under it. */
  readonly keep?: () => Promise<void>
}
