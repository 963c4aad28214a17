/** `remit restore` and `remit new-epoch`: a store of before, or one that lost its tail, begins a new epoch and serves nothing of the old. */
import { createReadStream } from 'node:fs'
import { access, copyFile, mkdir, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { EpochOptions, EpochReport, RestoreOptions } from '../cli/house.ts'
import { startEpoch } from '../control/epochs.ts'
import type { Database } from '../control/ports.ts'
import { makeChance } from '../host/chance.ts'
import { makeClock } from '../host/clock.ts'
import { headFolder, headUrl } from '../host/head-places.ts'
import { isJsonObject, parseJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { digestsOf, manifestFile, storeFile } from './backup.ts'
import { databasePlace, openDatabase } from './database.ts'
import { type DataFolder, openDataFolder } from './data-folder.ts'
import { hasMasterKey, holdAgainstStore, loadMasterKeys } from './master-keys.ts'
import { orThrow } from './or-throw.ts'
import { masterKeySource } from './rotate-key.ts'

/**
 * Puts a backup into an empty data folder (or database) that has the keys of the old one, and begins a new epoch. Throws a sentence for a
 * person. Broken off anywhere, Remit does not start on the folder until it is done again, with the same backup. A store that has something
 * in it is left as it was.
 */
export async function restore(options: RestoreOptions): Promise<EpochReport> {
  process.umask(0o077)
  const from = resolve(options.from)
  await checkBackup(from)
  const folder = await openDataFolder(resolve(options.data))
  await checkKeys(folder)
  const lastHead = await lastHeadOf(options)
  const place = await databasePlace(options.database, folder.store)
  const database = orThrow(await openDatabase(place, { clock: makeClock({ floor: 0 }), chance: makeChance() }))
  try {
    if (!(await isBroughtIn(database, folder, from))) {
      await writeFile(folder.restoring, `${from}\n`, { mode: 0o600, flush: true })
      orThrow(await database.restore(linesOf(join(from, storeFile))))
    }
    const isKeyCompared = await compareMasterKey(database, folder, options.masterKey)
    await bringJournals(join(from, 'journal'), join(folder.journal, '..'))
    const report = await begin(database, folder, { ...options, reason: options.reason ?? 'restored from a backup', lastHead })
    return { ...report, isKeyCompared }
  } finally {
    await database.close()
  }
}

/** Whether a restore that broke off had got as far as the records: they come in all at once, and only after the mark was made. */
async function isBroughtIn(database: Database, folder: DataFolder, from: string): Promise<boolean> {
  if ((await database.tree()).size === 0 && (await database.spaces()).length === 0) return false
  const begun = await readFile(folder.restoring, 'utf8').catch(() => undefined)
  if (begun === `${from}\n`) return true
  if (begun === undefined) return orThrow(refuse('store.not-empty'))
  throw new Error(`a restore of ${begun.trim()} was broken off here: finish that one, or restore into a new folder`)
}

/** A wrong key is found now, while the right one may be at hand. With it, the same restore goes on. */
async function compareMasterKey(database: Database, { keys }: DataFolder, masterKey: string | undefined): Promise<boolean> {
  const source = masterKeySource(masterKey)
  // Loading it would make one.
  if (source.kind === 'folder' && !(await hasMasterKey(keys))) return false
  orThrow(await holdAgainstStore(database, orThrow(await loadMasterKeys(source, keys))))
  return true
}

/** The ledger that comes back vouches for them. A file that is there is kept: it is of the same key, and as long or longer. */
async function bringJournals(from: string, to: string): Promise<void> {
  for (const folder of await readdir(from).catch(() => [])) {
    await mkdir(join(to, folder), { recursive: true, mode: 0o700 })
    const there = new Set(await readdir(join(to, folder)))
    for (const name of await readdir(join(from, folder)))
      if (!there.has(name)) await copyFile(join(from, folder, name), join(to, folder, name))
  }
}

/** Begins a new epoch on the store as it is: for one that lost its tail, or of which nobody knows what it lost. */
export async function newEpoch(options: EpochOptions): Promise<EpochReport> {
  process.umask(0o077)
  const folder = await openDataFolder(resolve(options.data))
  await checkKeys(folder)
  const lastHead = await lastHeadOf(options)
  const place = await databasePlace(options.database, folder.store)
  if (place.kind === 'file')
    await access(place.path).catch(() => {
      throw new Error(`there is no store in ${options.data}; name the data folder of your Remit with --data`)
    })
  const database = orThrow(await openDatabase(place, { clock: makeClock({ floor: 0 }), chance: makeChance() }))
  try {
    return await begin(database, folder, { ...options, reason: options.reason ?? 'begun by the machine’s operator', lastHead })
  } finally {
    await database.close()
  }
}

/** Opened with the first line that is asked for: lines that come before anybody listens are lost. */
async function* linesOf(path: string): AsyncGenerator<string> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) yield line
}

async function begin(
  database: Database,
  folder: DataFolder,
  why: EpochOptions & { readonly reason: string; readonly lastHead: string },
): Promise<EpochReport> {
  // Tokens of before end with the keys that signed them; hashes above the leaves are made again.
  for (const name of await readdir(folder.keys)) if (/^tokens(-[a-z0-9-]+)?(\.old)?\.pem$/.test(name)) await unlink(join(folder.keys, name))
  await rm(folder.tiles, { recursive: true, force: true })
  const newest = (await database.tree()).checkpoint
  const start = await startEpoch(database, {
    reason: why.reason,
    lastHead: why.lastHead === '' ? newest : why.lastHead,
    keepSecrets: why.keepSecrets,
    ...(why.administrator === undefined ? {} : { administrator: why.administrator }),
  })
  await rm(folder.restoring, { force: true })
  return { epoch: start.epoch, size: start.size, lastHead: start.lastHead, keepSecrets: start.keepSecrets }
}

async function checkBackup(from: string): Promise<void> {
  const text = await readFile(join(from, manifestFile), 'utf8').catch(() => {
    throw new Error(`${from} is no backup: it has no ${manifestFile}`)
  })
  const manifest = parseJson(text)
  const files = manifest.ok && isJsonObject(manifest.value) ? manifest.value['files'] : undefined
  if (!isJsonObject(files)) throw new Error(`${join(from, manifestFile)} cannot be read`)
  const found = await digestsOf(from)
  for (const name of new Set([...Object.keys(files), ...Object.keys(found)]))
    if (files[name] !== found[name]) throw new Error(`${join(from, name)} is not as it was when the backup was made; take another backup`)
}

/** Keys that are made anew would open nothing of what comes back, and sign under a name that nobody trusts. */
async function checkKeys(folder: DataFolder): Promise<void> {
  await access(join(folder.keys, 'ledger.pem')).catch(() => {
    throw new Error(`${folder.keys} has no ledger.pem; put the keys folder of the old data folder there first, which no backup has`)
  })
}

async function lastHeadOf({ anchor }: EpochOptions): Promise<string> {
  if (anchor === undefined) return ''
  if (/^https?:\/\//.test(anchor)) return (await headUrl(anchor).newest()) ?? ''
  const names = (await readdir(resolve(anchor))).flatMap((name) => /^(.+)-\d{4}-\d{2}\.jsonl$/.exec(name)?.[1] ?? [])
  // Of several epochs the last name is the latest: each is the one before with more behind it.
  const label = names.toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1)).at(-1)
  return label === undefined ? '' : ((await headFolder(resolve(anchor), label, () => Date.now()).newest()) ?? '')
}
