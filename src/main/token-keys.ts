/** The keys that sign tokens: the one in use, and the one before it until the last token that it signed has ended. */
import { stat, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Database } from '../control/ports.ts'
import { note } from '../control/desk.ts'
import { loadOrMakeKey, renameKeyFile } from '../host/key-files.ts'
import type { OlderKey } from '../host/token-mint.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { done, type Result } from '../kernel/result.ts'

/** Longer than any token lives: a grant is for 8 hours at most. */
const overlapMs: Milliseconds = 12 * 3_600_000

/** The key before the present one, with its end; removed from the folder once that has come. */
export async function olderTokenKeys(folder: string, current: string, now: Instant): Promise<Result<readonly OlderKey[]>> {
  const name = `${current}.old`
  const path = join(folder, `${name}.pem`)
  const since = await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  )
  if (since === undefined) return done([])
  const until = Math.min(since, now) + overlapMs
  if (now >= until) {
    await unlink(path)
    return done([])
  }
  const key = await loadOrMakeKey(folder, name)
  return key.ok ? done([{ key: key.value, until }]) : key
}

export interface TokenRotation {
  readonly database: Database
  readonly folder: string
  /** Name of a space's key. */
  readonly nameOf: (space: string) => string
  readonly by: string
  readonly now: Instant
}

/** The present key becomes the older one; the next start makes a new one. Answers the spaces whose keys were replaced. */
export async function rotateTokenKeys({ database, folder, nameOf, by, now }: TokenRotation): Promise<Result<readonly string[]>> {
  const spaces = await database.spaces()
  for (const space of spaces) {
    const noted = await database.inSpace(space).change(async (tx) => {
      await note(tx, { kind: 'tokens.key-replaced', actor: by, subject: space, facts: { olderUntil: now + overlapMs } })
      return done(undefined)
    })
    if (!noted.ok) return noted
    const name = nameOf(space)
    // The end is counted from now on, before the file is in its place: it can be too early, and never too late.
    await utimes(join(folder, `${name}.pem`), now / 1_000, now / 1_000)
    await renameKeyFile(folder, `${name}.pem`, `${name}.old.pem`)
  }
  return done(spaces)
}
