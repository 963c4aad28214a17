/** Signing keys from a seed, so that the same run signs the same heads. */
import { createPrivateKey, createSecretKey, type KeyObject } from 'node:crypto'
import { makeSigner } from '../../src/host/key-files.ts'
import type { Keys, RoomParts } from '../../src/main/house.ts'
import { seededChance } from './chance.ts'

const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex')

export function seededKeys(seed: number): { readonly keys: Keys; readonly room: Pick<RoomParts, 'gateway' | 'tokens'> } {
  const { bytes } = seededChance(seed)
  const key = (): KeyObject => createPrivateKey({ key: Buffer.concat([pkcs8Head, bytes(32)]), format: 'der', type: 'pkcs8' })
  const ledger = makeSigner(key(), 'remit.test/ledger')
  const room = { gateway: makeSigner(key(), 'remit.test/http'), tokens: key() }
  return { keys: { ledger, master: { primary: createSecretKey(bytes(32)) } }, room }
}
