/** POST /pages/device/begin: which command line asks, and the question its person signs. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { prepareDeviceConfirmation } from '../../control/device-sign-in.ts'
import type { DeviceQuestion } from '../../wire/pages.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { requestOptions } from '../pages/passkey-options.ts'

export const beginDeviceConfirmation = endpoint({
  says: 'where a command line was started, and the question its person signs',
  method: 'POST',
  path: '/pages/device/begin',
  caller: 'person',
  perMinuteMax: 20,
  records: { nothing: 'a question is forgotten after ten minutes; the confirmation is recorded' },
  takes: 'json',
  bodyBytesMax: 1_024,
  refuses: 'problem',
  input: z.strictObject({ code: z.string().max(20) }),
  run: async (api, { code }, { person }) => {
    const prepared = await prepareDeviceConfirmation(api.desk, person, code.trim())
    if (!prepared.ok) return prepared
    const { challenge, credentialIds, address } = prepared.value
    const publicKey = requestOptions({ challenge, rpId: api.desk.pages().rpId, credentialIds })
    return done(json({ challenge, publicKey, address } satisfies DeviceQuestion))
  },
})
