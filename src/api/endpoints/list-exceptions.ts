/** GET /v1/exceptions: the exceptions that the caller may see, in order of id. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { maySeeException } from '../../control/exceptions.ts'
import { exceptionLife } from '../../model/lives.ts'
import type { ExceptionList } from '../../wire/exceptions.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { exceptionViews } from '../exception-views.ts'
import { count, id } from '../fields.ts'
import { findSeen } from '../listing.ts'
import { stateList } from '../state-list.ts'

export const listExceptions = endpoint({
  says: 'the exceptions of the caller and of what they own, answer for or proposed, and all of them for whoever may audit or stop',
  method: 'GET',
  path: '/v1/exceptions',
  caller: 'identity',
  perMinuteMax: 300,
  records: { nothing: 'it shows what the caller may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ state: stateList(exceptionLife).optional(), after: id('exc').optional(), max: count(1, 200).optional() }),
  run: async (api, { state, after, max = 50 }, { caller }) => {
    const { found, next } = await findSeen(
      (page) => api.desk.store.read((tx) => tx.find('exception', state === undefined ? {} : { state }, page)),
      (exception) => maySeeException(api.desk, caller, exception),
      { max, ...(after === undefined ? {} : { after }) },
    )
    const exceptions = await exceptionViews(api.desk, found)
    return done(json({ exceptions, ...(next === undefined ? {} : { next }) } satisfies ExceptionList))
  },
})
