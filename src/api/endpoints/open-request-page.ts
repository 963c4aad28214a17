/** GET /requests/:id: the page on which a request for a grant is answered. */
import { z } from 'zod'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { answerableGrant } from '../../control/rights.ts'
import { readBy } from '../../control/untrusted.ts'
import { page } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { id } from '../fields.ts'
import { approvalsOf } from '../grant-views.ts'
import { findGrant } from '../grants.ts'
import { requestPage } from '../pages/request-page.ts'
import { personMaySee } from '../pages/sight.ts'

export const openRequestPage = endpoint({
  says: 'one request for a grant in full, and where it is answered',
  method: 'GET',
  path: '/requests/:id',
  caller: 'person',
  perMinuteMax: 300,
  records: { nothing: 'it shows what the person may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'page',
  input: z.strictObject({ id: id('grn') }),
  run: async (api, { id }, { person, at: now }) => {
    const { desk } = api
    const grant = await findGrant(desk, id)
    if (grant === undefined || !personMaySee(desk, person, answerableGrant(grant), now)) return refuse('not-found')
    const shown = await desk.store.read(async (tx) => ({
      approvals: await approvalsOf(tx, [grant]),
      read: grant.untrusted === undefined ? undefined : await readBy(tx, grant.chain, now),
    }))
    return done(page(requestPage(desk, { grant, ...shown, person, now })))
  },
})
