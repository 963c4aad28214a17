/** POST /v1/invitations: a one-time link with which a person registers a passkey; in place of lost ones where that is said. */
import { z } from 'zod'
import { formatInstant } from '../../kernel/instants.ts'
import { done } from '../../kernel/result.ts'
import { invite } from '../../control/people.ts'
import { replacePasskeys } from '../../control/replace-passkeys.ts'
import type { InvitationView } from '../../wire/identities.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { name, reason } from '../fields.ts'

export const invitePerson = endpoint({
  says: 'a link with which a person registers a passkey, once; it is shown this once. With `replace`, a reason, the passkeys they have are revoked first',
  method: 'POST',
  path: '/v1/invitations',
  caller: 'identity',
  perMinuteMax: 20,
  records: ['link.issued', 'identity.created', 'passkey.revoked', 'passkeys.replaced', 'grant.ended'],
  takes: 'json',
  bodyBytesMax: 1_024,
  refuses: 'problem',
  input: z.strictObject({ name, replace: reason.optional() }),
  run: async (api, { name, replace }, { caller }) => {
    const invited = replace === undefined ? await invite(api.desk, caller, name) : await replacePasskeys(api.desk, caller, name, replace)
    if (!invited.ok) return invited
    const { person, link, expiresAt } = invited.value
    const view: InvitationView = {
      person: person.name,
      link: `${api.desk.pages().origin}/register/${api.handOver(link)}`,
      expiresAt: formatInstant(expiresAt),
    }
    return done(json(view, { status: 201 }))
  },
})
