/** `remit rotate-key`: gives a data folder another master key, while nobody has it open. */
import { access } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { RotateKeyOptions, RotateKeyReport } from '../cli/house.ts'
import type { Database } from '../control/ports.ts'
import { makeChance } from '../host/chance.ts'
import { makeClock } from '../host/clock.ts'
import { masterKeyForms, type MasterKeySource, readMasterKeySource } from '../host/master-key-source.ts'
import { tokenKeyName } from './data-folder.ts'
import { databasePlace, openDatabase } from './database.ts'
import { type RotationPlan, rotateMasterKey } from './master-keys.ts'
import { orThrow } from './or-throw.ts'
import { rotateTokenKeys } from './token-keys.ts'

/** Throws a sentence for a person when it cannot be done; `store.locked` while Remit runs on the folder. */
export async function rotateKey(options: RotateKeyOptions & Pick<RotationPlan, 'onStep'>): Promise<RotateKeyReport> {
  process.umask(0o077)
  const folder = join(resolve(options.data), 'keys')
  if (options.tokens === true) return rotateTokens(options, folder)
  const current = masterKeySource(options.masterKey)
  const next = options.newMasterKey === undefined ? sameKind(current) : masterKeySource(options.newMasterKey)
  const database = await openExisting(options)
  try {
    const { onStep } = options
    const plan = {
      database,
      folder,
      current,
      next,
      by: "the machine's operator",
      ...(onStep === undefined ? {} : { onStep }),
    }
    const { from, to, spaces } = orThrow(await rotateMasterKey(plan))
    return { from, to, spaces, startWith: next.kind === 'folder' ? undefined : (options.newMasterKey ?? options.masterKey) }
  } finally {
    await database.close()
  }
}

/** Nobody else may have it open while keys are replaced. */
async function openExisting({ data, database }: Pick<RotateKeyOptions, 'data' | 'database'>): Promise<Database> {
  const place = await databasePlace(database, join(resolve(data), 'store', 'remit.sqlite'))
  const missing = `there is no store in ${data}; name the data folder of your Remit with --data`
  // Opening would make what is not there.
  if (place.kind === 'file')
    await access(place.path).catch(() => {
      throw new Error(missing)
    })
  return orThrow(await openDatabase(place, { clock: makeClock({ floor: 0 }), chance: makeChance() }))
}

/** The keys of tokens alone; the old ones are read until what they signed has ended. */
async function rotateTokens(options: RotateKeyOptions, folder: string): Promise<RotateKeyReport> {
  const database = await openExisting(options)
  try {
    const tokens = orThrow(await rotateTokenKeys({ database, folder, nameOf: tokenKeyName, by: "the machine's operator", now: Date.now() }))
    return { from: '', to: '', spaces: [], startWith: undefined, tokens }
  } finally {
    await database.close()
  }
}

/** The source that an option names. Throws a sentence where it names none. */
export function masterKeySource(written: string | undefined): MasterKeySource {
  const source = written === undefined ? ({ kind: 'folder' } as const) : readMasterKeySource(written)
  // What was written is not said: it may be the key itself.
  if (source === undefined) throw new Error(`this is no way to give a master key; write ${masterKeyForms}`)
  return source
}

function sameKind(current: MasterKeySource): MasterKeySource {
  if (current.kind === 'folder' || current.kind === 'passphrase') return current
  throw new Error(`say where the new master key is: --new-master-key, with ${masterKeyForms}`)
}
