/** What everybody committed, read from the table of changes in order, version by version, and handed on exactly once. */
import { inTurns } from '../../kernel/in-turns.ts'
import type { JsonValue } from '../../kernel/json.ts'
import { readingJson, writingJson } from '../../kernel/long-json.ts'
import { mustBe } from '../../kernel/result.ts'
import type { FactChange } from '../../model/records.ts'
import { documentLimits } from '../shared/documents.ts'
import type { Following, Kept, Latest } from '../shared/engine.ts'
import { type Connection, numberOf, textOf } from './connection.ts'
import { quote } from './membership.ts'

/** Characters of one part, beyond which the next document begins another; the last document may be longer. */
const partMax = 1_048_576
const partLimits = { bytesMax: 16_777_216, depthMax: documentLimits.depthMax + 3 } as const
/** Parts in one answer. */
const rowsMax = 50
/** Changes that are kept for whoever was away, however old; at most; and how long between the two. */
const keptAlways = 100
const keptMax = 10_000
const keptMs = 600_000

/** The database is not one that goes on from what is known here: it was restored, or too much happened meanwhile. */
export class Missed extends Error {}

/** The texts of one change's parts, in steps: at least one, none of them much longer than a few documents. */
export function* writingParts(changes: readonly FactChange[]): Generator<undefined, readonly string[]> {
  const parts: string[] = []
  let texts: string[] = []
  let length = 0
  for (const change of changes) {
    const text = yield* writingJson(change)
    if (length > 0 && length + text.length > partMax) {
      parts.push(`[${texts.join(',')}]`)
      texts = []
      length = 0
    }
    texts.push(text)
    length += text.length
  }
  return [...parts, `[${texts.join(',')}]`]
}

/** The statements that keep a change for the others, one for each part; in steps. */
export function* keepingChange({ version, at, space, changes, entries }: Kept): Generator<undefined, readonly string[]> {
  const parts = yield* writingParts(changes)
  return parts.map(
    (doc, part) => `insert into changes values (${version}, ${part}, ${parts.length}, ${at}, ${quote(space)}, ${entries}, ${quote(doc)}); `,
  )
}

/** Forgets what nobody needs any more. */
export async function forgetChanges(connection: Connection, now: number): Promise<void> {
  await connection.run(`delete from changes where version <= (select version from latest) - ${keptAlways}
    and (version <= (select version from latest) - ${keptMax} or at < ${now - keptMs})`)
}

/**
 * Applies whatever is committed and was not applied here. A statement sees one moment, and a version is seen with all before it, so that
 * nothing is passed over. Throws `Missed` where the database does not go on from what is known here.
 */
export async function applyAll(connection: Connection, following: Following): Promise<void> {
  const reading: { kept: Kept | undefined; part: number } = { kept: undefined, part: 0 }
  for (;;) {
    const known = following.latest()
    const from = reading.kept === undefined ? `version > ${known.version}` : `(version, part) > (${reading.kept.version}, ${reading.part})`
    const rows = await connection.run(`select latest.version as newest, latest.at as newest_at, each.* from latest left join lateral
      (select * from changes where ${from} order by version, part limit ${rowsMax}) as each on true order by each.version, each.part`)
    checkNewest(numberOf(rows[0], 'newest'), numberOf(rows[0], 'newest_at'), known)
    const found = rows.filter((row) => row['version'] !== null)
    for (const row of found) await applyRow(row, reading, { following, known })
    if (found.length < rowsMax) {
      if (numberOf(rows[0], 'newest') > following.latest().version) throw new Missed(behind(known.version))
      return
    }
  }
}

function behind(version: number): string {
  return `more happened since version ${version} than the database still has`
}

function checkNewest(newest: number, at: number, known: Latest): void {
  if (newest < known.version || (newest === known.version && at !== known.at))
    throw new Missed(`the database is at version ${newest}, and this process knows another version ${known.version}`)
}

type Row = Readonly<Record<string, unknown>>

/** Gathers the parts of a change, and hands it on with the last. */
async function applyRow(
  row: Row,
  reading: { kept: Kept | undefined; part: number },
  at: { following: Following; known: Latest },
): Promise<void> {
  const version = numberOf(row, 'version')
  const part = numberOf(row, 'part')
  const before = reading.kept
  const isNext = before === undefined ? part === 0 : version === before.version && part === reading.part + 1
  if (!isNext) throw new Missed(behind(at.known.version))
  const changes = [...(before?.changes ?? []), ...(await readPart(textOf(row, 'doc'), at.following))]
  const kept = { version, at: numberOf(row, 'at'), space: textOf(row, 'space'), entries: numberOf(row, 'entries'), changes }
  reading.part = part
  if (part + 1 < numberOf(row, 'parts')) {
    reading.kept = kept
    return
  }
  reading.kept = undefined
  if (version > at.following.latest().version) await at.following.prepare(kept)
  const { version: applied } = at.following.latest()
  if (version > applied + 1) throw new Missed(behind(applied))
  at.following.apply(kept)
}

async function readPart(text: string, { turning }: Following): Promise<readonly FactChange[]> {
  const parsed = mustBe(await inTurns(readingJson(text, partLimits), turning))
  if (!Array.isArray(parsed)) throw new Error('the database holds a change that is none')
  return toChanges(parsed)
}

/** Only what `writingParts` made is ever kept there. */
function toChanges(values: JsonValue): readonly FactChange[]
function toChanges(values: unknown): unknown {
  return values
}
