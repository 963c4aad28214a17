/** GET /v1/exceptions/:id: one exception in full. */
import { z } from 'zod'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { maySeeException } from '../../control/exceptions.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { oneExceptionView } from '../exception-views.ts'
import { id } from '../fields.ts'

export const showException = endpoint({
  says: 'one exception: what it permits, how far it reaches, who answers for it, the way out and its end',
  method: 'GET',
  path: '/v1/exceptions/:id',
  caller: 'identity',
  perMinuteMax: 300,
  records: { nothing: 'it shows what the caller may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ id: id('exc') }),
  run: async (api, { id }, { caller }) => {
    const exception = await api.desk.store.read((tx) => tx.get('exception', id))
    if (exception === undefined || !maySeeException(api.desk, caller, exception)) return refuse('not-found')
    return done(json(await oneExceptionView(api.desk, exception)))
  },
})
