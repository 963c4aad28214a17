/** The master key of a data folder: loaded, held against the store before anything needs it, and rotated. */
import { access, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Database } from '../control/ports.ts'
import { resealSpace, type Resealed, servicesThatDoNotOpen } from '../control/sealed-secrets.ts'
import { renameKeyFile, syncFolder } from '../host/key-files.ts'
import { type KeyRing, masterKeyCheck, masterKeyId, type MasterKeys } from '../host/master-key.ts'
import { passphraseFiles } from '../host/master-key-passphrase.ts'
import { folderKeyFiles, loadMasterKey, type MasterKeySource, unfinishedKey } from '../host/master-key-source.ts'
import { makeVault } from '../host/vault.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'

/** The note in the store: the check values of the keys that its secrets are sealed under, two of them while a rotation is under way. */
const noteKey = 'masterKeys'

/** The key that is in use, and beside it the one of a rotation that did not come to its end. */
export async function loadMasterKeys(source: MasterKeySource, folder: string): Promise<Result<MasterKeys>> {
  const loaded = await loadMasterKey(source, { folder, env: process.env })
  if (!loaded.ok) return loaded
  const next = source.kind === 'folder' ? await unfinishedKey(folder) : done(undefined)
  if (!next.ok) return next
  return done({ ...loaded.value, older: next.value === undefined ? [] : [next.value] })
}

/** Whether a key lies in the folder as it is: one in use, or one of a rotation that did not come to its end. */
export async function hasMasterKey(folder: string): Promise<boolean> {
  const looks = Object.values(folderKeyFiles).map((name) =>
    access(join(folder, name)).then(
      () => true,
      () => false,
    ),
  )
  return (await Promise.all(looks)).includes(true)
}

/**
 * Holds the key against the store at its opening, so that a wrong one is found now and not at the first request; a new one is kept before
 * anything is sealed under it. Refuses `master-key.wrong`.
 */
export async function holdAgainstStore(database: Database, keys: MasterKeys): Promise<Result<undefined>> {
  const known = await checksIn(database)
  const check = masterKeyCheck(keys.primary)
  if (known.length > 0 && keys.keep !== undefined)
    return refuse('master-key.wrong', { detail: 'the data folder has no master key, and the store was sealed under one' })
  if (known.length > 0 && !known.includes(check)) return refuse('master-key.wrong')
  const closed = await servicesThatDoNotOpen(database, makeVault(keys))
  if (closed.length > 0) {
    const detail = `the credential of ${closed[0]} does not open`
    return refuse('master-key.wrong', {
      detail: known.length > 1 ? `${detail}; a rotation was interrupted: remit rotate-key, once more, ends it` : detail,
    })
  }
  await keys.keep?.()
  if (known.length === 0) await database.setMeta(noteKey, check)
  return done(undefined)
}

async function checksIn(database: Database): Promise<readonly string[]> {
  return ((await database.meta(noteKey)) ?? '').split(' ').filter((each) => each !== '')
}

export interface Rotation {
  readonly from: string
  readonly to: string
  readonly spaces: readonly Resealed[]
}

export interface RotationPlan {
  readonly database: Database
  /** The data folder's keys. */
  readonly folder: string
  readonly current: MasterKeySource
  readonly next: MasterKeySource
  readonly by: string
  /** Called after each step that lasts, with its name. */
  readonly onStep?: (step: 'key kept' | 'both noted' | 'sealed anew' | 'key in place' | 'one noted') => Promise<void> | void
}

/**
 * Replaces the master key of a store that nobody else has open. Stopped at any point, the store opens with the old or the new key, and
 * doing it once more ends it: the new key is on the disk before anything is sealed under it, and the old one goes when nothing needs it.
 */
export async function rotateMasterKey(plan: RotationPlan): Promise<Result<Rotation>> {
  const { database, folder, onStep = () => {} } = plan
  const keys = await keysOfRotation(plan)
  if (!keys.ok) return keys
  const { old, next } = keys.value
  const ring: KeyRing = { primary: next.primary, older: [old.primary] }
  const [from, to] = [masterKeyId(old.primary), masterKeyId(next.primary)]
  await next.keep?.()
  await onStep('key kept')
  await database.setMeta(noteKey, `${masterKeyCheck(old.primary)} ${masterKeyCheck(next.primary)}`)
  await onStep('both noted')
  const spaces: Resealed[] = []
  for (const space of await database.spaces()) {
    const resealed = await resealSpace(database.inSpace(space), makeVault(ring), { from: [from], to, by: plan.by })
    if (!resealed.ok) return resealed
    spaces.push(resealed.value)
    await onStep('sealed anew')
  }
  await putInPlace(plan)
  await removeRetired(folder, plan)
  await onStep('key in place')
  await database.setMeta(noteKey, masterKeyCheck(next.primary))
  await onStep('one noted')
  return done({ from, to, spaces })
}

/** Both keys, and the old one held against the store; an interrupted rotation goes on with the new key that it began with. */
async function keysOfRotation({
  database,
  folder,
  current,
  next,
}: RotationPlan): Promise<Result<{ readonly old: MasterKeys; readonly next: MasterKeys }>> {
  const old = await loadMasterKey(current, { folder, env: process.env, which: 'current' })
  if (!old.ok) return old
  const fresh = await loadMasterKey(next, { folder, env: process.env, which: 'next' })
  if (!fresh.ok) return fresh
  if (old.value.primary.equals(fresh.value.primary))
    return refuse('master-key.unavailable', { detail: 'the new key is the one in use; nothing was changed' })
  const known = await checksIn(database)
  const isWrong = old.value.keep !== undefined || (known.length > 0 && !known.includes(masterKeyCheck(old.value.primary)))
  if (isWrong) return refuse('master-key.wrong')
  const closed = await servicesThatDoNotOpen(database, makeVault({ primary: old.value.primary, older: [fresh.value.primary] }))
  if (closed.length > 0) return refuse('master-key.wrong', { detail: `the credential of ${closed[0]} does not open` })
  return done({ old: old.value, next: fresh.value })
}

const placedFiles = { folder: folderKeyFiles, passphrase: passphraseFiles }

/** The new key's file takes the place of the old one's in one step. */
async function putInPlace({ folder, next }: RotationPlan): Promise<void> {
  const files = next.kind === 'folder' || next.kind === 'passphrase' ? placedFiles[next.kind] : undefined
  if (files !== undefined) await renameKeyFile(folder, files.next, files.current)
}

/** A key that was kept in another way than the new one. */
async function removeRetired(folder: string, { current, next }: RotationPlan): Promise<void> {
  if (current.kind === next.kind || (current.kind !== 'folder' && current.kind !== 'passphrase')) return
  await unlink(join(folder, placedFiles[current.kind].current))
  await syncFolder(folder)
}
