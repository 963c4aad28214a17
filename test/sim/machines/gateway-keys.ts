/** The keys of the gateway processes: the same in every run, for control to know them by. */
import { createPrivateKey, hash } from 'node:crypto'
import { journalName } from '../../../src/control/gateways.ts'
import type { Signer } from '../../../src/control/ports.ts'
import { makeSigner } from '../../../src/host/key-files.ts'

export const gatewayNames = ['edge-1', 'edge-2', 'far-1'] as const

export interface GatewayKeys {
  /** SHA-256 in hex of what stands for its public key. */
  readonly key: string
  readonly signer: Signer
}

const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex')
const known = new Map<string, GatewayKeys>()

export function gatewayKeys(name: string): GatewayKeys {
  const before = known.get(name)
  if (before !== undefined) return before
  const key = hash('sha256', `the key of ${name}`)
  const secret = hash('sha256', `the journal of ${name}`, 'buffer')
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8Head, secret]), format: 'der', type: 'pkcs8' })
  const made = { key, signer: makeSigner(privateKey, journalName(key)) }
  known.set(name, made)
  return made
}
