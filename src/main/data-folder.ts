/** The data folder of `remit up`: what lies where, and the keys in it. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { loadOrMakeKey, loadOrMakeMasterKey, loadOrMakeSigner } from '../host/key-files.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Keys } from './house.ts'

export interface DataFolder {
  readonly store: string
  readonly journal: string
  readonly keys: string
}

/** Makes the folder where it is missing, for its owner alone. */
export async function openDataFolder(path: string): Promise<DataFolder> {
  const folder = { store: join(path, 'store', 'remit.sqlite'), journal: join(path, 'journal', 'http'), keys: join(path, 'keys') }
  for (const each of [path, join(path, 'store'), join(path, 'journal'), folder.keys]) await mkdir(each, { recursive: true, mode: 0o700 })
  return folder
}

/** The keys of a space. The names of the signers stand in the ledger for ever: they name the space, not the machine. */
export async function loadKeys(folder: string, space: string): Promise<Result<Keys>> {
  const ledger = await loadOrMakeSigner(folder, 'ledger', `remit.local/${space}/ledger`)
  if (!ledger.ok) return ledger
  const gateway = await loadOrMakeSigner(folder, 'gateway-http', `remit.local/${space}/http`)
  if (!gateway.ok) return gateway
  const tokens = await loadOrMakeKey(folder, 'tokens')
  if (!tokens.ok) return tokens
  const master = await loadOrMakeMasterKey(folder, 'master')
  if (!master.ok) return master
  return done({ ledger: ledger.value, gateway: gateway.value, tokens: tokens.value, master: master.value })
}
