/** Writes the whole record as an export that a stranger can verify: ledger first, then the journals it anchors. */
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import { type ExportedLeaf, writeExportLine } from '../ledger/export-format.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { verifyBody } from '../ledger/leaf.ts'
import type { LeafRow, LogStore } from './ports.ts'

export interface ExportSources {
  readonly store: Pick<LogStore, 'tree' | 'leaves' | 'checkpoints'>
  /** Whose bodies it shows; of other spaces only the commitments. */
  readonly space: string
  readonly origin: string
  /** The log's own key first, then those of witnesses. */
  readonly vkeys: readonly string[]
  readonly journals: readonly ExportedJournal[]
}

export interface ExportedJournal {
  readonly name: string
  readonly vkey: string
  /** Its lines from number 1 to the head of the moment it is called. */
  read(): AsyncIterable<string>
}

const pageMax = 1_000

/**
 * The lines of an export, without line feeds, of everything that is numbered when it begins: flush journals, then the sequencer, first.
 * It repeats what is stored without judging it; what is missing or damaged is for the verifier to name.
 */
export async function* exportLedger(sources: ExportSources): AsyncGenerator<string, void, undefined> {
  const { store, space, origin, vkeys, journals } = sources
  const { size } = await store.tree()
  yield writeExportLine({ is: 'header', header: { origin, vkeys, journals: journals.map(({ name, vkey }) => ({ name, vkey })), space } })
  const checkpoints = readCheckpoints(store, size)
  let due = await checkpoints.next()
  for await (const row of readLeaves(store, size)) {
    for (; due.done !== true && due.value.size <= row.index; due = await checkpoints.next()) {
      yield writeExportLine({ is: 'checkpoint', note: due.value.note })
    }
    yield writeExportLine({ is: 'leaf', leaf: exportedLeaf(row, space) })
  }
  for (; due.done !== true; due = await checkpoints.next()) yield writeExportLine({ is: 'checkpoint', note: due.value.note })
  // Journals are read after the ledger, so that every line it anchors is there already.
  for (const journal of journals)
    for await (const line of journal.read()) yield writeExportLine({ is: 'journal', journal: journal.name, line })
}

async function* readLeaves(store: ExportSources['store'], size: number): AsyncGenerator<LeafRow, void, undefined> {
  for (let from = 0; from < size; ) {
    const rows = await store.leaves(from, pageMax)
    const last = rows.at(-1)
    if (last === undefined) return
    for (const row of rows) if (row.index < size) yield row
    from = last.index + 1
  }
}

interface StoredCheckpoint {
  readonly size: number
  readonly note: string
}

async function* readCheckpoints(store: ExportSources['store'], size: number): AsyncGenerator<StoredCheckpoint, void, undefined> {
  for (let from = 1; from <= size; ) {
    const page = await store.checkpoints(from, pageMax)
    const last = page.at(-1)
    if (last === undefined) return
    for (const checkpoint of page) if (checkpoint.size <= size) yield checkpoint
    from = last.size + 1
  }
}

export function exportedLeaf({ index, leaf, body, salt }: LeafRow, space: string): ExportedLeaf {
  const parsed = body === undefined ? undefined : readBody(body)
  if (parsed === undefined || salt === undefined) return { index, data: leaf }
  return parsed['space'] === space ? { index, data: leaf, body: parsed, salt } : { index, data: leaf, withheld: true }
}

function readBody(body: string): JsonObject | undefined {
  const parsed = parseJson(body, { bytesMax: 4_194_304, depthMax: 90 })
  return parsed.ok && isJsonObject(parsed.value) ? parsed.value : undefined
}

/**
 * Leaves from a number on, for readers who get nothing to check them with. Refuses `ledger.damaged` where a body that is kept is not the
 * one that its leaf commits to.
 */
export async function soundLeaves(log: Pick<LogStore, 'leaves'>, from: number, max: number): Promise<Result<readonly LeafRow[]>> {
  const rows = await log.leaves(from, max)
  const damaged = rows.find(({ leaf, body, salt }) => body !== undefined && (salt === undefined || !verifyBody(leaf, body, salt)))
  if (damaged === undefined) return done(rows)
  return refuse('ledger.damaged', { detail: `the body of entry ${damaged.index} is not the one that the ledger commits to` })
}
