/** GET /exceptions/:id: the page on which an exception is answered. */
import { z } from 'zod'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { answerableException } from '../../control/exceptions.ts'
import { page } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { id } from '../fields.ts'
import { approvalsOf } from '../grant-views.ts'
import { exceptionPage } from '../pages/exception-page.ts'
import { personMaySee } from '../pages/sight.ts'

export const openExceptionPage = endpoint({
  says: 'one exception in full, and where it is answered',
  method: 'GET',
  path: '/exceptions/:id',
  caller: 'person',
  perMinuteMax: 300,
  records: { nothing: 'it shows what the person may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'page',
  input: z.strictObject({ id: id('exc') }),
  run: async ({ desk }, { id }, { person, at: now }) => {
    const exception = await desk.store.read((tx) => tx.get('exception', id))
    if (exception === undefined || !personMaySee(desk, person, answerableException(desk.facts, exception), now)) return refuse('not-found')
    const approvals = await desk.store.read((tx) => approvalsOf(tx, [exception]))
    return done(page(exceptionPage(desk, { exception, approvals, person, now })))
  },
})
