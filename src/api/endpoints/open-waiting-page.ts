/** GET /waiting: what waits for this person's answer. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { deskAllows } from '../../control/desk.ts'
import { partiesOf } from '../../control/exceptions.ts'
import { isParty, mayAnswer } from '../../control/rights.ts'
import { byReach } from '../../control/standing.ts'
import { page } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { type WaitingItem, waitingItems } from '../pages/waiting-items.ts'
import { waitingPage } from '../pages/waiting-page.ts'

const shownMax = 200

export const openWaitingPage = endpoint({
  says: 'the requests, held actions and proposed changes that the person may answer',
  method: 'GET',
  path: '/waiting',
  caller: 'person',
  perMinuteMax: 120,
  records: { nothing: 'it shows what the person may answer' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'page',
  input: z.strictObject({}),
  run: async (api, _input, { person, at: now }) => {
    const { desk } = api
    const answered = new Set<string>(
      (await desk.store.read((tx) => tx.find('approval', { person: person.id }, { max: 1_000 }))).map(({ subject }) => subject),
    )
    const items: WaitingItem[] = []
    for (const item of waitingItems(desk, now)) {
      if (items.length === shownMax) break
      if (!answered.has(item.id) && mayAnswer(desk, person, item.answerable, now).ok) items.push(item)
    }
    const seesAll = deskAllows(desk, person, 'audit', now).ok
    const standing = [...desk.facts.exceptions()]
      .filter((each) => each.state === 'active' && now < each.expiresAt)
      .filter((each) => seesAll || isParty(desk, { actor: person }, partiesOf(desk.facts, each)))
      .toSorted(byReach)
      .slice(0, shownMax)
    return done(page(waitingPage(desk, { items, standing, person, now })))
  },
})
