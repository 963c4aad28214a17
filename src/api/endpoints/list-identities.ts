/** GET /v1/identities: those that the caller may see. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { maySee } from '../../control/rights.ts'
import type { IdentityList } from '../../wire/identities.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { identityView } from '../views.ts'

export const listIdentities = endpoint({
  says: 'the caller, the identities it owns, and all of them for whoever may audit',
  method: 'GET',
  path: '/v1/identities',
  caller: 'identity',
  perMinuteMax: 120,
  records: { nothing: 'it shows what the caller may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({}),
  run: (api, _input, { caller }) => {
    const seen = [...api.desk.facts.identities()].filter((identity) => maySee(api.desk, caller, [identity.id]))
    const identities = seen.map((identity) => identityView(api.desk, identity)).toSorted((a, b) => (a.name < b.name ? -1 : 1))
    return done(json({ identities } satisfies IdentityList))
  },
})
