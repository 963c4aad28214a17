/** POST /pages/authorize/deny: the person says no, and the client hears that. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import type { AuthorizedView } from '../../wire/pages.ts'
import { json } from '../answers.ts'
import { backTo, readAskedText, requestText } from '../authorizations.ts'
import { endpoint } from '../endpoint.ts'

export const denyAuthorization = endpoint({
  says: 'the person says no to a client, which hears `access_denied`',
  method: 'POST',
  path: '/pages/authorize/deny',
  caller: 'person',
  perMinuteMax: 30,
  records: { nothing: 'a no changes nothing' },
  takes: 'json',
  bodyBytesMax: 16_384,
  refuses: 'problem',
  input: z.strictObject({ request: requestText }),
  run: async (api, { request }) => {
    const asking = await readAskedText(api, request)
    if (!asking.ok) return asking
    const { read } = asking.value
    const back = read.kind === 'fit' ? read.request : read.back
    return done(
      json({ to: backTo(api, back, { error: 'access_denied', error_description: 'the person said no' }) } satisfies AuthorizedView),
    )
  },
})
