/** Opens the store in a PostgreSQL database. */
import type { Database } from '../../control/ports.ts'
import type { Turning } from '../../kernel/in-turns.ts'
import type { Instant, Milliseconds } from '../../kernel/instants.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { OpenDatabase } from '../shared/database.ts'
import type { StatementWatch } from './connection.ts'
import { PostgresEngine } from './engine.ts'
import { describeFailure } from './failures.ts'
import { Hold } from './hold.ts'

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database`, with `sslmode` and the other parameters of libpq that pg knows. */
  readonly url: string
  readonly now: () => Instant
  /** Milliseconds that never go back and never run slower than time itself, and may jump ahead: a host clock's `now`. */
  readonly steady: () => Milliseconds
  /** Calls once after a time; answers how to call it off. */
  readonly after: (milliseconds: Milliseconds, work: () => void) => () => void
  readonly chance: (count: number) => Uint8Array
  /**
   * Name of this node, where several may have the database open at the same time: each has another, of 1 to 64 letters, digits, `.`, `_`
   * and `-`. Without it the process is alone with the database, and refused where anybody else is there.
   */
  readonly node?: string
  /** Said to whoever finds the database held: a name for this process, such as `process 7 on host-a`. */
  readonly holder?: string
  /** Kept in `meta` when the tables are made, and never changed after. */
  readonly atCreation?: Readonly<Record<string, string>>
  /** Told each time the database is lost; the store takes it again by itself. The reason holds no secret. */
  readonly onLost?: (reason: string) => void
  /** Told once, when the database is not as this process left it: what it remembers is no more, so it has to stop. */
  readonly onFenced?: (reason: string) => void
  /** How often the hold is asked after; it is believed for three times as long. Default 1 s; the same for all processes of a database. */
  readonly beatMs?: Milliseconds
  /** How long to wait for the hold of another. Default 2 s. */
  readonly lockWaitMs?: Milliseconds
  /** How long a change waits to hear whether a commit was kept whose answer was lost. Default 5 s. */
  readonly settleMs?: Milliseconds
  readonly watch?: StatementWatch
  /** By what long documents take turns with whatever else waits. */
  readonly turning?: Turning | undefined
}

/**
 * Opens, or makes, the store. Refuses `store.locked` (naming who has it), `store.newer` and `store.unavailable`. When the process before
 * was killed, it takes three beats longer: that long the other may have believed to hold it.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Result<Database>> {
  const { url, now, chance, after, watch, onLost, onFenced, node = '' } = options
  if (node !== '' && !/^[\w.-]{1,64}$/.test(node))
    return refuse('store.unavailable', { detail: 'the name of a node has 1 to 64 letters, digits, full stops, lines below or hyphens' })
  if (!URL.canParse(url) || !/^postgres(?:ql)?:$/.test(new URL(url).protocol))
    return refuse('store.unavailable', { detail: 'the address of the database is not like postgres://user:password@host:5432/name' })
  const beatMs = options.beatMs ?? 1_000
  const connection = {
    url,
    name: 'remit',
    ...(watch === undefined ? {} : { watch }),
    // Who stands still in its turn to write loses it when it could not be believed any more either.
    ...(node === '' ? {} : { idleMs: 3 * beatMs }),
  }
  const hold = new Hold({
    connection: { url, name: 'remit hold' },
    now,
    node,
    steady: options.steady,
    after,
    chance,
    holder: options.holder ?? 'another process',
    beatMs,
    lockWaitMs: options.lockWaitMs ?? 2_000,
    settleMs: options.settleMs ?? 5_000,
    onLost: onLost ?? (() => undefined),
    onFenced: onFenced ?? (() => undefined),
  })
  const held = await hold.open(options.atCreation ?? {})
  if (!held.ok) return held
  const engine = new PostgresEngine({ connection, after, chance }, hold)
  try {
    const latest = await engine.read((sql) => sql.selectFrom('latest').select(['version', 'at']).executeTakeFirstOrThrow())
    return done(new OpenDatabase({ engine, now, chance, latest, turning: options.turning }))
  } catch (thrown) {
    await engine.close()
    const why = describeFailure(thrown)
    if (why === undefined) throw thrown
    return refuse('store.unavailable', { detail: why })
  }
}
