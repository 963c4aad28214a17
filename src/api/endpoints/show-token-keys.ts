/** GET /oauth/jwks: the public keys that Remit's tokens are signed with (RFC 7517). */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'

export const showTokenKeys = endpoint({
  says: 'the public keys that Remit signs its tokens with, as a JWK set',
  method: 'GET',
  path: '/oauth/jwks',
  caller: 'nobody',
  perMinuteMax: 120,
  records: { nothing: 'public keys are for everybody' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'oauth',
  input: z.strictObject({}),
  run: (api) => done(json(api.desk.mint.keys())),
})
