/** POST /pages/registration/begin: what the browser needs to make a passkey. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { beginRegistration as begin } from '../../control/people.ts'
import type { CreationQuestion } from '../../wire/pages.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { link, words } from '../fields.ts'
import { creationOptions } from '../pages/passkey-options.ts'

export const beginRegistration = endpoint({
  says: 'what a browser needs to make a passkey for the holder of a link',
  method: 'POST',
  path: '/pages/registration/begin',
  caller: 'nobody',
  perMinuteMax: 30,
  records: { nothing: 'a question is forgotten after five minutes' },
  takes: 'json',
  bodyBytesMax: 2_048,
  refuses: 'problem',
  input: z.strictObject({ link, name: words(64).optional() }),
  run: async (api, { link, name }) => {
    const begun = await begin(api.desk, { link, ...(name === undefined ? {} : { name }) })
    if (!begun.ok) return begun
    const { challenge, person } = begun.value
    const { rpId } = api.desk.pages()
    return done(json({ challenge, publicKey: creationOptions({ challenge, rpId, person }) } satisfies CreationQuestion))
  },
})
