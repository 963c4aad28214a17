/** The data folder of `remit up`: what lies where, and the keys in it. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { loadOrMakeKey, loadOrMakeSigner } from '../host/key-files.ts'
import type { MasterKeySource } from '../host/master-key-source.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Keys, RoomParts } from './house.ts'
import { loadMasterKeys } from './master-keys.ts'
import { nodeSuffix } from './nodes.ts'
import { olderTokenKeys } from './token-keys.ts'

export interface DataFolder {
  readonly store: string
  /** Of the gateway of the space `main`; those of other spaces lie beside it. */
  readonly journal: string
  readonly keys: string
  /** Hashes above the ledger's leaves: they can be made again. */
  readonly tiles: string
  /** There while a restore is under way, and where one broke off. */
  readonly restoring: string
}

/** The space that is kept when nothing else is said. */
export const mainSpace = 'main'

/** Where everything lies below the folder. */
export function dataFolder(path: string): DataFolder {
  return {
    store: join(path, 'store', 'remit.sqlite'),
    journal: join(path, 'journal', 'http'),
    keys: join(path, 'keys'),
    tiles: join(path, 'tiles'),
    restoring: join(path, 'restoring'),
  }
}

/** Makes the folder where it is missing, for its owner alone. Throws a sentence for a person. */
export async function openDataFolder(path: string): Promise<DataFolder> {
  const folder = dataFolder(path)
  for (const each of [path, join(path, 'store'), join(path, 'journal'), folder.keys])
    await mkdir(each, { recursive: true, mode: 0o700 })
      // On a disk that is read-only Node says of the first that there is no such folder, and of the second what is so.
      .catch(() => mkdir(each, { mode: 0o700 }))
      .catch((cause: unknown) => {
        const why = cause instanceof Error ? cause.message : 'the system refuses'
        throw new Error(`the data folder ${path} cannot be made: ${why}; name one with --data that Remit may write`, { cause })
      })
  return folder
}

/** Where the journal of a space's HTTP gateway lies, in one epoch, at one node. */
export function journalOf(folder: DataFolder, space: string, epoch: number, node?: string): string {
  const name = `${space === mainSpace ? 'http' : `http-${space}`}${nodeSuffix(node)}`
  // A space's name has no full stop, so no two of these are the same.
  return join(folder.journal, '..', epoch === 1 ? name : `${name}.epoch-${epoch}`)
}

/** The name of the key that signs a space's tokens. */
export function tokenKeyName(space: string): string {
  return space === mainSpace ? 'tokens' : `tokens-${space}`
}

/** The keys of a space. The names of the signers stand in the ledger for ever: they name the space and the node, not the machine. */
export async function loadSpaceKeys(
  folder: string,
  space: string,
  node?: string,
): Promise<Result<Pick<RoomParts, 'gateway' | 'tokens' | 'olderTokens'>>> {
  const suffix = space === mainSpace ? '' : `-${space}`
  const gateway = await loadOrMakeSigner(folder, `gateway-http${suffix}`, `remit.local/${space}/http${nodeSuffix(node)}`)
  if (!gateway.ok) return gateway
  const tokens = await loadOrMakeKey(folder, tokenKeyName(space))
  if (!tokens.ok) return tokens
  const older = await olderTokenKeys(folder, tokenKeyName(space), Date.now())
  return older.ok ? done({ gateway: gateway.value, tokens: tokens.value, olderTokens: older.value }) : older
}

/** The keys that all spaces stand on: the ledger's and the master key, which need not lie in the folder. */
export async function loadKeys(folder: string, masterKey: MasterKeySource = { kind: 'folder' }): Promise<Result<Keys>> {
  const ledger = await loadOrMakeSigner(folder, 'ledger', `remit.local/${mainSpace}/ledger`)
  if (!ledger.ok) return ledger
  const master = await loadMasterKeys(masterKey, folder)
  if (!master.ok) return master
  return done({ ledger: ledger.value, master: master.value })
}
