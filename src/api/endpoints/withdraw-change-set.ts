/** POST /v1/change-sets/:id/withdraw: takes a proposal back. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { withdrawChangeSet as withdraw } from '../../control/change-sets.ts'
import { json } from '../answers.ts'
import { oneChangeSetView } from '../change-set-views.ts'
import { endpoint } from '../endpoint.ts'
import { id, reason } from '../fields.ts'

export const withdrawChangeSet = endpoint({
  says: 'takes a proposed change back: its author, or whoever administers',
  method: 'POST',
  path: '/v1/change-sets/:id/withdraw',
  caller: 'identity',
  perMinuteMax: 60,
  records: ['change-set.withdrawn'],
  takes: 'json',
  bodyBytesMax: 4_096,
  refuses: 'problem',
  input: z.strictObject({ id: id('chg'), reason: reason.optional() }),
  run: async ({ desk }, { id, reason = 'withdrawn' }, { caller }) => {
    const withdrawn = await withdraw(desk, caller, id, reason)
    return withdrawn.ok ? done(json(await oneChangeSetView(desk, withdrawn.value))) : withdrawn
  },
})
