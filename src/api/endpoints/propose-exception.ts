/** POST /v1/exceptions: proposes a standing privilege that has to stay; people approve it. */
import { z } from 'zod'
import { parseInstant } from '../../kernel/instants.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { proposeException as propose } from '../../control/exceptions.ts'
import { deskActions } from '../../model/identities.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { oneExceptionView } from '../exception-views.ts'
import { duration, id, name, reason, words } from '../fields.ts'

export const proposeException = endpoint({
  says: 'proposes an exception: who has it, who answers for it, what it permits, why, the way out, its end; a person approves it on its page',
  method: 'POST',
  path: '/v1/exceptions',
  caller: 'identity',
  perMinuteMax: 30,
  records: ['exception.proposed'],
  takes: 'json',
  bodyBytesMax: 65_536,
  refuses: 'problem',
  input: z.strictObject({
    identity: name,
    owner: name,
    scope: z.array(z.string().max(1_000)).max(32).optional(),
    deskActions: z.array(z.enum(deskActions)).max(deskActions.length).optional(),
    reason,
    remediation: z.array(words(300)).max(20),
    duration: duration.optional(),
    until: z.string().max(40).optional(),
    renews: id('exc').optional(),
  }),
  run: async (api, { identity, owner, scope, deskActions, reason, remediation, duration, until, renews }, { caller, at }) => {
    if ((duration === undefined) === (until === undefined))
      return refuse('input.invalid', { detail: 'it ends after a duration, or at an instant: say one of the two' })
    const end = until === undefined ? done(at + (duration ?? 0)) : parseInstant(until)
    if (!end.ok) return end
    const proposed = await propose(api.desk, caller, {
      identity,
      owner,
      reason,
      remediation,
      expiresAt: end.value,
      ...(scope === undefined ? {} : { scope }),
      ...(deskActions === undefined ? {} : { deskActions }),
      ...(renews === undefined ? {} : { renews }),
    })
    return proposed.ok ? done(json(await oneExceptionView(api.desk, proposed.value), { status: 201 })) : proposed
  },
})
