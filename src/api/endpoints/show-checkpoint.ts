/** GET /v1/ledger/checkpoint: the newest signed head of the ledger. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import type { CheckpointView } from '../../wire/ledger.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'

export const showCheckpoint = endpoint({
  says: 'the newest signed head of the ledger (C2SP checkpoint), for whoever wants to witness it',
  method: 'GET',
  path: '/v1/ledger/checkpoint',
  caller: 'nobody',
  perMinuteMax: 120,
  records: { nothing: 'a head commits to everything and shows nothing' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({}),
  run: async (api) => {
    const head = await api.sequencer.head()
    if (!head.ok) return head
    const { size, checkpoint } = head.value
    return done(json({ size, checkpoint, key: api.sequencer.vkey } satisfies CheckpointView))
  },
})
