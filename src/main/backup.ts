/** `remit backup`: everything that is kept, of a Remit that may be running, into a folder of its own. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { copyFile, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { once } from 'node:events'
import type { BackupOptions, BackupReport } from '../cli/house.ts'
import { databasePlace, snapshotOf } from './database.ts'
import { dataFolder } from './data-folder.ts'
import { orThrow } from './or-throw.ts'

export const storeFile = 'store.ndjson'
export const manifestFile = 'manifest.json'

/**
 * Makes the folder `out`, which must not be there; what breaks off leaves none. The keys are not in it: whoever has both can open every
 * sealed credential. Throws a sentence for a person.
 */
export async function backup(options: BackupOptions): Promise<BackupReport> {
  process.umask(0o077)
  const out = resolve(options.out)
  const isThere = await stat(out).then(
    () => true,
    () => false,
  )
  if (isThere) throw new Error(`${out} is there already; a backup is never written over another`)
  const folder = dataFolder(resolve(options.data))
  const place = await databasePlace(options.database, folder.store)
  const making = join(dirname(out), `.${basename(out)}.part`)
  await rm(making, { recursive: true, force: true })
  await mkdir(making, { mode: 0o700, recursive: true })
  try {
    const file = createWriteStream(join(making, storeFile), { mode: 0o600, flush: true })
    const made = orThrow(
      await snapshotOf(place, async (line) => {
        if (!file.write(line)) await once(file, 'drain')
      }),
    )
    await new Promise<void>((ended, failed) => file.once('error', failed).end(() => ended()))
    // The journals after the store, so that every line which the ledger vouches for is there.
    await copyJournals(join(folder.journal, '..'), join(making, 'journal'))
    const files = await digestsOf(making)
    const manifest = { remit: 'backup', v: 1, version: made.latest.version, at: made.latest.at, files }
    await writeFile(join(making, manifestFile), `${JSON.stringify(manifest, undefined, 2)}\n`, { mode: 0o600, flush: true })
    await rename(making, out)
    await syncFolder(dirname(out))
    return { out, version: made.latest.version, at: made.latest.at, lines: made.lines, files: Object.keys(files).length }
  } catch (thrown) {
    await rm(making, { recursive: true, force: true })
    throw thrown
  }
}

async function copyJournals(from: string, to: string): Promise<void> {
  const folders = await readdir(from).catch(() => [])
  for (const folder of folders) {
    await mkdir(join(to, folder), { recursive: true, mode: 0o700 })
    // A segment that is being written is copied as far as it goes; its last line may be cut, as after a crash.
    // One that was taken away meanwhile is not of this moment any more.
    for (const name of await readdir(join(from, folder)))
      await copyFile(join(from, folder, name), join(to, folder, name)).catch((thrown: unknown) => {
        if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT')) throw thrown
      })
  }
}

/** SHA-256, hex, of every file below the folder, by its path from there. */
export async function digestsOf(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  const names = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  for (const entry of names.toSorted((a, b) => (join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1))) {
    const path = join(entry.parentPath, entry.name)
    if (entry.name === manifestFile) continue
    const digest = createHash('sha256')
    for await (const chunk of createReadStream(path)) if (Buffer.isBuffer(chunk)) digest.update(chunk)
    found[path.slice(folder.length + 1)] = digest.digest('hex')
  }
  return found
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
