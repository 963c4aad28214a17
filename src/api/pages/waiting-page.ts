/** What waits for this person's answer. */
import type { Instant } from '../../kernel/instants.ts'
import type { Desk } from '../../control/desk.ts'
import { blastInWords } from '../../control/exception-words.ts'
import { endsSoon } from '../../control/exceptions-sweep.ts'
import type { Identity, StandingException } from '../../model/identities.ts'
import { nameOf } from '../views.ts'
import { until } from './answering.ts'
import { html, type Html } from './html.ts'
import { badge, layout } from './layout.ts'
import type { WaitingItem } from './waiting-items.ts'

export interface Waiting {
  readonly items: readonly WaitingItem[]
  /** What stands and is theirs to see: before what is asked for. */
  readonly standing: readonly StandingException[]
  readonly person: Identity
  readonly now: Instant
}

export function waitingPage(desk: Desk, { items, standing, person, now }: Waiting): Html {
  return layout({
    title: 'Waiting for an answer',
    person: person.name,
    main: html`${standing.length === 0 ? false : standingCard(desk, standing, now)}<h1>Waiting for your answer</h1>
${items.length === 0 ? html`<section class="card"><p>Nothing. Requests, held actions and proposed changes that you may answer appear here.</p></section>` : false}
${items.map(({ page, words, answerBy }) => html`<a class="card item" href="${page}">${words}<span>${until(answerBy, now)}</span></a>`)}`,
  })
}

function standingCard(desk: Desk, standing: readonly StandingException[], now: Instant): Html {
  const lines = standing.map(
    (each) =>
      html`<li><a href="/exceptions/${each.id}"><b>${nameOf(desk, each.identity)}</b> keeps ${blastInWords(each)}</a> ${endsSoon(each, now) ? badge('ends soon', 'bad') : false} <span>${until(each.expiresAt, now)}</span></li>`,
  )
  return html`<section class="card"><h2>Standing privilege</h2><ul class="plain">${lines}</ul></section>
`
}
