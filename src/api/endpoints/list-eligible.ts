/** GET /v1/eligible: what the caller may ask for. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { eligible } from '../../control/eligible.ts'
import { activeExceptions } from '../../control/standing.ts'
import type { EligibleList } from '../../wire/grants.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { exceptionViews } from '../exception-views.ts'
import { words } from '../fields.ts'

export const listEligible = endpoint({
  says: 'what the caller may ask for, under which kind of task, and who would have to say yes',
  method: 'GET',
  path: '/v1/eligible',
  caller: 'identity',
  perMinuteMax: 60,
  records: { nothing: 'asking what could be asked is no request' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ task: words(64).optional(), ticket: words(200).optional() }),
  run: async (api, { task, ticket }, { caller }) => {
    const standing = activeExceptions(api.desk, caller, true)
    const exceptions = standing.length === 0 ? {} : { exceptions: await exceptionViews(api.desk, standing) }
    const filter = { ...(task === undefined ? {} : { task }), ...(ticket === undefined ? {} : { ticket }) }
    return done(json({ ...exceptions, eligible: await eligible(api.desk, caller, filter) } satisfies EligibleList))
  },
})
