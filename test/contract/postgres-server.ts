/** A real PostgreSQL server for tests: its own folder, its own address, its own process, durable as it comes. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { type OwnAddress, ownAddress } from '../world/own-address.ts'

const debianFolder = '/usr/lib/postgresql'
const password = 'pa:ss/wo@rd'

/** The folder of the newest server that is installed; Debian keeps them off PATH. */
function programFolder(): string {
  const versions = readdirSync(debianFolder).toSorted((left, right) => Number(right) - Number(left))
  const [newest] = versions
  if (newest === undefined) throw new Error('no PostgreSQL is installed: run the set-up for tests')
  return join(debianFolder, newest, 'bin')
}

/** PostgreSQL refuses to run as root; Debian's package makes a user for it. */
function owner(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const number = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: number('-u'), gid: number('-g') }
}

export class PostgresServer {
  readonly #folder: string
  readonly address: OwnAddress = ownAddress()
  readonly #who = owner()
  readonly #programs = programFolder()
  #child: ChildProcess | undefined
  readonly #idle: string[] = []
  readonly #swept: string[] = []
  #made = 0

  static async start(): Promise<PostgresServer> {
    const server = new PostgresServer(mkdtempSync(join(tmpdir(), 'remit-pg-')))
    // A test that is cut short must leave no server behind: the signals of the runner end the process, and its end ends the server.
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))
    process.once('exit', () => server.#abandon())
    server.#initialise()
    await server.up()
    return server
  }

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Of a database; the password is one that has to be escaped. */
  url(database: string, port = this.address.port): string {
    return `postgres://postgres:${encodeURIComponent(password)}@${this.address.host}:${port}/${database}`
  }

  get password(): string {
    return password
  }

  /** A database with nothing in it: one that was given back, or a new one. */
  async empty(): Promise<string> {
    const known = this.#idle.pop()
    if (known !== undefined) return known
    this.#made += 1
    const name = `house_${this.#made}`
    await this.ask('postgres', `create database ${name} encoding 'UTF8' template template0`)
    return name
  }

  async giveBack(database: string): Promise<void> {
    await this.ask(
      database,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}' and pid <> pg_backend_pid();
      drop schema public cascade; create schema public`,
    )
    this.#idle.push(database)
  }

  /** A database with Remit's tables and nothing in them, or one with nothing at all: quicker than `empty`, and the same to a store. */
  async swept(): Promise<string> {
    return this.#swept.pop() ?? this.empty()
  }

  /** Takes out every row, past every rule, and keeps the tables. */
  async sweep(database: string): Promise<void> {
    const tables = await this.ask(
      database,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}' and pid <> pg_backend_pid();
      select tablename from pg_tables where schemaname = 'public' and tablename not in ('latest', 'tree', 'holder', 'remit_schema')`,
    )
    if (tables.length === 0) return void this.#idle.push(database)
    const clearing = tables.map((row) => `delete from ${String(row['tablename'])}`).join('; ')
    await this.ask(
      database,
      `set session_replication_role = replica; begin; ${clearing};
      update latest set version = 0, at = 0; update tree set size = 0, frontier = '', checkpoint = '';
      update holder set term = 0, mark = 0, who = '', name = '', released = 1; commit`,
    )
    this.#swept.push(database)
  }

  /** Runs SQL text past every store, and answers the rows of its last statement. */
  async ask(database: string, sql: string): Promise<Record<string, unknown>[]> {
    const client = new Client({ host: this.#folder, port: this.address.port, user: 'postgres', database })
    client.on('error', () => undefined)
    await client.connect()
    try {
      await client.query('set client_min_messages = warning')
      const answer: unknown = await client.query(sql)
      const last: unknown = Array.isArray(answer) ? answer.at(-1) : answer
      return (last as { rows: Record<string, unknown>[] }).rows
    } finally {
      await client.end()
    }
  }

  async up(): Promise<void> {
    const child = spawn(join(this.#programs, 'postgres'), ['-D', join(this.#folder, 'data')], {
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: this.#folder,
      ...this.#who,
    })
    this.#child = child
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-10_000)
    })
    const ended = once(child, 'exit').then(() => {
      throw new Error(`the server ended:\n${said}`)
    })
    ended.catch(() => undefined)
    for (;;) {
      const isUp = await Promise.race([
        ended,
        this.ask('postgres', 'select 1').then(
          () => true,
          () => false,
        ),
      ])
      if (isUp === true) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** As when the power fails, and nobody was told. */
  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  /** As an operator stops it: sessions are ended, everything is written. */
  stop(): Promise<void> {
    return this.#end('SIGINT')
  }

  async remove(): Promise<void> {
    await this.#end('SIGQUIT')
    rmSync(this.#folder, { recursive: true })
  }

  #abandon(): void {
    if (this.#child === undefined) return
    this.#child.kill('SIGQUIT')
    // It may still be writing its last.
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }

  async #end(signal: 'SIGKILL' | 'SIGINT' | 'SIGQUIT'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
  }

  #initialise(): void {
    if (this.#who !== undefined) chownSync(this.#folder, this.#who.uid, this.#who.gid)
    const passwordFile = join(this.#folder, 'password')
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o644 })
    const data = join(this.#folder, 'data')
    const choices = ['-D', data, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--auth-local=trust', '--auth-host=scram-sha-256']
    execFileSync(join(this.#programs, 'initdb'), [...choices, `--pwfile=${passwordFile}`, '--no-sync'], {
      cwd: this.#folder,
      stdio: ['ignore', 'ignore', 'inherit'],
      ...this.#who,
    })
    writeFileSync(
      join(data, 'postgresql.auto.conf'),
      `listen_addresses = '${this.address.host}'\nport = ${this.address.port}\nunix_socket_directories = '${this.#folder}'\nmax_connections = 60\nshared_buffers = 32MB\n`,
    )
  }
}
