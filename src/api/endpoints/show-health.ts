/** GET /v1/health: whether this process answers. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import type { HealthView } from '../../wire/ledger.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'

export const showHealth = endpoint({
  says: 'whether this Remit answers, and its version',
  method: 'GET',
  path: '/v1/health',
  caller: 'nobody',
  perMinuteMax: 600,
  records: { nothing: 'it changes nothing and shows nothing of anybody' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({}),
  run: (api) => done(json({ status: 'ok', version: api.version } satisfies HealthView)),
})
