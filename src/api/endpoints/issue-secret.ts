/** POST /v1/identities/:name/secrets: a new API secret, shown this once. */
import { z } from 'zod'
import { formatInstant } from '../../kernel/instants.ts'
import { done } from '../../kernel/result.ts'
import { issueSecret as issue } from '../../control/credentials.ts'
import type { SecretView } from '../../wire/identities.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { duration, name } from '../fields.ts'

export const issueSecret = endpoint({
  says: 'a new API secret for an identity that the caller owns or administers; it is shown this once',
  method: 'POST',
  path: '/v1/identities/:name/secrets',
  caller: 'identity',
  perMinuteMax: 20,
  records: ['credential.issued'],
  takes: 'json',
  bodyBytesMax: 1_024,
  refuses: 'problem',
  input: z.strictObject({ name, lifetime: duration }),
  run: async (api, { name, lifetime }, { caller }) => {
    const issued = await issue(api.desk, caller, name, lifetime)
    if (!issued.ok) return issued
    const { credential, secret } = issued.value
    const view: SecretView = {
      credential: credential.id,
      identity: name,
      secret: api.handOver(secret),
      expiresAt: formatInstant(credential.expiresAt),
    }
    return done(json(view, { status: 201 }))
  },
})
