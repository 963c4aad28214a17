/** POST /v1/invitations: a one-time link with which a person registers a passkey. */
import { z } from 'zod'
import { formatInstant } from '../../kernel/instants.ts'
import { done } from '../../kernel/result.ts'
import { invite } from '../../control/people.ts'
import type { InvitationView } from '../../wire/identities.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { name } from '../fields.ts'

export const invitePerson = endpoint({
  says: 'a link with which a person registers a passkey, once; it is shown this once',
  method: 'POST',
  path: '/v1/invitations',
  caller: 'identity',
  perMinuteMax: 20,
  records: ['link.issued', 'identity.created'],
  takes: 'json',
  bodyBytesMax: 1_024,
  refuses: 'problem',
  input: z.strictObject({ name }),
  run: async (api, { name }, { caller }) => {
    const invited = await invite(api.desk, caller, name)
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
