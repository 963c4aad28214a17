/** POST /v1/invitations: a one-time link with which a person registers a passkey, once somebody else signed that they come. */
import { z } from 'zod'
import { formatInstant } from '../../kernel/instants.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { proposeChange } from '../../control/change-sets.ts'
import type { Caller, Desk } from '../../control/desk.ts'
import { invite } from '../../control/people.ts'
import { replacePasskeys } from '../../control/replace-passkeys.ts'
import type { InvitationProposedView, InvitationView } from '../../wire/identities.ts'
import { type Answer, json } from '../answers.ts'
import { oneChangeSetView } from '../change-set-views.ts'
import { endpoint } from '../endpoint.ts'
import { name, reason } from '../fields.ts'

export const invitePerson = endpoint({
  says: 'a link with which a person registers a passkey, once; it is shown this once. Somebody new is a change-set first (202), which another person signs. With `replace`, a reason, the passkeys they have are revoked first',
  method: 'POST',
  path: '/v1/invitations',
  caller: 'identity',
  perMinuteMax: 20,
  records: ['link.issued', 'identity.created', 'passkey.revoked', 'passkeys.replaced', 'grant.ended', 'change-set.proposed'],
  takes: 'json',
  bodyBytesMax: 1_024,
  refuses: 'problem',
  input: z.strictObject({ name, replace: reason.optional() }),
  run: async (api, { name, replace }, { caller }) => {
    const invited = replace === undefined ? await invite(api.desk, caller, name) : await replacePasskeys(api.desk, caller, name, replace)
    if (!invited.ok) return invited.refusal.code === 'invitation.unsigned' ? proposed(api.desk, caller, name) : invited
    const { person, link, expiresAt } = invited.value
    const view: InvitationView = {
      person: person.name,
      link: `${api.desk.pages().origin}/register/${api.handOver(link)}`,
      expiresAt: formatInstant(expiresAt),
    }
    return done(json(view, { status: 201 }))
  },
})

async function proposed(desk: Desk, caller: Caller, name: string): Promise<Result<Answer>> {
  const document = { version: 1, space: desk.space, people: [{ name }] }
  const made = await proposeChange(desk, caller, { document, reason: `${caller.actor.name} invites ${name}` })
  if (!made.ok) return made
  const { changeSet } = made.value
  // They were let in meanwhile: the same question has another answer now.
  if (changeSet === undefined) return refuse('action.changed', { detail: name })
  const view: InvitationProposedView = { person: name, changeSet: await oneChangeSetView(desk, changeSet) }
  return done(json(view, { status: 202 }))
}
