/** POST /pages/sign-in/begin: a question that any passkey of this site may answer. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { beginSignIn as begin } from '../../control/people.ts'
import type { SignatureQuestion } from '../../wire/pages.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { requestOptions } from '../pages/passkey-options.ts'

export const beginSignIn = endpoint({
  says: 'a question that any passkey registered here may answer',
  method: 'POST',
  path: '/pages/sign-in/begin',
  caller: 'nobody',
  perMinuteMax: 60,
  records: { nothing: 'a question is forgotten after five minutes' },
  takes: 'json',
  bodyBytesMax: 1_024,
  refuses: 'problem',
  input: z.strictObject({}),
  run: async (api) => {
    const begun = await begin(api.desk)
    if (!begun.ok) return begun
    const { challenge } = begun.value
    return done(
      json({
        challenge,
        publicKey: requestOptions({ challenge, rpId: api.desk.pages().rpId, credentialIds: [] }),
      } satisfies SignatureQuestion),
    )
  },
})
