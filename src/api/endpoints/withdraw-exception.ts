/** POST /v1/exceptions/:id/withdraw: takes a proposal back. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { withdrawException as withdraw } from '../../control/exceptions.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { oneExceptionView } from '../exception-views.ts'
import { id, reason } from '../fields.ts'

export const withdrawException = endpoint({
  says: 'takes a proposed exception back: whoever proposed it, its owner, and whoever may stop',
  method: 'POST',
  path: '/v1/exceptions/:id/withdraw',
  caller: 'identity',
  perMinuteMax: 60,
  records: ['exception.withdrawn'],
  takes: 'json',
  bodyBytesMax: 8_192,
  refuses: 'problem',
  input: z.strictObject({ id: id('exc'), reason }),
  run: async (api, { id, reason }, { caller }) => {
    const withdrawn = await withdraw(api.desk, caller, id, reason)
    return withdrawn.ok ? done(json(await oneExceptionView(api.desk, withdrawn.value))) : withdrawn
  },
})
