/** GET /waiting: what waits for this person's answer. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { answerableGrant, answerableHold, mayAnswer } from '../../control/rights.ts'
import { page } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { waitingPage } from '../pages/waiting-page.ts'
import { nameOf } from '../views.ts'

const shownMax = 200

export const openWaitingPage = endpoint({
  says: 'the requests and held actions that the person may answer',
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
    const answered = new Set(
      (await desk.store.read((tx) => tx.find('approval', { person: person.id }, { max: 1_000 }))).map(({ subject }) => subject),
    )
    const pending = [...desk.facts.openGrants()].filter(
      (grant) => grant.state === 'pending' && now < grant.pendingUntil && !answered.has(grant.id),
    )
    const waiting = [...desk.facts.holds()].filter((hold) => hold.state === 'waiting' && now < hold.answerBy && !answered.has(hold.id))
    const grants = pending.filter((grant) => mayAnswer(desk, person, answerableGrant(grant), now).ok).slice(0, shownMax)
    const holds = waiting.filter((hold) => mayAnswer(desk, person, answerableHold(desk, hold), now).ok).slice(0, shownMax)
    const actorOf = (chain: Parameters<typeof nameOf>[1] | undefined) => (chain === undefined ? '' : nameOf(desk, chain))
    const withActors = holds.map((hold) => ({ ...hold, actor: actorOf(desk.facts.grant(hold.grant)?.chain[0]) }))
    return done(page(waitingPage(desk, { grants, holds: withActors, person, now })))
  },
})
