/** POST /v1/grants/:id/heartbeat: the wrapper of a running command is still there. */
import { z } from 'zod'
import { formatInstant } from '../../kernel/instants.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { maySee } from '../../control/rights.ts'
import type { HeartbeatView } from '../../wire/grants.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { id } from '../fields.ts'
import { findGrant } from '../grants.ts'

export const callForGrant = endpoint({
  says: 'a sign of life of the wrapper that promised them; three that do not come end the grant',
  method: 'POST',
  path: '/v1/grants/:id/heartbeat',
  caller: 'identity',
  perMinuteMax: 600,
  records: { nothing: 'a sign of life changes nothing; its absence ends the grant, and that is recorded' },
  takes: 'json',
  bodyBytesMax: 1_024,
  refuses: 'problem',
  input: z.strictObject({ id: id('grn') }),
  run: async (api, { id }, { caller, at }) => {
    const grant = await findGrant(api.desk, id)
    if (grant === undefined || !maySee(api.desk, caller, grant.chain)) return refuse('not-found')
    const own = grant.chain.length === caller.chain.length && grant.chain.every((link, place) => link === caller.chain[place]?.id)
    if (!own) return refuse('caller.not-allowed', { detail: 'only the chain it was granted to may do this' })
    if (grant.state === 'active') api.activity.called(id, at)
    return done(
      json({
        state: grant.state,
        ...(grant.expiresAt === undefined ? {} : { expiresAt: formatInstant(grant.expiresAt) }),
      } satisfies HeartbeatView),
    )
  },
})
