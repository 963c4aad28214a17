/** GET /v1/ledger/consistency: that one head of the ledger follows another. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { proveConsistency as prove } from '../../control/entry-proof.ts'
import type { ConsistencyView } from '../../wire/ledger.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { count } from '../fields.ts'

const size = count(0, Number.MAX_SAFE_INTEGER)

export const proveConsistency = endpoint({
  says: 'hashes that prove one head of the ledger to be the beginning of a later one (RFC 9162 §2.1.4)',
  method: 'GET',
  path: '/v1/ledger/consistency',
  caller: 'nobody',
  perMinuteMax: 120,
  records: { nothing: 'hashes show nothing' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ first: size, second: size }),
  run: async (api, { first, second }) => {
    const path = await prove(api.ledger, first, second)
    if (!path.ok) return path
    return done(json({ first, second, path: path.value.map((hash) => Buffer.from(hash).toString('base64')) } satisfies ConsistencyView))
  },
})
