/** POST /v1/grants/:id/revoke: stop, and hear which gateways have stopped. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { revokeGrant as revoke } from '../../control/end-grant.ts'
import type { RevocationView } from '../../wire/grants.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { id, reason } from '../fields.ts'
import { confirmationViews, oneGrantView } from '../grant-views.ts'

export const revokeGrant = endpoint({
  says: 'ends a grant and everything that lives by it; the answer comes when every gateway has confirmed',
  method: 'POST',
  path: '/v1/grants/:id/revoke',
  caller: 'identity',
  perMinuteMax: 120,
  records: ['grant.ended', 'grant.withdrawn', 'grant.unclaimed'],
  takes: 'json',
  bodyBytesMax: 8_192,
  refuses: 'problem',
  input: z.strictObject({ id: id('grn'), reason }),
  run: async (api, { id, reason }, { caller }) => {
    const revoked = await revoke(api.desk, caller, id, reason)
    if (!revoked.ok) return revoked
    const { grant, confirmed } = revoked.value
    return done(json({ grant: await oneGrantView(api.desk, grant), confirmed: confirmationViews(confirmed) } satisfies RevocationView))
  },
})
