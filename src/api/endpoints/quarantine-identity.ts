/** POST /v1/identities/:name/quarantine: containment of one identity. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { quarantine } from '../../control/quarantine.ts'
import type { QuarantineView } from '../../wire/identities.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { name, reason } from '../fields.ts'
import { confirmationViews } from '../grant-views.ts'
import { identityView } from '../views.ts'

export const quarantineIdentity = endpoint({
  says: 'ends everything an identity has and refuses everything it asks, until it is released',
  method: 'POST',
  path: '/v1/identities/:name/quarantine',
  caller: 'identity',
  perMinuteMax: 60,
  records: ['identity.quarantined'],
  takes: 'json',
  bodyBytesMax: 8_192,
  refuses: 'problem',
  input: z.strictObject({ name, reason }),
  run: async (api, { name, reason }, { caller }) => {
    const contained = await quarantine(api.desk, caller, name, reason)
    if (!contained.ok) return contained
    const { identity, ended, confirmed } = contained.value
    return done(
      json({ identity: identityView(api.desk, identity), ended, confirmed: confirmationViews(confirmed) } satisfies QuarantineView),
    )
  },
})
