/** POST /oauth/device_authorization: a command line asks its person to sign in (RFC 8628). */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { startDeviceSignIn as start } from '../../control/device-sign-in.ts'
import type { DeviceAuthorizationAnswer } from '../../wire/tokens.ts'
import { json } from '../answers.ts'
import { pollInterval } from '../device-polls.ts'
import { endpoint } from '../endpoint.ts'

export const startDeviceSignIn = endpoint({
  says: 'a command line asks its person to sign in: a code for the terminal, and the page where it is confirmed (RFC 8628)',
  method: 'POST',
  path: '/oauth/device_authorization',
  caller: 'nobody',
  perMinuteMax: 20,
  records: { nothing: 'the question is forgotten after ten minutes; its confirmation is recorded as person.signed-in' },
  takes: 'form',
  bodyBytesMax: 1_024,
  refuses: 'oauth',
  input: z.strictObject({ client_id: z.string().max(100).optional() }),
  run: async (api, _input, from) => {
    const started = await start(api.desk, from.address)
    if (!started.ok) return started
    const { userCode, expiresAt } = started.value
    const uri = `${api.desk.pages().origin}/device`
    return done(
      json({
        device_code: api.handOver(started.value.deviceCode),
        user_code: userCode,
        verification_uri: uri,
        verification_uri_complete: `${uri}?code=${encodeURIComponent(userCode)}`,
        expires_in: Math.floor((expiresAt - from.at) / 1_000),
        interval: pollInterval / 1_000,
      } satisfies DeviceAuthorizationAnswer),
    )
  },
})
