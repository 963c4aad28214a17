/** The page of one exception: who wants to keep what, why, how far it reaches, the way out, and where it is answered. */
import type { Instant, Milliseconds } from '../../kernel/instants.ts'
import { formatDuration } from '../../kernel/instants.ts'
import type { Desk } from '../../control/desk.ts'
import { blastInWords } from '../../control/exception-words.ts'
import { answerableException } from '../../control/exceptions.ts'
import type { Approval } from '../../model/grants.ts'
import type { Identity, StandingException } from '../../model/identities.ts'
import { nameOf } from '../views.ts'
import { answerForm, answersSoFar, type Question, until, when } from './answering.ts'
import { chainList } from './chain.ts'
import { html, type Html } from './html.ts'
import { badge, layout, row } from './layout.ts'
import { narrowedLine, scopeLine } from './request-page.ts'
import { visible, visibleBlock } from './visible.ts'
import { deskActionInWords, harmInWords } from './words.ts'

export interface ExceptionShown {
  readonly exception: StandingException
  readonly approvals: readonly Approval[]
  readonly person: Identity
  readonly now: Instant
}

const stateKinds: Readonly<Record<StandingException['state'], string>> = {
  proposed: 'warn',
  active: 'bad',
  ended: '',
  denied: '',
  withdrawn: '',
}

export function exceptionPage(desk: Desk, { exception, approvals, person, now }: ExceptionShown): Html {
  const { id, identity, owner, state, reason, digest, answerBy } = exception
  const name = nameOf(desk, identity)
  const subject = answerableException(desk.facts, exception)
  const isOpen = state === 'proposed' && now < answerBy
  const question: Question = { id, subject, digest, approvals, isOpen, answerBy, now }
  return layout({
    title: `A standing privilege of ${name}`,
    person: person.name,
    main: html`<p class="eyebrow">Exception <code>${id}</code></p>
<h1>${name} ${state === 'active' ? 'keeps' : 'is to keep'} a standing privilege ${badge(state, stateKinds[state])}</h1>
<section class="card"><h2>Who, and why</h2>${chainList(desk, [identity])}
${visibleBlock(reason)}
<dl>${row('Answers for it', html`<b>${nameOf(desk, owner)}</b>`)}
${row('Proposed by', visible(exception.proposedBy.name), html` <span class="muted">${when(exception.createdAt)}</span>`)}
${renewal(exception)}</dl></section>
<section class="card"><h2>What it permits, without asking again</h2>
${permits(desk, exception)}
<dl>${row('Reaches', blastInWords(exception))}
${row('Tier', html`<b>${exception.blast.tier}</b> <span class="muted">${harmInWords(exception.blast.tier)}</span>`)}
${row(state === 'proposed' ? 'Would end' : 'Ends', state === 'proposed' || state === 'active' ? until(exception.expiresAt, now) : when(exception.expiresAt))}</dl></section>
<section class="card"><h2>The way out</h2><ol class="scope">${exception.remediation.map(
      ({ says, done }) =>
        html`<li>${visible(says)} ${done === undefined ? badge('to do', 'warn') : html`${badge('done', 'good')} <span class="muted">by ${visible(done.by)}, ${when(done.at)}</span>`}</li>`,
    )}</ol></section>
<section class="card"><h2>Where it stands</h2><dl>
${answersSoFar(desk, question)}
${history(exception, now)}</dl></section>
${answerForm(desk, person, question, narrowing(exception, now))}`,
  })
}

function permits(desk: Desk, { scope, deskActions }: StandingException): Html {
  if (scope.length > 0) return html`<ol class="scope">${scope.map((entry) => scopeLine(desk, entry))}</ol>`
  return html`<ol class="scope">${deskActions.map((action) => html`<li><p class="line">${deskActionInWords(action)}</p></li>`)}</ol>`
}

function renewal({ renews, renewals, standingSince }: StandingException): Html | undefined {
  if (renews === undefined) return undefined
  const times = renewals === 1 ? 'once' : `${renewals} times in a row`
  return row(
    'Renews',
    html`<a href="/exceptions/${renews}"><code>${renews}</code></a>`,
    html` <span class="problem">renewed ${times}, standing since ${when(standingSince ?? 0)}</span>`,
  )
}

function history({ state, answerBy, approvedAt, grant, ending }: StandingException, now: Instant): Html {
  return html`${state === 'proposed' ? row('Waits until', until(answerBy, now)) : false}
${approvedAt === undefined ? false : row('Approved', when(approvedAt))}
${grant === undefined ? false : row('Permits through', html`<a href="/requests/${grant}"><code>${grant}</code></a>`)}
${ending === undefined ? false : row('Came to', html`${ending.how} by ${visible(ending.by)}: ${visible(ending.reason)}`)}`
}

const lengths: readonly Milliseconds[] = [1, 3, 7, 14, 30, 60].map((days) => days * 86_400_000)

/** An earlier end, fewer lines, fewer uses: never more. */
function narrowing({ scope, deskActions, expiresAt }: StandingException, now: Instant): Html {
  const shorter = lengths.filter((length) => now + length < expiresAt).toReversed()
  const duration = html`<label class="field"><span>Ends</span><select name="duration"><option value="">as proposed</option>${shorter.map((length) => html`<option value="${formatDuration(length)}">${formatDuration(length)} from now</option>`)}</select></label>`
  const lines =
    scope.length > 0
      ? scope.map((entry, line) => narrowedLine(entry, line, scope.length > 1))
      : deskActions.map(
          (action, line) =>
            html`<div class="line-field">${deskActions.length > 1 ? html`<label class="check"><input type="checkbox" name="line" value="${line}" checked><span>${deskActionInWords(action)}</span></label>` : html`<span class="check">${deskActionInWords(action)}</span>`}</div>`,
        )
  return html`<fieldset><legend>You may allow less</legend>${duration}<div class="lines">${lines}</div></fieldset>`
}
