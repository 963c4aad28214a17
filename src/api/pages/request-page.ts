/** The page of one request for a grant: everything a person needs to know before they sign, and what became of it. */
import { formatDuration, formatInstant, type Instant, type Milliseconds } from '../../kernel/instants.ts'
import type { Desk } from '../../control/desk.ts'
import { answerableGrant } from '../../control/rights.ts'
import { describeReading } from '../../control/untrusted.ts'
import { deskServiceName } from '../../model/desk-service.ts'
import type { Approval, Grant, ScopeEntry } from '../../model/grants.ts'
import type { Identity } from '../../model/identities.ts'
import type { UntrustedReading } from '../../model/untrusted.ts'
import type { Service } from '../../model/services.ts'
import { nameOf } from '../views.ts'
import { answerForm, answersSoFar, type Question, until, when } from './answering.ts'
import { chainList } from './chain.ts'
import { factList } from './facts.ts'
import { html, type Html } from './html.ts'
import { badge, layout, row } from './layout.ts'
import { visible, visibleBlock } from './visible.ts'
import { limitsInWords, routesOf, scopeInWords, tierInWords } from './words.ts'

export interface RequestShown {
  readonly grant: Grant
  readonly approvals: readonly Approval[]
  /** What somebody of its chain has read that anybody may have written. */
  readonly read: UntrustedReading | undefined
  readonly person: Identity
  readonly now: Instant
}

const stateKinds: Readonly<Record<string, string>> = {
  pending: 'warn',
  approved: 'good',
  active: 'good',
  denied: 'bad',
  ended: '',
  withdrawn: '',
  unclaimed: '',
}

export function requestPage(desk: Desk, { grant, approvals, read, person, now }: RequestShown): Html {
  const [first] = grant.chain
  const actor = first === undefined ? '' : nameOf(desk, first)
  const question: Question = {
    id: grant.id,
    subject: answerableGrant(grant),
    digest: grant.digest,
    approvals,
    isOpen: grant.state === 'pending' && now < grant.pendingUntil,
    answerBy: grant.pendingUntil,
    now,
  }
  return layout({
    title: `${actor} asks for a grant`,
    person: person.name,
    main: html`<p class="eyebrow">Request <code>${grant.id}</code></p>
<h1>${actor} asks to work on <em>${visible(grant.task.kind)}</em> ${badge(grant.state, stateKinds[grant.state] ?? '')}</h1>
<section class="card"><h2>Who, and why</h2>${chainList(desk, grant.chain)}
${visibleBlock(grant.task.statement)}
${grant.untrusted === true ? html`<p class="problem">It asked after it had read what anybody may have written: this may be somebody else’s wish.${read === undefined ? false : ` ${describeReading(desk, read)}.`}</p>` : false}
<p class="muted">These are the words of ${actor}. Judge what it may do, not what it says.</p>
${factList(grant.task)}</section>
<section class="card"><h2>What it may do</h2>
<ol class="scope">${grant.scope.map((entry) => scopeLine(desk, entry))}</ol>
<dl>${grant.continues === undefined ? false : row('On top of', html`<a href="/requests/${grant.continues}"><code>${grant.continues}</code></a> <span class="muted">${moreTime(desk, grant)}</span>`)}
${row('For', formatDuration(grant.duration), grant.continues !== undefined ? html` <span class="muted">more</span>` : grant.durationMax > grant.duration ? html` <span class="muted">from when it is claimed; ${formatDuration(grant.durationMax)} at most, extensions included</span>` : html` <span class="muted">from when it is claimed; it cannot be extended</span>`)}
${row('Tier', html`<b>${grant.tier}</b> <span class="muted">${tierInWords(grant.tier)}</span>`)}</dl></section>
<section class="card"><h2>Where it stands</h2><dl>
${grant.exception === undefined ? false : row('Exception', html`<a href="/exceptions/${grant.exception}"><code>${grant.exception}</code></a> <span class="problem">this is a standing privilege</span>`)}
${grant.policies.length === 0 ? false : row('Eligible by', html`<ul class="plain">${grant.policies.map((policy) => html`<li><code>${policy}</code></li>`)}</ul>`)}
${answersSoFar(desk, question)}
${history(grant, now)}</dl></section>
${answerForm(desk, person, question, narrowing(grant))}`,
  })
}

