/** GET /v1/change-sets: proposed and past changes of configuration, in order of id. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { maySeeChangeSet } from '../../control/change-sets.ts'
import { changeSetLife } from '../../model/lives.ts'
import type { ChangeSetList } from '../../wire/configuration.ts'
import { json } from '../answers.ts'
import { changeSetViews } from '../change-set-views.ts'
import { endpoint } from '../endpoint.ts'
import { count, id } from '../fields.ts'
import { findSeen } from '../listing.ts'
import { stateList } from '../state-list.ts'

export const listChangeSets = endpoint({
  says: 'change-sets that the caller authored, or all of them to whoever audits or administers; `state` may be several, with commas',
  method: 'GET',
  path: '/v1/change-sets',
  caller: 'identity',
  perMinuteMax: 300,
  records: { nothing: 'it shows what the caller may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ state: stateList(changeSetLife).optional(), after: id('chg').optional(), max: count(1, 100).optional() }),
  run: async ({ desk }, { state, after, max = 20 }, { caller }) => {
    const { found, next } = await findSeen(
      (page) => desk.store.read((tx) => tx.find('changeSet', state === undefined ? {} : { state }, page)),
      (set) => maySeeChangeSet(desk, caller, set),
      { max, ...(after === undefined ? {} : { after }) },
    )
    const view: ChangeSetList = { changeSets: await changeSetViews(desk, found), ...(next === undefined ? {} : { next }) }
    return done(json(view))
  },
})
