/** GET /ledger/checkpoint: the newest signed head, where C2SP tlog-tiles has it. */
import { z } from 'zod'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { endpoint } from '../endpoint.ts'

export const loadCheckpoint = endpoint({
  says: 'the newest signed head of the ledger as a C2SP checkpoint, with what witnesses cosigned',
  method: 'GET',
  path: '/ledger/checkpoint',
  caller: 'nobody',
  perMinuteMax: 120,
  records: { nothing: 'a head commits to everything and shows nothing' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({}),
  run: async (api) => {
    const head = await api.ledger.sequencer.head()
    if (!head.ok) return head
    // The stored one, since that is where witnesses' signatures are added.
    const { checkpoint } = await api.desk.log.tree()
    if (checkpoint === '') return refuse('not-found', { detail: 'there is no head yet' })
    return done({ kind: 'bytes', type: 'text/plain; charset=utf-8', bytes: Buffer.from(checkpoint), isForEver: false })
  },
})