/** What the time is added to: the grant that runs, and when it would end without a yes. */
function moreTime(desk: Pick<Desk, 'facts'>, { continues }: Grant): string {
  const running = continues === undefined ? undefined : desk.facts.grant(continues)
  return running?.expiresAt === undefined ? 'which has ended' : `which ends ${formatInstant(running.expiresAt)} unless this is approved`
}

/** One line in words, with the operations that it opens. */
export function scopeLine(desk: Pick<Desk, 'facts'>, entry: ScopeEntry): Html {
  const [service = ''] = entry.resource.split('/')
  const known = desk.facts.service(service)
  return html`<li><p class="line">${visible(scopeInWords(entry))} ${limitsInWords(entry).map((limit) => badge(limit, ''))}</p>${operations(entry, known)}</li>`
}

function operations(entry: ScopeEntry, service: Service | undefined): Html | undefined {
  const routes = routesOf(entry, service)
  if (service === undefined || routes.length === 0) return undefined
  const shown = routes.map(
    (route) =>
      html`<li><code>${route.method} ${route.path}</code> <span class="muted">${route.name}, ${route.effect}, tier ${route.tier}</span></li>`,
  )
  const listed = html`<ul class="plain operations">${shown}</ul>`
  if (routes.length <= shownMax) return listed
  return html`<details><summary>${routes.length} operations in ${service.environment}</summary>${listed}</details>`
}

/** More operations than this are folded away. */
const shownMax = 8

function history(grant: Grant, now: Instant): Html {
  const { ending, state } = grant
  return html`${row('Asked', when(grant.requestedAt))}
${state === 'pending' ? row('Waits until', until(grant.pendingUntil, now)) : false}
${state === 'approved' && grant.claimBy !== undefined ? row('To be claimed', until(grant.claimBy, now)) : false}
${state === 'active' && grant.expiresAt !== undefined ? row('Ends', until(grant.expiresAt, now)) : false}
${ending === undefined ? false : row('Came to', html`${ending.how} by ${visible(ending.by)}: ${visible(ending.reason)}`)}`
}

const lengths: readonly Milliseconds[] = [5, 10, 15, 30, 60, 120, 240].map((minutes) => minutes * 60_000)

/** Less time, fewer lines, fewer uses: never more. */
function narrowing(grant: Grant): Html {
  const shorter = lengths.filter((length) => length < grant.duration).toReversed()
  const duration = html`<label class="field"><span>Time</span><select name="duration"><option value="">${formatDuration(grant.duration)}, as asked</option>${shorter.map((length) => html`<option value="${formatDuration(length)}">${formatDuration(length)}</option>`)}</select></label>`
  if (grant.continues !== undefined) return html`<fieldset><legend>You may allow less</legend>${duration}</fieldset>`
  return html`<fieldset><legend>You may allow less</legend>${duration}
<div class="lines">${grant.scope.map((entry, line) => narrowedLine(entry, line, grant.scope.length > 1))}</div></fieldset>`
}

/** The fields with which one line is taken away, or what it counts is made less. */
export function narrowedLine(entry: ScopeEntry, line: number, mayGo: boolean): Html {
  const words = html`<span>${visible(scopeInWords(entry))}</span>`
  const kept = mayGo
    ? html`<label class="check"><input type="checkbox" name="line" value="${line}" checked>${words}</label>`
    : html`<span class="check">${words}</span>`
  const uses =
    entry.uses === undefined
      ? html`<label class="uses"><input type="number" name="uses-${line}" min="1" max="100000" placeholder="any" inputmode="numeric"> uses</label>`
      : limitField(`uses-${line}`, entry.uses, `of ${entry.uses} uses`)
  const { sum, rate } = entry
  const isDesk = entry.resource.startsWith(`${deskServiceName}/`)
  const sums = sum === undefined ? false : limitField(`sums-${line}`, sum.atMost, `of ${sum.argument} ${sum.atMost} in all`)
  const rates = rate === undefined ? false : limitField(`rates-${line}`, rate.atMost, `of ${rate.atMost} in ${formatDuration(rate.window)}`)
  const where = isDesk
    ? false
    : html`<label class="uses"><input type="text" name="where-${line}" maxlength="1000" placeholder="such as amount<=50" autocomplete="off" spellcheck="false"> only where</label>`
  return html`<div class="line-field">${kept}${uses}${sums}${rates}${where}</div>`
}

function limitField(name: string, most: number, words: string): Html {
  return html`<label class="uses"><input type="number" name="${name}" min="1" max="${most}" value="${most}" data-asked="${most}" inputmode="numeric"> ${visible(words)}</label>`
}
