/** What waits for this person's answer. */
import type { Instant } from '../../kernel/instants.ts'
import type { Desk } from '../../control/desk.ts'
import type { Grant, Hold } from '../../model/grants.ts'
import type { Identity } from '../../model/identities.ts'
import { nameOf } from '../views.ts'
import { until } from './answering.ts'
import { html, type Html } from './html.ts'
import { badge, layout } from './layout.ts'
import { visible } from './visible.ts'
import { scopeInWords } from './words.ts'

export interface Waiting {
  readonly grants: readonly Grant[]
  readonly holds: readonly (Hold & { readonly actor: string })[]
  readonly person: Identity
  readonly now: Instant
}

export function waitingPage(desk: Desk, { grants, holds, person, now }: Waiting): Html {
  return layout({
    title: 'Waiting for an answer',
    person: person.name,
    main: html`<h1>Waiting for your answer</h1>
${grants.length + holds.length === 0 ? html`<section class="card"><p>Nothing. Requests and held actions that you may answer appear here.</p></section>` : false}
${holds.map(
  (
    hold,
  ) => html`<a class="card item" href="/holds/${hold.id}"><span class="item-head">${badge('held now', 'warn')} <b>${hold.actor}</b> wants to ${hold.action.effect}</span>
<span class="target">${visible(hold.action.target)}</span><span>${until(hold.answerBy, now)}</span></a>`,
)}
${grants.map(
  (
    grant,
  ) => html`<a class="card item" href="/requests/${grant.id}"><span class="item-head">${badge('asks', '')} <b>${actorOf(desk, grant)}</b> for ${visible(grant.task.kind)}</span>
<span>${visible(grant.task.statement)}</span><span class="muted">${grant.scope.map((entry) => scopeInWords(entry)).join('; ')}</span><span>${until(grant.pendingUntil, now)}</span></a>`,
)}`,
  })
}

function actorOf(desk: Desk, grant: Grant): string {
  const [first] = grant.chain
  return first === undefined ? '' : nameOf(desk, first)
}
