/** Who is there: the locks, rows and terms by which the processes of one database know of each other. All of it is SQL, none of it waits. */
import { type Connection, numberOf, textOf } from './connection.ts'
import { readSchema } from './migrations.ts'

/** `Remit` as a number: advisory locks are numbers, and each database has its own. Shared by nodes; whoever is alone has it to itself. */
const lockKey = 0x52_65_6d_69_74
/** The first half of the keys of the nodes' own locks. */
const nodeLocks = 0x52_65_6d_69

/** This process as the others see it. */
export interface Member {
  /** Of the node; empty for a process that wants to be alone. */
  readonly name: string
  /** One run of one process. */
  readonly who: string
  /** For people. */
  readonly holder: string
}

/** A place as it was before it was taken. */
export interface Standing {
  readonly term: number
  readonly mark: number
  readonly who: string
  /** Whether somebody may still believe to be there whom this shut out. */
  readonly mayBelieve: boolean
}

export interface Neighbour {
  readonly name: string
  readonly term: number
  readonly beat: number
}

/** How all stand to each other, as of one look. */
export interface Round {
  readonly pid: number
  /** Whether our own place is still ours. */
  readonly isOurs: boolean
  /** The others who are there. */
  readonly others: readonly Neighbour[]
  /** Of all who are there, we have been the longest. */
  readonly isEldest: boolean
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** The lock of all: shared with other nodes, or with nobody. */
export async function tryLock(connection: Connection, isAlone: boolean): Promise<boolean> {
  return isOurs(connection, isAlone ? `pg_try_advisory_lock(${lockKey})` : `pg_try_advisory_lock_shared(${lockKey})`)
}

/** Lets other nodes in, where the lock was taken to be alone with the schema. */
export async function shareLock(connection: Connection): Promise<void> {
  await connection.run(`select pg_advisory_lock_shared(${lockKey}); select pg_advisory_unlock(${lockKey})`)
}

/** Of the node's own name. */
export async function tryName(connection: Connection, name: string): Promise<boolean> {
  return isOurs(connection, `pg_try_advisory_lock(${nodeLocks}, hashtext(${quote(name)}))`)
}

async function isOurs(connection: Connection, taking: string): Promise<boolean> {
  const [row] = await connection.run(`select (${taking})::int::bigint as is_ours`)
  return numberOf(row, 'is_ours') === 1
}

/** Whether whoever held the database alone, by an earlier schema, let go of it. */
export async function isReleased(connection: Connection): Promise<boolean> {
  if ((await readSchema(connection)) === 0) return true
  const [row] = await connection.run('select released from holder')
  return numberOf(row, 'released') === 1
}

/** Names for people: of whoever is there beside this process. */
export async function describeOthers(connection: Connection): Promise<string> {
  const schema = await readSchema(connection)
  if (schema === 0) return 'a process that is just starting'
  if (schema < 3) return textOf((await connection.run('select name from holder'))[0], 'name')
  const rows = await connection.run(`select name, holder from nodes where state = 'there' order by name`)
  const names = rows.map((row) =>
    textOf(row, 'name') === '' ? textOf(row, 'holder') : `${textOf(row, 'holder')} (node ${textOf(row, 'name')})`,
  )
  return names.length === 0 ? 'a process that is just starting' : names.join(', ')
}

/**
 * Takes the place of this name, and shuts out whoever may not be beside it. Waits for a transaction of whoever had the place before.
 * `onlyMine`: not where somebody else has had it since; what it answers then is how it stands, and nothing was changed.
 */
export async function takePlace(connection: Connection, member: Member, onlyMine: boolean): Promise<Standing> {
  const [name, who, holder] = [quote(member.name), quote(member.who), quote(member.holder)]
  await connection.run(`begin isolation level read committed;
    insert into nodes (name, term, mark, who, holder, since, state) values (${name}, 0, 0, '', '', 0, 'left') on conflict (name) do nothing;
    select 1 from nodes where name = ${name} for update`)
  // A statement of its own: it sees what the one that was waited for has done.
  const [row] = await connection.run(`select term, mark, who, state from nodes where name = ${name}`)
  const before = { term: numberOf(row, 'term'), mark: numberOf(row, 'mark'), who: textOf(row, 'who') }
  if (onlyMine && before.who !== member.who) {
    await connection.run('rollback')
    return { ...before, mayBelieve: true }
  }
  const shutOut = await connection.run(`update nodes set term = term + 1, who = '', state = 'given up'
    where state = 'there' and name <> ${name} and (name = '' or ${name} = '') returning name`)
  await connection.run(`update nodes set term = term + 1, who = ${who}, holder = ${holder}, state = 'there',
      since = case when who = ${who} then since else (select max(since) + 1 from nodes) end where name = ${name};
    delete from nodes where state <> 'there';
    delete from node_beats where name not in (select name from nodes);
    insert into node_beats (name, beat) values (${name}, 0) on conflict (name) do update set beat = node_beats.beat + 1`)
  await connection.commit()
  const isSomebodys = textOf(row, 'state') === 'there' && before.who !== member.who
  return { ...before, mayBelieve: isSomebodys || shutOut.length > 0 }
}

/** The transaction of this member that was kept last, once none of them is under way; nothing where its place is not its own any more. */
export async function markOf(connection: Connection, { name, who }: Member, term: number): Promise<number | undefined> {
  const [row] = await connection.run(`select mark, term, who from nodes where name = ${quote(name)} for update`)
  return row !== undefined && textOf(row, 'who') === who && numberOf(row, 'term') === term ? numberOf(row, 'mark') : undefined
}

/** Lets go of a place, so that nobody has to wait for its lease. */
export async function leave(connection: Connection, { name, who }: Member): Promise<void> {
  await connection.run(`update nodes set state = 'left' where name = ${quote(name)} and who = ${quote(who)}`)
}

/** Gives a sign of life and sees those of the others. A sign of life need not outlast a crash of the server, nor wait for its disk. */
export async function goRound(connection: Connection, { name, who }: Member, term: number): Promise<Round> {
  const rows = await connection.run(`begin; set local synchronous_commit = off;
    update node_beats set beat = beat + 1 where name = ${quote(name)}; commit;
    select name, term, who, since, coalesce(beat, 0) as beat, pg_backend_pid() as pid from nodes left join node_beats using (name)
    where state = 'there' or name = ${quote(name)} order by since, name`)
  const own = rows.find((row) => textOf(row, 'name') === name)
  const others = rows.filter((row) => row !== own)
  return {
    pid: rows[0] === undefined ? connection.pid : numberOf(rows[0], 'pid'),
    isOurs: own !== undefined && textOf(own, 'who') === who && numberOf(own, 'term') === term,
    others: others.map((row) => ({ name: textOf(row, 'name'), term: numberOf(row, 'term'), beat: numberOf(row, 'beat') })),
    isEldest: rows[0] === own,
  }
}

/** Shuts out a node that gave no sign of life since: from now on none of its transactions is kept. Passes over one that is writing just now. */
export async function giveUp(connection: Connection, { name, term, beat }: Neighbour): Promise<boolean> {
  const rows = await connection.run(`update nodes set term = term + 1, who = '', state = 'given up'
    where name in (select name from nodes where name = ${quote(name)} and term = ${term} and state = 'there' for update skip locked)
      and (select beat from node_beats where name = ${quote(name)}) = ${beat} returning name`)
  return rows.length > 0
}
