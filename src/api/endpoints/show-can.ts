/** GET /v1/identities/:name/can: everything an identity may do now, and could do. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { can } from '../../control/can.ts'
import { json } from '../answers.ts'
import { canView } from '../can-views.ts'
import { endpoint } from '../endpoint.ts'
import { flag, name } from '../fields.ts'

export const showCan = endpoint({
  says: 'what an identity may do now, could do if it asked, and with whose yes; for itself, its owner, and whoever may audit',
  method: 'GET',
  path: '/v1/identities/:name/can',
  caller: 'identity',
  perMinuteMax: 60,
  records: { nothing: 'it shows what the caller may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ name, for: name.optional(), service: name.optional(), all: flag.optional() }),
  run: async ({ desk }, { name: who, for: actsFor, service, all = false }, { caller }) => {
    const question = { name: who, all, ...(actsFor === undefined ? {} : { actsFor }), ...(service === undefined ? {} : { service }) }
    const found = await can(desk, caller, question)
    return found.ok ? done(json(canView(desk, found.value))) : found
  },
})
