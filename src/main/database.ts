/** Where everything is kept: the file in the data folder, or a PostgreSQL database that the operator names. */
import { access, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { Chance, Clock, Database, SnapshotMade } from '../control/ports.ts'
import type { Turning } from '../kernel/in-turns.ts'
import { refuse } from '../kernel/refusals.ts'
import type { Result } from '../kernel/result.ts'
import { reveal, Secret } from '../kernel/secret.ts'
import { snapshotSqliteFile } from '../store/sqlite/live-snapshot.ts'
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts'

export type DatabasePlace = { readonly kind: 'file'; readonly path: string } | { readonly kind: 'postgres'; readonly url: Secret }

export interface DatabaseParts {
  readonly clock: Pick<Clock, 'now' | 'after' | 'turn'>
  readonly chance: Pick<Chance, 'bytes'>
  readonly atCreation?: Readonly<Record<string, string>>
  /** Name of this node, where the database can be shared; without it nobody else may have it open. */
  readonly node?: string
  /** Told each time the database is lost; it is taken again by itself. */
  readonly onLost?: (reason: string) => void
  /** Told once, when this process was given up by others, or cannot follow them: what it remembers is no more. */
  readonly onFenced?: (reason: string) => void
}

/** Refuses as the stores do: `store.locked`, `store.newer`, `store.unavailable`. What speaks to PostgreSQL is loaded where it is used: most have a file. */
export async function openDatabase(place: DatabasePlace, parts: DatabaseParts): Promise<Result<Database>> {
  const { clock, chance, atCreation, node, onLost, onFenced } = parts
  const shared = {
    now: () => clock.now(),
    chance: (count: number) => chance.bytes(count),
    turning: turningBy(clock),
    ...(atCreation === undefined ? {} : { atCreation }),
  }
  if (place.kind === 'file') return openSqliteStore({ ...shared, path: place.path, pid: process.pid })
  const { openPostgresStore } = await import('../store/postgres/postgres-store.ts')
  return openPostgresStore({
    ...shared,
    url: reveal(place.url),
    // Never behind: a machine that slept comes back with its lease over.
    steady: () => clock.now(),
    after: (milliseconds, work) => clock.after(milliseconds, work),
    holder: `process ${process.pid} on ${hostname()}`,
    ...(node === undefined ? {} : { node }),
    ...(onLost === undefined ? {} : { onLost }),
    ...(onFenced === undefined ? {} : { onFenced }),
  })
}

/** Of a database that a running Remit may hold. */
export async function snapshotOf(place: DatabasePlace, write: (line: string) => Promise<void>): Promise<Result<SnapshotMade>> {
  if (place.kind === 'postgres') {
    const { snapshotPostgres } = await import('../store/postgres/live-snapshot.ts')
    return snapshotPostgres(reveal(place.url), write)
  }
  // Opening would make what is not there.
  const isThere = await access(place.path).then(
    () => true,
    () => false,
  )
  return isThere ? snapshotSqliteFile(place.path, write) : refuse('store.unavailable', { detail: `there is no ${place.path}` })
}

/**
 * The place that `--database` names: `env:NAME`, `file:PATH`, or an address without a password. Throws a sentence for a person. A password
 * on the command line would stand in the process list for everybody.
 */
export async function databasePlace(written: string | undefined, path: string): Promise<DatabasePlace> {
  if (written === undefined) return { kind: 'file', path }
  const url = await readAddress(written)
  if (!URL.canParse(url) || !/^postgres(?:ql)?:$/.test(new URL(url).protocol))
    throw new Error('the address of the database is not like postgres://user@host:5432/name')
  const { password, searchParams } = new URL(url)
  if (url === written && (password !== '' || searchParams.has('password')))
    throw new Error('a password on the command line can be read by everybody here: write --database env:NAME or file:PATH')
  return { kind: 'postgres', url: new Secret(url) }
}

async function readAddress(written: string): Promise<string> {
  const [, kind, name = ''] = /^(env|file):(?!\/\/)(.+)$/.exec(written) ?? []
  if (kind === 'file') {
    const text = await readFile(name, 'utf8').catch(() => {
      throw new Error(`the file that --database names cannot be read: ${name}`)
    })
    return text.trim()
  }
  if (kind !== 'env') return written
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`the variable that --database names is not set: ${name}`)
  // No child of this process is to inherit it.
  delete process.env[name]
  return value.trim()
}

/** Where the clock gives no turns, as one that stands still does not, everything is done at once. */
function turningBy(clock: Pick<Clock, 'now' | 'turn'>): Turning | undefined {
  return clock.turn === undefined ? undefined : { now: () => clock.now(), turn: () => clock.turn?.() ?? Promise.resolve() }
}
