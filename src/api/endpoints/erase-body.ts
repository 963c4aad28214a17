/** POST /v1/ledger/entries/:index/erase: forget what an entry says, and keep the proof that it was there. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { eraseBody as erase } from '../../control/erase-body.ts'
import type { ErasedView } from '../../wire/ledger.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { count, reason } from '../fields.ts'

export const eraseBody = endpoint({
  says: 'erases the body of an entry, where its kind allows that; the commitment and every proof stay',
  method: 'POST',
  path: '/v1/ledger/entries/:index/erase',
  caller: 'identity',
  perMinuteMax: 60,
  records: ['ledger.body-erased'],
  takes: 'json',
  bodyBytesMax: 8_192,
  refuses: 'problem',
  input: z.strictObject({ index: count(0, Number.MAX_SAFE_INTEGER), reason }),
  run: async (api, { index, reason }, { caller }) => {
    const erased = await erase(api.desk, caller, index, reason)
    return erased.ok ? done(json(erased.value satisfies ErasedView)) : erased
  },
})
