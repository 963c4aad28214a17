/** GET /holds/:id: the page on which a held action is answered. */
import { z } from 'zod'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { answerableHold } from '../../control/rights.ts'
import { page } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { id } from '../fields.ts'
import { approvalsOf } from '../grant-views.ts'
import { findHold } from '../holds.ts'
import { holdPage } from '../pages/hold-page.ts'
import { personMaySee } from '../pages/sight.ts'
import { recentForPerson } from '../recent-views.ts'

export const openHoldPage = endpoint({
  says: 'one held action, exactly as it would be forwarded, what was done before it, and where it is answered',
  method: 'GET',
  path: '/holds/:id',
  caller: 'person',
  // Each reads megabytes of journals.
  perMinuteMax: 120,
  records: { nothing: 'it shows what the person may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'page',
  input: z.strictObject({ id: id('hld') }),
  run: async (api, { id }, { person, at: now }) => {
    const { desk } = api
    const found = await findHold(desk, id)
    if (found === undefined || !personMaySee(desk, person, answerableHold(desk, found.hold), now)) return refuse('not-found')
    const approvals = await desk.store.read((tx) => approvalsOf(tx, [found.hold]))
    const recent = await recentForPerson(api, found, person, now)
    return done(page(holdPage(desk, { ...found, approvals, recent, person, now })))
  },
})
