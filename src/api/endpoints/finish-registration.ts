/** POST /pages/registration/finish: keeps the passkey, and signs its person in. */
import { z } from 'zod'
import { formatInstant } from '../../kernel/instants.ts'
import { done } from '../../kernel/result.ts'
import { finishRegistration as finish } from '../../control/people.ts'
import type { SignedInView } from '../../wire/pages.ts'
import { json } from '../answers.ts'
import { personCookie } from '../cookies.ts'
import { endpoint } from '../endpoint.ts'
import { challenge, jsonObject, link, words } from '../fields.ts'

export const finishRegistration = endpoint({
  says: 'keeps the passkey, uses the link up, and signs the person in',
  method: 'POST',
  path: '/pages/registration/finish',
  caller: 'nobody',
  perMinuteMax: 30,
  records: ['passkey.registered', 'exception.opened', 'identity.created'],
  takes: 'json',
  bodyBytesMax: 65_536,
  refuses: 'problem',
  input: z.strictObject({ link, name: words(64).optional(), challenge, response: jsonObject }),
  run: async (api, { link, name, challenge, response }, { at: now }) => {
    const signedIn = await finish(api.desk, { link, challenge, response, ...(name === undefined ? {} : { name }) })
    if (!signedIn.ok) return signedIn
    const { person, cookie, expiresAt } = signedIn.value
    const view: SignedInView = { person: person.name, expiresAt: formatInstant(expiresAt) }
    return done(
      json(view, {
        cookie: personCookie(api.handOver(cookie), { expiresAt, now, space: api.desk.space, origin: api.desk.pages().origin }),
      }),
    )
  },
})
