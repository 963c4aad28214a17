/** What waits for this person's answer. */
import type { Instant } from '../../kernel/instants.ts'
import type { Identity } from '../../model/identities.ts'
import { until } from './answering.ts'
import { html, type Html } from './html.ts'
import { layout } from './layout.ts'
import type { WaitingItem } from './waiting-items.ts'

export interface Waiting {
  readonly items: readonly WaitingItem[]
  readonly person: Identity
  readonly now: Instant
}

export function waitingPage({ items, person, now }: Waiting): Html {
  return layout({
    title: 'Waiting for an answer',
    person: person.name,
    main: html`<h1>Waiting for your answer</h1>
${items.length === 0 ? html`<section class="card"><p>Nothing. Requests, held actions and proposed changes that you may answer appear here.</p></section>` : false}
${items.map(({ page, words, answerBy }) => html`<a class="card item" href="${page}">${words}<span>${until(answerBy, now)}</span></a>`)}`,
  })
}
