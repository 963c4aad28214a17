/** POST /v1/exceptions/:id/end: closes an exception before its time, with the evidence that it is not needed any more. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { closeByHand } from '../../control/exceptions.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { oneExceptionView } from '../exception-views.ts'
import { id, words } from '../fields.ts'

export const endException = endpoint({
  says: 'ends an exception and everything that lives by it, with the evidence that it is not needed any more: its owner, and whoever may stop',
  method: 'POST',
  path: '/v1/exceptions/:id/end',
  caller: 'identity',
  perMinuteMax: 60,
  records: ['exception.ended', 'grant.ended'],
  takes: 'json',
  bodyBytesMax: 8_192,
  refuses: 'problem',
  input: z.strictObject({ id: id('exc'), evidence: words(1_000) }),
  run: async (api, { id, evidence }, { caller }) => {
    const ended = await closeByHand(api.desk, caller, id, evidence)
    return ended.ok ? done(json(await oneExceptionView(api.desk, ended.value))) : ended
  },
})
