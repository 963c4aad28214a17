/** GET /v1/holds: held actions that the caller may see, in order of id. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { maySee } from '../../control/rights.ts'
import { holdLife } from '../../model/lives.ts'
import type { HoldList } from '../../wire/holds.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { count, id } from '../fields.ts'
import { findGrant } from '../grants.ts'
import { type HoldOfGrant, holdViews } from '../hold-views.ts'
import { findSeen } from '../listing.ts'
import { stateList } from '../state-list.ts'

export const listHolds = endpoint({
  says: 'held actions under grants that the caller may see; `state` may be several, with commas',
  method: 'GET',
  path: '/v1/holds',
  caller: 'identity',
  perMinuteMax: 300,
  records: { nothing: 'it shows what the caller may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ state: stateList(holdLife).optional(), after: id('hld').optional(), max: count(1, 200).optional() }),
  run: async (api, { state, after, max = 50 }, { caller }) => {
    const read = async (page: { readonly max: number; readonly after?: string }) => {
      const holds = await api.desk.store.read((tx) => tx.find('hold', state === undefined ? {} : { state }, page))
      return Promise.all(holds.map(async (hold) => ({ id: hold.id, hold, grant: await findGrant(api.desk, hold.grant) })))
    }
    const { found, next } = await findSeen(read, ({ grant }) => grant !== undefined && maySee(api.desk, caller, grant.chain), {
      max,
      ...(after === undefined ? {} : { after }),
    })
    const seen = found.flatMap(({ hold, grant }): HoldOfGrant[] => (grant === undefined ? [] : [{ hold, grant }]))
    return done(json({ holds: await holdViews(api.desk, seen), ...(next === undefined ? {} : { next }) } satisfies HoldList))
  },
})
