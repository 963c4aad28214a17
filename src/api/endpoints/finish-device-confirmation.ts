/** POST /pages/device/finish: a person's signature that a command line is theirs. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { confirmDevice } from '../../control/device-sign-in.ts'
import type { DeviceConfirmedView } from '../../wire/pages.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { challenge, jsonObject } from '../fields.ts'

export const finishDeviceConfirmation = endpoint({
  says: 'takes the signature; the command line then gets a token for the person',
  method: 'POST',
  path: '/pages/device/finish',
  caller: 'person',
  perMinuteMax: 30,
  records: ['person.signed-in'],
  takes: 'json',
  bodyBytesMax: 65_536,
  refuses: 'problem',
  input: z.strictObject({ challenge, response: jsonObject }),
  run: async (api, { challenge, response }, { person }) => {
    const confirmed = await confirmDevice(api.desk, person, { challenge, response })
    return confirmed.ok ? done(json({ confirmed: true } satisfies DeviceConfirmedView)) : confirmed
  },
})
