/** One connection to a PostgreSQL server: pg as kysely wants it, one statement after the other, every number and byte as SQLite gives it. */
import {
  type CompiledQuery,
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'
import { Client, type ClientConfig, type QueryResult as Answer } from 'pg'
import type { Sql } from '../shared/engine.ts'
import type { Tables } from '../shared/tables.ts'
import { Turns } from '../shared/turns.ts'
import { DatabaseFailure, toFailure } from './failures.ts'

/** Told of each statement before it is sent. What it throws, the statement throws: so tests break a network or a disk. */
export type StatementWatch = (sql: string, pid: number) => void | Promise<void>

export interface ConnectionOptions {
  /** `postgres://…`, as pg and libpq read it. */
  readonly url: string
  /** What the server's own lists of sessions call it. */
  readonly name: string
  readonly watch?: StatementWatch
  /** Called once, when the connection goes without having been closed. */
  readonly onLost?: (cause: unknown) => void
  /** Hears what is said on the channels it listens to. */
  readonly onNotice?: (payload: string) => void
  /** How long the server lets a transaction stand idle. */
  readonly idleMs?: number
  /** How long an answer is waited for before the connection is given up. */
  readonly silenceMs?: number
}

const connectMs = 5_000
const statementMs = 30_000
const lockMs = 5_000
const idleMs = 10_000
/** Longer than any statement may take at the server: after it, the server is not there. */
const silenceMs = statementMs + 5_000
const preparedMax = 500

/** OIDs of the types that pg would give otherwise. */
const integers: ReadonlySet<number> = new Set([20, 21, 23])
const bytea = 17

/** Instants, positions and counts are far below 2^53; anything else is a bug. */
function readInteger(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new Error('the database holds an integer that is not exact here')
  return value
}

function readBytes(text: string): Uint8Array {
  // `\x` and hexadecimal digits: the server's own form since version 9.
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
}

function readText(text: string): string {
  return text
}

/** The tables hold integers, bytes and text, and nothing else is asked for. */
const parsers: NonNullable<ClientConfig['types']> = {
  getTypeParser: (oid: number) => {
    if (integers.has(oid)) return readInteger
    return oid === bytea ? readBytes : readText
  },
}

/** The password of a URL, as it stands there and as it is meant: what no message may show. Nothing where the URL cannot be read. */
export function secretsOf(url: string): readonly string[] {
  const written = /^[a-z]+:\/\/[^/?#]*?:([^/?#]*)@/i.exec(url)?.[1]
  const parameter = /[?&]password=([^&#]*)/i.exec(url)?.[1]
  const found = [written, parameter].filter((text) => text !== undefined && text !== '')
  return [url, ...found.flatMap((text) => [text ?? '', decode(text ?? '')])].filter((text) => text !== '')
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export class Connection {
  readonly sql: Sql
  readonly #client: Client
  readonly #options: ConnectionOptions
  readonly #secrets: readonly string[]
  readonly #turns = new Turns()
  readonly #names = new Map<string, string>()
  readonly #closed = Promise.withResolvers<never>()
  #pid = 0
  #isGone = false

  /** Rejects with a `DatabaseFailure` when the server cannot be reached or does not let us in. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options)
    await connection.connect()
    return connection
  }

  /** Not connected yet; `close` calls that off too. */
  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#secrets = secretsOf(options.url)
    this.#client = new Client({
      connectionString: options.url,
      application_name: options.name,
      connectionTimeoutMillis: connectMs,
      statement_timeout: statementMs,
      lock_timeout: lockMs,
      idle_in_transaction_session_timeout: options.idleMs ?? idleMs,
      query_timeout: options.silenceMs ?? silenceMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 2_000,
      types: parsers,
    })
    this.#closed.promise.catch(() => undefined)
    this.#client.on('error', (cause) => this.#lose(cause))
    this.#client.on('end', () => this.#lose(new Error('the server closed the connection')))
    const { onNotice } = options
    if (onNotice !== undefined) this.#client.on('notification', ({ payload }) => onNotice(payload ?? ''))
    const driver = new OneConnection((sql, parameters) => this.#ask(sql, parameters))
    this.sql = new Kysely<Tables>({
      dialect: {
        createAdapter: () => new PostgresAdapter(),
        createDriver: () => driver,
        createIntrospector: (database) => new PostgresIntrospector(database),
        createQueryCompiler: () => new PostgresQueryCompiler(),
      },
    })
  }

  /** Rejects as `open` does. */
  async connect(): Promise<void> {
    try {
      // pg answers nobody whose attempt was called off.
      await Promise.race([this.#client.connect(), this.#closed.promise])
      // What waits for a standby stays as it is; what would lose a commit in a crash does not.
      const [row] = await this.run(`select pg_backend_pid() as pid,
        case when current_setting('synchronous_commit') in ('off', 'local', 'remote_write')
          then set_config('synchronous_commit', 'on', false) end,
        set_config('standard_conforming_strings', 'on', false)`)
      this.#pid = numberOf(row, 'pid')
    } catch (thrown) {
      this.close()
      throw toFailure(thrown, this.#secrets)
    }
  }

  /** Of the server's process. */
  get pid(): number {
    return this.#pid
  }

  get isGone(): boolean {
    return this.#isGone
  }

  /** Runs SQL text, of several statements too, and answers the rows of the last one. */
  async run(text: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const answer: unknown = await this.#during(text, () => this.#client.query(text))
    const results = Array.isArray(answer) ? answer : [answer]
    const last: unknown = results.at(-1)
    return isResult(last) ? last.rows : []
  }

  /**
   * Sends `last` and the commit in one go. Throws unless the transaction was committed: the server answers the commit of a failed one
   * with its rollback.
   */
  async commit(last = ''): Promise<void> {
    const text = `${last}commit`
    const answer: unknown = await this.#during(text, () => this.#client.query(text))
    const result: unknown = Array.isArray(answer) ? answer.at(-1) : answer
    if (typeof result !== 'object' || result === null || !('command' in result) || result.command !== 'COMMIT')
      throw new Error('the transaction had failed, and was rolled back')
  }

  close(): void {
    this.#isGone = true
    this.#closed.reject(new DatabaseFailure('the connection to the database is gone'))
    // Rejects only on what is gone already.
    this.#client.end().catch(() => undefined)
  }

  #ask(text: string, values: readonly unknown[]): Promise<Answer> {
    const name = this.#names.get(text) ?? (this.#names.size < preparedMax ? `remit${this.#names.size}` : undefined)
    if (name !== undefined) this.#names.set(text, name)
    return this.#during(text, () => this.#client.query({ text, values: [...values], ...(name === undefined ? {} : { name }) }))
  }

  #during<T>(text: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.take(async () => {
      try {
        await this.#options.watch?.(text, this.#pid)
        if (this.#isGone) throw new DatabaseFailure('the connection to the database is gone')
        return await work()
      } catch (thrown) {
        const failure = toFailure(thrown, this.#secrets)
        // Without an answer of the server, nobody knows what this connection is at.
        if (failure instanceof DatabaseFailure && failure.code === undefined) this.#lose(failure)
        throw failure
      }
    })
  }

  #lose(cause: unknown): void {
    if (this.#isGone) return
    this.close()
    this.#options.onLost?.(toFailure(cause, this.#secrets))
  }
}

/** What kysely asks goes to the one connection there is; transactions are begun and ended beside it. */
class OneConnection extends DummyDriver {
  readonly #ask: (sql: string, parameters: readonly unknown[]) => Promise<Answer>

  constructor(ask: (sql: string, parameters: readonly unknown[]) => Promise<Answer>) {
    super()
    this.#ask = ask
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    return {
      executeQuery: async <R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => {
        const { rows, rowCount } = await this.#ask(sql, parameters)
        return { rows: toRows<R>(rows), numAffectedRows: BigInt(rowCount ?? 0) }
      },
      streamQuery: () => {
        throw new Error('the store reads pages, it does not stream')
      },
    }
  }
}

/** Of the shape that the statement says: kysely's types are what holds it to that. */
function toRows<R>(rows: readonly unknown[]): R[]
function toRows(rows: readonly unknown[]): unknown {
  return rows
}

function isResult(value: unknown): value is { rows: Record<string, unknown>[] } {
  return typeof value === 'object' && value !== null && 'rows' in value && Array.isArray(value.rows)
}

/** A number in a row; throws where there is none. */
export function numberOf(row: Readonly<Record<string, unknown>> | undefined, name: string): number {
  const value = row?.[name]
  if (typeof value !== 'number') throw new Error(`the database answered no number as ${name}`)
  return value
}

/** A text in a row; throws where there is none. */
export function textOf(row: Readonly<Record<string, unknown>> | undefined, name: string): string {
  const value = row?.[name]
  if (typeof value !== 'string') throw new Error(`the database answered no text as ${name}`)
  return value
}
