/** POST /pages/sign-in/finish: a person is signed in to the pages, for an hour. */
import { z } from 'zod'
import { formatInstant } from '../../kernel/instants.ts'
import { done } from '../../kernel/result.ts'
import { finishSignIn as finish } from '../../control/people.ts'
import type { SignedInView } from '../../wire/pages.ts'
import { json } from '../answers.ts'
import { personCookie } from '../cookies.ts'
import { endpoint } from '../endpoint.ts'
import { challenge, jsonObject } from '../fields.ts'

export const finishSignIn = endpoint({
  says: 'signs a person in by the answer of a passkey; the cookie is a new one each time',
  method: 'POST',
  path: '/pages/sign-in/finish',
  caller: 'nobody',
  perMinuteMax: 60,
  records: ['person.signed-in'],
  takes: 'json',
  bodyBytesMax: 65_536,
  refuses: 'problem',
  input: z.strictObject({ challenge, response: jsonObject }),
  run: async (api, { challenge, response }, { at: now }) => {
    const signedIn = await finish(api.desk, { challenge, response })
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
