/** GET /register/:link: where an invited person registers a passkey. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { beginRegistration } from '../../control/people.ts'
import { page } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { link } from '../fields.ts'
import { registrationPage } from '../pages/entry-pages.ts'

export const openRegistrationPage = endpoint({
  says: 'where the holder of a one-time link registers a passkey',
  method: 'GET',
  path: '/register/:link',
  caller: 'nobody',
  perMinuteMax: 30,
  records: { nothing: 'the link is not used by looking at it' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'page',
  input: z.strictObject({ link }),
  run: async (api, { link }) => {
    const begun = await beginRegistration(api.desk, { link })
    if (begun.ok) return done(page(registrationPage({ link, name: begun.value.person.name })))
    // A good link whose holder must first choose a name: nobody but the first administrator.
    return begun.refusal.code === 'input.invalid' ? done(page(registrationPage({ link }))) : begun
  },
})
