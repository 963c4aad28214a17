/** POST /pages/authorize/finish: takes the signature, and says where the browser takes the code. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { allowClient } from '../../control/authorization-code.ts'
import type { AuthorizedView } from '../../wire/pages.ts'
import { json } from '../answers.ts'
import { backTo } from '../authorizations.ts'
import { endpoint } from '../endpoint.ts'
import { challenge, jsonObject } from '../fields.ts'

export const finishAuthorization = endpoint({
  says: 'takes the signature; the client then gets a code, which it redeems within a minute',
  method: 'POST',
  path: '/pages/authorize/finish',
  caller: 'person',
  perMinuteMax: 30,
  records: ['credential.authorized'],
  takes: 'json',
  bodyBytesMax: 65_536,
  refuses: 'problem',
  input: z.strictObject({ challenge, response: jsonObject }),
  run: async (api, { challenge, response }, { person }) => {
    const allowed = await allowClient(api.desk, person, { challenge, response })
    if (!allowed.ok) return allowed
    const { code, back } = allowed.value
    return done(json({ to: backTo(api, back, { code: api.handOver(code) }) } satisfies AuthorizedView))
  },
})
