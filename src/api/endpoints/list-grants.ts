/** GET /v1/grants: the grants that the caller may see, in order of id. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { maySee } from '../../control/rights.ts'
import { activeExceptions } from '../../control/standing.ts'
import { grantLife } from '../../model/lives.ts'
import type { GrantList } from '../../wire/grants.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { exceptionViews } from '../exception-views.ts'
import { count, flag, id } from '../fields.ts'
import { grantViews } from '../grant-views.ts'
import { findSeen } from '../listing.ts'
import { stateList } from '../state-list.ts'

export const listGrants = endpoint({
  says: 'own grants, those of identities the caller owns, and all of them for whoever may audit; `state` may be several, with commas',
  method: 'GET',
  path: '/v1/grants',
  caller: 'identity',
  perMinuteMax: 300,
  records: { nothing: 'it shows what the caller may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({
    state: stateList(grantLife).optional(),
    mine: flag.optional(),
    after: id('grn').optional(),
    max: count(1, 200).optional(),
  }),
  run: async (api, { state, mine, after, max = 50 }, { caller }) => {
    const by = { ...(state === undefined ? {} : { state }), ...(mine === true ? { actor: caller.actor.id } : {}) }
    const { found, next } = await findSeen(
      (page) => api.desk.store.read((tx) => tx.find('grant', by, page)),
      (grant) => maySee(api.desk, caller, grant.chain),
      { max, ...(after === undefined ? {} : { after }) },
    )
    const grants = await grantViews(api.desk, found)
    const standing = after === undefined && state?.includes('active') !== false ? activeExceptions(api.desk, caller, mine === true) : []
    const exceptions = standing.length === 0 ? {} : { exceptions: await exceptionViews(api.desk, standing) }
    return done(json({ ...exceptions, grants, ...(next === undefined ? {} : { next }) } satisfies GrantList))
  },
})
