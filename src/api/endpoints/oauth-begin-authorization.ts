/** POST /pages/authorize/begin: the question that a person signs to let a client act as an agent of theirs. */
import { z } from 'zod'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { prepareAuthorization } from '../../control/authorization-code.ts'
import type { SignatureQuestion } from '../../wire/pages.ts'
import { json } from '../answers.ts'
import { readAskedText, requestText } from '../authorizations.ts'
import { endpoint } from '../endpoint.ts'
import { name } from '../fields.ts'
import { requestOptions } from '../pages/passkey-options.ts'

export const beginAuthorization = endpoint({
  says: 'the question that a person signs to let a client act as an agent of theirs',
  method: 'POST',
  path: '/pages/authorize/begin',
  caller: 'person',
  perMinuteMax: 30,
  records: { nothing: 'a question is forgotten after five minutes; the yes is recorded' },
  takes: 'json',
  bodyBytesMax: 16_384,
  refuses: 'problem',
  input: z.strictObject({ request: requestText, agent: name }),
  run: async (api, { request, agent }, { person }) => {
    const asking = await readAskedText(api, request)
    if (!asking.ok) return asking
    const { read } = asking.value
    if (read.kind === 'unfit') return refuse('client.invalid', { detail: read.says })
    const prepared = await prepareAuthorization(api.desk, person, read.request, agent)
    if (!prepared.ok) return prepared
    const { challenge, credentialIds } = prepared.value
    const publicKey = requestOptions({ challenge, rpId: api.desk.pages().rpId, credentialIds })
    return done(json({ challenge, publicKey } satisfies SignatureQuestion))
  },
})
