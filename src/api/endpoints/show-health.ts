/** GET /v1/health: whether this process answers. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import type { Ledger } from '../../control/ledger.ts'
import type { HealthView, LedgerHealth } from '../../wire/ledger.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'

export const showHealth = endpoint({
  says: 'whether this Remit answers, its version, whether anybody outside holds the heads of its ledger, and whether a configuration on disk is kept out',
  method: 'GET',
  path: '/v1/health',
  caller: 'nobody',
  perMinuteMax: 600,
  records: { nothing: 'it changes nothing and shows nothing of anybody' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({}),
  run: (api) => {
    const view: HealthView = {
      status: 'ok',
      version: api.version,
      ledger: ledgerHealth(api.ledger),
      ...(api.isConfigurationRejected?.() === true ? { configuration: 'rejected' } : {}),
    }
    return done(json(view))
  },
})

function ledgerHealth(ledger: Ledger): LedgerHealth {
  const { isSigning, isIndependent, witnesses, placeLate } = ledger.standing()
  const isLate = placeLate !== undefined || witnesses.some((witness) => witness.late !== undefined)
  const held = isLate ? 'late' : 'held'
  return { signing: isSigning ? 'signing' : 'disputed', heads: isIndependent ? held : 'nobody' }
}
