/** GET /v1/ledger/entries: what was recorded, leaf by leaf. */
import { z } from 'zod'
import { formatInstant } from '../../kernel/instants.ts'
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../../kernel/json.ts'
import { done } from '../../kernel/result.ts'
import { soundLeaves } from '../../control/export-ledger.ts'
import type { LeafRow } from '../../control/ports.ts'
import { callerMay } from '../../control/rights.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { count } from '../fields.ts'

export const listLedgerEntries = endpoint({
  says: 'entries of the ledger from a number on; for whoever may audit',
  method: 'GET',
  path: '/v1/ledger/entries',
  caller: 'identity',
  perMinuteMax: 120,
  records: { nothing: 'it shows what the caller may audit' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ from: count(0, Number.MAX_SAFE_INTEGER).optional(), max: count(1, 500).optional() }),
  run: async (api, { from = 0, max = 100 }, { caller }) => {
    const may = callerMay(api.desk, caller, 'audit')
    if (!may.ok) return may
    const flushed = await api.sequencer.head()
    if (!flushed.ok) return flushed
    const read = await soundLeaves(api.desk.log, from, max)
    if (!read.ok) return read
    const rows = read.value
    const last = rows.at(-1)
    const next = last === undefined || last.index + 1 >= flushed.value.size ? {} : { next: last.index + 1 }
    return done(json({ entries: rows.map((row) => entryView(row, api.desk.space)), size: flushed.value.size, ...next }))
  },
})

/** Entries of another space, and bodies that were erased, show only that they are there. */
function entryView(row: LeafRow, space: string): JsonObject {
  const read = row.body === undefined ? undefined : parseJson(row.body)
  const body: JsonValue | undefined = read?.ok === true ? read.value : undefined
  if (!isJsonObject(body) || body['space'] !== space) return { index: row.index, erased: true }
  const { at, kind = '', actor = '', subject = '', facts = {} } = body
  return { index: row.index, kind, actor, subject, at: typeof at === 'number' ? formatInstant(at) : '', facts }
}
