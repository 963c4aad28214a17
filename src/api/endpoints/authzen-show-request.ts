/** GET /access/v1/requests/:id: what became of an access request of AuthZEN's draft profile. */
import { z } from 'zod'
import { maySee } from '../../control/rights.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { json } from '../answers.ts'
import { accessTask } from '../authzen/access-tasks.ts'
import { endpoint } from '../endpoint.ts'
import { id } from '../fields.ts'
import { findGrant } from '../grants.ts'

export const showAccessRequest = endpoint({
  says: 'AuthZEN, draft profile for access requests: whether the grant that was asked for is pending, approved or denied',
  method: 'GET',
  path: '/access/v1/requests/:id',
  caller: 'identity',
  perMinuteMax: 120,
  records: { nothing: 'it shows what the caller may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  speaks: 'authzen',
  input: z.strictObject({ id: id('grn') }),
  run: async (api, { id }, { caller }) => {
    const grant = await findGrant(api.desk, id)
    return grant === undefined || !maySee(api.desk, caller, grant.chain) ? refuse('not-found') : done(json(accessTask(api.desk, grant)))
  },
})
