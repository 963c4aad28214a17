/** POST /v1/identities/:name/release: lifts a quarantine. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { release } from '../../control/quarantine.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { name, reason } from '../fields.ts'
import { identityView } from '../views.ts'

export const releaseIdentity = endpoint({
  says: 'lifts a quarantine; what had ended stays ended',
  method: 'POST',
  path: '/v1/identities/:name/release',
  caller: 'identity',
  perMinuteMax: 60,
  records: ['identity.released'],
  takes: 'json',
  bodyBytesMax: 8_192,
  refuses: 'problem',
  input: z.strictObject({ name, reason }),
  run: async (api, { name, reason }, { caller }) => {
    const released = await release(api.desk, caller, name, reason)
    return released.ok ? done(json(identityView(api.desk, released.value))) : released
  },
})
