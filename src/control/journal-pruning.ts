/** Takes the oldest segments of a journal away, as long as the ledger says what is gone and how what is left goes on from it. */
import { type Instant, type Milliseconds, parseDuration } from '../kernel/instants.ts'
import { isJsonObject, parseJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { prunedKind } from '../ledger/journal-format.ts'
import { latestAnchor } from './anchor.ts'
import { type Desk, machinery, note } from './desk.ts'
import type { Journal } from './journal.ts'
import { headOfSegment, type JournalDisk, readLines, type Segment } from './journal-reading.ts'

/** What of a journal is kept: one of the two. */
export type JournalKeep = { readonly forMs: Milliseconds } | { readonly bytesMax: number }

const unitBytes: Readonly<Record<string, number>> = { MiB: 1_048_576, GiB: 1_073_741_824 }

/** `90d` or `4GiB`: a time of an hour or more, or a size from 256 MiB, some segments, to 7 GiB, below the journal's own bound. */
export function parseJournalKeep(text: string): Result<JournalKeep> {
  const [, digits, unit = ''] = /^(\d{1,6})(MiB|GiB)$/.exec(text) ?? []
  const bytesMax = Number(digits ?? Number.NaN) * (unitBytes[unit] ?? 0)
  if (bytesMax >= 268_435_456 && bytesMax <= 7_516_192_768) return done({ bytesMax })
  const time = parseDuration(text)
  return digits === undefined && time.ok && time.value >= 3_600_000
    ? done({ forMs: time.value })
    : refuse('configuration.invalid', {
        detail: `--journal-keep takes a time of an hour or more, like 90d, or a size from 256MiB to 7GiB, and not "${text.slice(0, 40)}"`,
      })
}

type Prunable = Pick<Journal, 'name' | 'key' | 'disk' | 'removeSegment'>

/** The one that is written, and the one before it, from which a start goes on. */
const newestKept = 2

/**
 * Removes whole segments from the oldest on, each once an entry `journal.pruned` names its last line and the hash up to it: never one of
 * the two newest, and never a line that the ledger does not vouch for. Answers how many went. What cannot be read or recorded stays.
 */
export async function pruneJournal(desk: Pick<Desk, 'store' | 'clock' | 'log'>, journal: Prunable, keep: JournalKeep): Promise<number> {
  const { disk } = journal
  const segments = await disk.list()
  let bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0)
  let count = 0
  for (const [place, segment] of segments.slice(0, -newestKept).entries()) {
    const next = segments[place + 1]
    if (next === undefined || !(await isDue(disk, next, { keep, bytes, now: desk.clock.now() }))) break
    const anchored = await latestAnchor(desk.log, journal.name)
    if (anchored === undefined || anchored.n < next.first - 1) break
    const head = await headOfSegment(disk, segment, journal.key)
    if (!head.ok || head.value.n !== next.first - 1) break
    const facts = { journal: journal.name, from: segment.first, n: head.value.n, hash: Buffer.from(head.value.hash).toString('hex') }
    // The entry goes first. Should we stop between the two, there is a segment more than the ledger says, and nobody misses any.
    const recorded = await desk.store.change(async (tx) => {
      await note(tx, { kind: prunedKind, actor: machinery, subject: journal.name, facts })
      return done(undefined)
    })
    if (!recorded.ok) break
    await journal.removeSegment(segment)
    bytes -= segment.bytes
    count += 1
  }
  return count
}

interface Due {
  readonly keep: JournalKeep
  readonly bytes: number
  readonly now: Instant
}

/** A segment is as old as the first line after it. */
async function isDue(disk: JournalDisk, next: Segment, { keep, bytes, now }: Due): Promise<boolean> {
  if ('bytesMax' in keep) return bytes > keep.bytesMax
  for await (const line of readLines(disk, next)) {
    const entry = parseJson(line.bytes, { depthMax: 80 })
    if (!entry.ok || !isJsonObject(entry.value)) return false
    const { at } = entry.value
    if (typeof at === 'number') return now - at > keep.forMs
  }
  return false
}
