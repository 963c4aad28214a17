/** POST /v1/change-sets: proposes a configuration; it applies at once where nobody else is to be asked. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { proposeChange as propose } from '../../control/change-sets.ts'
import { prunings } from '../../model/change-sets.ts'
import type { ProposedView } from '../../wire/configuration.ts'
import { json } from '../answers.ts'
import { oneChangeSetView } from '../change-set-views.ts'
import { outcomeView, planView } from '../configured-exception-views.ts'
import { endpoint } from '../endpoint.ts'
import { duration, jsonObject, reason } from '../fields.ts'

export const proposeChange = endpoint({
  says: 'proposes a configuration, all of it or nothing: what widens waits for another person, the rest applies at once; safe to repeat',
  method: 'POST',
  path: '/v1/change-sets',
  caller: 'identity',
  perMinuteMax: 30,
  records: [
    'change-set.proposed',
    'configuration.applied',
    'policy.published',
    'application.published',
    'application.removed',
    'identity.created',
    'identity.changed',
    'service.changed',
    'service.removed',
    'issuer.changed',
    'issuer.removed',
    'exception.proposed',
  ],
  takes: 'json',
  bodyBytesMax: 4_194_304,
  refuses: 'problem',
  input: z.strictObject({
    document: jsonObject,
    prune: z.enum(prunings).optional(),
    reason: reason.optional(),
    wait: duration.optional(),
    base: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'as the plan said it')
      .optional(),
  }),
  run: async ({ desk }, { document, prune = 'nothing', reason, wait, base }, { caller }) => {
    const more = {
      ...(reason === undefined ? {} : { reason }),
      ...(wait === undefined ? {} : { wait }),
      ...(base === undefined ? {} : { base }),
    }
    const proposed = await propose(desk, caller, { document, prune, ...more })
    if (!proposed.ok) return proposed
    const { plan, changeSet, exceptions } = proposed.value
    const view: ProposedView = {
      plan: planView(plan),
      ...(changeSet === undefined ? {} : { changeSet: await oneChangeSetView(desk, changeSet) }),
      ...(exceptions === undefined ? {} : { exceptions: exceptions.map((each) => outcomeView(desk, each)) }),
    }
    return done(json(view))
  },
})
