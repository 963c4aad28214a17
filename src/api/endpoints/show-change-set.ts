/** GET /v1/change-sets/:id: one change-set, at once or when it no longer waits. */
import { z } from 'zod'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { maySeeChangeSet } from '../../control/change-sets.ts'
import { json } from '../answers.ts'
import { oneChangeSetView } from '../change-set-views.ts'
import { findChangeSet, untilAnswered } from '../change-sets.ts'
import { endpoint } from '../endpoint.ts'
import { count, id } from '../fields.ts'

export const showChangeSet = endpoint({
  says: 'one change-set, line by line; with `wait` (seconds, at most 60) the answer comes when it no longer waits',
  method: 'GET',
  path: '/v1/change-sets/:id',
  caller: 'identity',
  perMinuteMax: 300,
  records: { nothing: 'it shows what the caller may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ id: id('chg'), wait: count(0, 60).optional() }),
  run: async ({ desk }, { id, wait = 0 }, { caller, signal }) => {
    const set = await findChangeSet(desk, id)
    if (set === undefined || !maySeeChangeSet(desk, caller, set)) return refuse('not-found')
    if (wait === 0 || set.state !== 'proposed') return done(json(await oneChangeSetView(desk, set)))
    const waited = await untilAnswered(desk, set, { who: caller.actor.id, wait: wait * 1_000, signal })
    if (!waited.ok) return waited
    const current = await findChangeSet(desk, id)
    // Asked again: while it waited the caller may have lost the right to see it.
    if (current === undefined || !maySeeChangeSet(desk, caller, current)) return refuse('not-found')
    return done(json(await oneChangeSetView(desk, current)))
  },
})
