/** GET /changes/:id: the page on which a change-set is answered. */
import { z } from 'zod'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { answerableChangeSet } from '../../control/change-set-price.ts'
import { page } from '../answers.ts'
import { findChangeSet } from '../change-sets.ts'
import { endpoint } from '../endpoint.ts'
import { id } from '../fields.ts'
import { approvalsOf } from '../grant-views.ts'
import { changePage } from '../pages/change-page.ts'
import { personMaySee } from '../pages/sight.ts'

export const openChangePage = endpoint({
  says: 'one change of configuration, line by line, and where it is answered',
  method: 'GET',
  path: '/changes/:id',
  caller: 'person',
  perMinuteMax: 300,
  records: { nothing: 'it shows what the person may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'page',
  input: z.strictObject({ id: id('chg') }),
  run: async ({ desk }, { id }, { person, at: now }) => {
    const set = await findChangeSet(desk, id)
    if (set === undefined || !personMaySee(desk, person, answerableChangeSet(set), now)) return refuse('not-found')
    const approvals = await desk.store.read((tx) => approvalsOf(tx, [set]))
    return done(page(changePage(desk, { set, approvals, person, now })))
  },
})
