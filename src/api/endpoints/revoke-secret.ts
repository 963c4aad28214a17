/** POST /v1/credentials/:id/revoke: an API secret ends, and every token that rests on it. */
import { z } from 'zod'
import { formatInstant } from '../../kernel/instants.ts'
import { done } from '../../kernel/result.ts'
import { revokeSecret as revoke } from '../../control/credentials.ts'
import type { CredentialView } from '../../wire/identities.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { id } from '../fields.ts'
import { instants, nameOf } from '../views.ts'

export const revokeSecret = endpoint({
  says: 'ends an API secret and every token that rests on it',
  method: 'POST',
  path: '/v1/credentials/:id/revoke',
  caller: 'identity',
  perMinuteMax: 60,
  records: ['credential.revoked'],
  takes: 'json',
  bodyBytesMax: 1_024,
  refuses: 'problem',
  input: z.strictObject({ id: id('crd') }),
  run: async (api, { id }, { caller }) => {
    const revoked = await revoke(api.desk, caller, id)
    if (!revoked.ok) return revoked
    const { identity, createdAt, expiresAt, revokedAt } = revoked.value
    const view: CredentialView = {
      id,
      identity: nameOf(api.desk, identity),
      createdAt: formatInstant(createdAt),
      expiresAt: formatInstant(expiresAt),
      ...instants({ revokedAt }),
    }
    return done(json(view))
  },
})
