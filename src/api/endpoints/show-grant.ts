/** GET /v1/grants/:id: one grant, at once or when it has left a state. */
import { z } from 'zod'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { maySee } from '../../control/rights.ts'
import { grantLife } from '../../model/lives.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { count, id } from '../fields.ts'
import { oneGrantView } from '../grant-views.ts'
import { findGrant, untilGrantLeaves } from '../grants.ts'
import { isState } from '../state-list.ts'

const state = z.string().refine((text) => isState(grantLife, text), `states are ${Object.keys(grantLife).join(', ')}`)

export const showGrant = endpoint({
  says: 'one grant; with `wait` (seconds, at most 60) the answer comes when it is no longer in `state`, or in that it is in now',
  method: 'GET',
  path: '/v1/grants/:id',
  caller: 'identity',
  perMinuteMax: 600,
  records: { nothing: 'it shows what the caller may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ id: id('grn'), wait: count(0, 60).optional(), state: state.optional() }),
  run: async (api, { id, wait = 0, state }, { caller, signal }) => {
    const grant = await findGrant(api.desk, id)
    if (grant === undefined || !maySee(api.desk, caller, grant.chain)) return refuse('not-found')
    if (wait === 0 || (state !== undefined && state !== grant.state)) return done(json(await oneGrantView(api.desk, grant)))
    const waited = await untilGrantLeaves(api.desk, grant, { who: caller.actor.id, wait: wait * 1_000, signal })
    if (!waited.ok) return waited
    const current = await findGrant(api.desk, id)
    // Asked again: while it waited the caller may have lost the right to see it.
    if (current === undefined || !maySee(api.desk, caller, current.chain)) return refuse('not-found')
    return done(json(await oneGrantView(api.desk, current)))
  },
})
