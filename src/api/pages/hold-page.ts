/** The page of one held action, in the order in which a person judges it: who, for what task, exactly what, what is different, yes or no. */
import type { Instant } from '../../kernel/instants.ts'
import type { Result } from '../../kernel/result.ts'
import type { Desk } from '../../control/desk.ts'
import { answerableGrant, answerableHold } from '../../control/rights.ts'
import type { Approval, Grant, Hold } from '../../model/grants.ts'
import type { Identity } from '../../model/identities.ts'
import { holdNameInWords } from '../../wire/definitions.ts'
import type { RecentView } from '../../wire/holds.ts'
import { nameOf } from '../views.ts'
import { answerForm, answersSoFar, type Question, until, when } from './answering.ts'
import { chainList } from './chain.ts'
import { definitionPart } from './definition-part.ts'
import { factList } from './facts.ts'
import { heldRequest } from './held-request.ts'
import { html, type Html } from './html.ts'
import { badge, layout, row } from './layout.ts'
import { recentPart } from './recent-part.ts'
import { personMaySee } from './sight.ts'
import { visible, visibleBlock } from './visible.ts'

export interface HoldShown {
  readonly hold: Hold
  readonly grant: Grant
  readonly approvals: readonly Approval[]
  readonly recent: Result<RecentView>
  readonly person: Identity
  readonly now: Instant
}

const stateKinds: Readonly<Record<string, string>> = {
  waiting: 'warn',
  approved: 'good',
  spent: 'good',
  denied: 'bad',
  expired: '',
  withdrawn: '',
}

export function holdPage(desk: Desk, shown: HoldShown): Html {
  const { hold, grant, approvals, recent, person, now } = shown
  const { action } = hold
  const [first] = grant.chain
  const actor = first === undefined ? '' : nameOf(desk, first)
  const question: Question = {
    id: hold.id,
    subject: answerableHold(desk, hold),
    digest: hold.digest,
    approvals,
    isOpen: hold.state === 'waiting' && now < hold.answerBy,
    answerBy: hold.answerBy,
    now,
  }
  return layout({
    title: `${actor} wants to ${action.effect}`,
    person: person.name,
    main: html`<p class="eyebrow">Held action <code>${hold.id}</code></p>
<h1>${actor} wants to ${action.effect} <em>${action.operation}</em> on ${action.service} ${badge(hold.state, stateKinds[hold.state] ?? '')}</h1>
${question.isOpen ? html`<p>${until(hold.answerBy, now)} · <a href="#answer">to your answer</a></p>` : false}
${taskPart(desk, shown, actor)}
${heldRequest(hold)}
${isHeldForItsTool(hold) ? [definitionPart(hold), recentPart(recent)] : [recentPart(recent), definitionPart(hold)]}
<section class="card" aria-labelledby="why"><h2 id="why">Why it is held, and where it stands</h2>
<dl>${row('Held by', html`<ul class="plain">${hold.policies.map((policy) => heldBy(policy))}</ul>`)}
${answersSoFar(desk, question)}
${history(hold, now)}</dl></section>
${answerForm(desk, person, question, html`<p>A yes lets exactly this request through, once. A changed byte is another request.</p>`)}`,
  })
}

/** A tool that is another than before, or worse than declared, is what the question is about; else its words are only worth knowing. */
function isHeldForItsTool({ action: { definition } }: Hold): boolean {
  return definition?.pinned !== undefined || definition?.worse !== undefined
}

function heldBy(name: string): Html {
  const words = holdNameInWords(name)
  return html`<li><code>${name}</code>${words === `policy ${name}` ? false : html` <span class="muted">${words}</span>`}</li>`
}

function taskPart(desk: Desk, { grant, person, now }: HoldShown, actor: string): Html {
  const id = html`<code>${grant.id}</code>`
  return html`<section class="card" aria-labelledby="task"><h2 id="task">Who, and for what task</h2>${chainList(desk, grant.chain)}
${visibleBlock(grant.task.statement)}
${grant.untrusted === true ? html`<p class="problem">The grant was asked for after ${actor} had read what anybody may have written: the task itself may be somebody else’s wish.</p>` : false}
<p class="muted">These are the words of whoever asked for the grant. Judge what it does, not what it says.</p>
${factList(grant.task)}
<dl>${row('Task', visible(grant.task.kind))}
${row('Under', personMaySee(desk, person, answerableGrant(grant), now) ? html`<a href="/requests/${grant.id}">${id}</a>` : id)}</dl></section>`
}

function history(hold: Hold, now: Instant): Html {
  const { state } = hold
  return html`${row('Held since', when(hold.openedAt))}
${state === 'waiting' && now >= hold.answerBy ? row('To be answered', until(hold.answerBy, now)) : false}
${state === 'approved' && hold.useBy !== undefined ? row('To be used', until(hold.useBy, now)) : false}
${hold.closedAt === undefined ? false : row('Closed', when(hold.closedAt))}
${hold.reason === undefined ? false : row('Because', visible(hold.reason))}`
}
