/** The part of a page where a person says yes or no: who must, who has, what is signed, and why not if not. */
import { formatDuration, formatInstant, type Instant } from '../../kernel/instants.ts'
import { describeRefusal } from '../../kernel/refusals.ts'
import type { Desk } from '../../control/desk.ts'
import { type Answerable, describeRequirement, isLocked, letInByParty, mayAnswer } from '../../control/rights.ts'
import type { Approval } from '../../model/grants.ts'
import type { Identity } from '../../model/identities.ts'
import { personsWanted } from '../../model/requirements.ts'
import { nameOf } from '../views.ts'
import { html, type Html, type HtmlValue } from './html.ts'
import { badge, progress, row } from './layout.ts'

export interface Question {
  readonly id: string
  readonly subject: Answerable
  readonly digest: string
  readonly approvals: readonly Approval[]
  readonly isOpen: boolean
  readonly answerBy: Instant
  readonly now: Instant
}

/** Who must answer, and who has. */
export function answersSoFar(desk: Desk, question: Question): Html {
  const { subject, approvals, isOpen, now } = question
  const given = approvals.map(
    ({ person, decision, at, narrowing, letInBy }) =>
      html`<li>${badge(decision === 'approve' ? 'yes' : 'no', decision === 'approve' ? 'good' : 'bad')} ${nameOf(desk, person)} <span class="muted">${when(at)}${Object.keys(narrowing).length > 0 ? ', allowing less than was asked' : ''}</span>${letInBy === undefined ? false : html` <span class="problem">let in by ${letInBy} less than a week before, when nobody else could be asked</span>`}</li>`,
  )
  const wanted = personsWanted(subject.requirement)
  const locked = isOpen && isLocked(desk, subject, now)
  return html`${row('Must answer', describeRequirement(subject.requirement), wanted > 1 ? html` <span class="muted">(${wanted} distinct persons)</span>` : false)}
${row('Have answered', approvals.length === 0 ? html`<span class="muted">nobody yet</span>` : html`<ul class="plain">${given}</ul>`)}
${locked ? row('Locked', html`<span class="problem">Nobody who exists could satisfy this now; it stays locked until an administrator names a person.</span>${onlyWaiting(desk, question)}`) : false}`
}

/** Who could once some days have passed. */
function onlyWaiting(desk: Desk, { subject, now }: Question): Html[] {
  const people = [...desk.facts.people()].filter((person) => desk.facts.hasPasskey(person.id))
  return people.flatMap((person) => {
    const may = mayAnswer(desk, person, subject, now)
    return may.ok || may.refusal.code !== 'approval.let-in-lately' ? [] : [html`<p class="muted">${may.refusal.detail ?? ''}</p>`]
  })
}

/** The form that signs, or why this person cannot. `narrowing` are the fields with which a yes takes something away. */
export function answerForm(desk: Desk, person: Identity, question: Question, narrowing: HtmlValue): Html | undefined {
  if (!question.isOpen) return undefined
  const may = mayAnswer(desk, person, question.subject, question.now)
  if (!may.ok) return cannot(describeRefusal(may.refusal))
  if (question.approvals.some((approval) => approval.person === person.id))
    return cannot('you have answered this already; another person must answer')
  const came = letInByParty(desk, person.id, question.subject, question.now)
  return html`<section class="card answer" id="answer" aria-labelledby="your-answer">
<h2 id="your-answer">Your answer</h2>
${came === undefined ? false : html`<p class="problem">${came.by}, who has a part in this, let you in less than a week ago, and nobody else is here who could be asked. Your answer counts, and the ledger says so beside it.</p>`}
<form data-remit="answer" data-subject="${question.id}" data-digest="${question.digest}">
${narrowing}
<p class="muted">With your passkey you sign your decision over this digest${/^(?:grn|exc)_/.test(question.id) ? ', and what you took away' : ''}. The signature is kept in the ledger.</p>
<p><code class="digest">${question.digest}</code></p>
<div class="buttons">
<button type="submit" name="decision" value="approve" class="yes">Approve and sign</button>
<button type="submit" name="decision" value="deny" class="no">Deny and sign</button>
</div>
${progress}
</form>
</section>`
}

function cannot(why: string): Html {
  return html`<section class="card answer" id="answer" aria-labelledby="your-answer"><h2 id="your-answer">You cannot answer this</h2><p>${why.charAt(0).toUpperCase()}${why.slice(1)}.</p></section>`
}

/** An instant with how long that is from now, kept current by the script. */
export function until(instant: Instant, now: Instant): Html {
  const left = Math.max(0, instant - now)
  return html`<span class="left" data-left="${left}">${left === 0 ? 'over' : `${formatDuration(left)} left`}</span> <span class="muted">${when(instant)}</span>`
}

export function when(instant: Instant): Html {
  const text = formatInstant(instant)
  return html`<time datetime="${text}">${text.slice(0, 10)} ${text.slice(11, 19)} UTC</time>`
}
