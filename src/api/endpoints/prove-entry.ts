/** GET /v1/ledger/entries/:index/proof: one entry with all that proves it. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { proveEntry as prove } from '../../control/entry-proof.ts'
import type { EntryProofView } from '../../wire/ledger.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { count } from '../fields.ts'

export const proveEntry = endpoint({
  says: 'one entry with its salt, its path and a cosigned head: a file that proves it to anybody; for whoever may audit',
  method: 'GET',
  path: '/v1/ledger/entries/:index/proof',
  caller: 'identity',
  perMinuteMax: 60,
  records: { nothing: 'it shows what the caller may audit' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ index: count(0, Number.MAX_SAFE_INTEGER) }),
  run: async (api, { index }, { caller }) => {
    const proof = await prove(api.desk, api.ledger, caller, index)
    return proof.ok ? done(json({ index, proof: proof.value } satisfies EntryProofView)) : proof
  },
})
