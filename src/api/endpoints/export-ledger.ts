/** GET /v1/ledger/export: the whole record, for a stranger to verify. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { exportLedger as lines } from '../../control/export-ledger.ts'
import { callerMay } from '../../control/rights.ts'
import { endpoint } from '../endpoint.ts'

export const exportLedger = endpoint({
  says: 'the whole record, ledger and journals, as lines that `remit ledger verify` reads; for whoever may audit',
  method: 'GET',
  path: '/v1/ledger/export',
  caller: 'identity',
  perMinuteMax: 6,
  records: { nothing: 'it shows what the caller may audit' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({}),
  run: async (api, _input, { caller }) => {
    const may = callerMay(api.desk, caller, 'audit')
    if (!may.ok) return may
    // Journals first: their heads are anchored by entries that the sequencer then numbers.
    for (const journal of api.journals) await journal.flush()
    const flushed = await api.sequencer.head()
    if (!flushed.ok) return flushed
    const { vkey } = api.sequencer
    const [origin = ''] = vkey.split('+')
    const own = api.journals.map((journal) => ({ name: journal.name, vkey: journal.vkey, read: () => journal.read() }))
    const journals = [...(api.earlierJournals ?? []), ...own]
    return done({
      kind: 'lines',
      type: 'application/x-ndjson',
      lines: lines({ store: api.desk.log, space: api.desk.space, origin, vkeys: api.ledger.vkeys, journals }),
    })
  },
})
