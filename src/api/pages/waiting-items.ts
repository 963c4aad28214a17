/** What waits for people's answers, kind by kind: who may answer, until when, and how it looks in the list. */
import type { Instant } from '../../kernel/instants.ts'
import { answerableChangeSet } from '../../control/change-set-price.ts'
import { blastInWords } from '../../control/exception-words.ts'
import type { Desk } from '../../control/desk.ts'
import { answerableException } from '../../control/exceptions.ts'
import { type Answerable, answerableGrant, answerableHold } from '../../control/rights.ts'
import type { Hold } from '../../model/grants.ts'
import { argumentText } from '../../model/scope.ts'
import { nameOf } from '../views.ts'
import { html, type Html } from './html.ts'
import { badge } from './layout.ts'
import { visible } from './visible.ts'
import { limitsInWords, scopeInWords } from './words.ts'

export interface WaitingItem {
  readonly id: string
  readonly answerable: Answerable
  readonly answerBy: Instant
  readonly page: string
  /** What stands in the list; the time that is left comes below it. */
  readonly words: Html
}

/** The most pressing kind first. */
const kinds: readonly ((desk: Desk) => Iterable<WaitingItem>)[] = [holds, changes, exceptions, grants]

/** Everything that waits and has not run out, whoever may answer it. */
export function* waitingItems(desk: Desk, now: Instant): Iterable<WaitingItem> {
  for (const kind of kinds) for (const item of kind(desk)) if (now < item.answerBy) yield item
}

function* holds(desk: Desk): Iterable<WaitingItem> {
  for (const hold of desk.facts.holds()) {
    if (hold.state !== 'waiting') continue
    const { action, answerBy, id } = hold
    const actor = nameOfFirst(desk, desk.facts.grant(hold.grant)?.chain)
    const words = html`<span class="item-head">${badge('held now', 'warn')} <b>${actor}</b> wants to ${action.effect}</span>
<span class="target">${visible(action.target)}</span>${inShort(action.arguments)}`
    yield { id, answerable: answerableHold(desk, hold), answerBy, page: `/holds/${id}`, words }
  }
}

/** Characters: enough to tell two alike apart. */
const shownMax = 100

function inShort(given: Hold['action']['arguments']): Html | false {
  const text = Object.entries(given)
    .map(([name, value]) => `${name} ${argumentText(value).slice(0, shownMax)}`)
    .join(', ')
  if (text === '') return false
  return html`<span class="muted">${visible(text.length <= shownMax ? text : `${text.slice(0, shownMax).replace(/[\ud800-\udbff]$/, '')}…`)}</span>`
}

function* changes(desk: Desk): Iterable<WaitingItem> {
  for (const set of desk.facts.changes.waiting()) {
    const { id, author, changes: lines, expiresAt } = set
    const gravest = lines.find((line) => line.class === set.class)
    const words = html`<span class="item-head">${badge('changes', 'warn')} <b>${visible(author.name)}</b> wants to change the configuration</span>
<span>${gravest === undefined ? '' : visible(`${gravest.kind} ${gravest.name} ${gravest.says}`)}</span>
<span class="muted">${lines.length === 1 ? 'one change' : `${lines.length} changes`}, ${set.class}</span>`
    yield { id, answerable: answerableChangeSet(set), answerBy: expiresAt, page: `/changes/${id}`, words }
  }
}

function* grants(desk: Desk): Iterable<WaitingItem> {
  for (const grant of desk.facts.openGrants()) {
    if (grant.state !== 'pending') continue
    const { task, scope, id } = grant
    const words = html`<span class="item-head">${badge('asks', '')} <b>${nameOfFirst(desk, grant.chain)}</b> for ${visible(task.kind)}</span>
<span>${visible(task.statement)}</span><span class="muted">${scope.map((entry) => [scopeInWords(entry), ...limitsInWords(entry)].join(', ')).join('; ')}</span>`
    yield { id, answerable: answerableGrant(grant), answerBy: grant.pendingUntil, page: `/requests/${id}`, words }
  }
}

/** Privilege that is to stand comes before what is lent for a task. */
function* exceptions(desk: Desk): Iterable<WaitingItem> {
  for (const exception of desk.facts.exceptions()) {
    if (exception.state !== 'proposed') continue
    const { id, reason, answerBy, identity } = exception
    const words = html`<span class="item-head">${badge('standing', 'bad')} <b>${nameOf(desk, identity)}</b> is to keep a privilege${exception.renews === undefined ? false : ', once more'}</span>
<span>${visible(reason)}</span><span class="muted">${blastInWords(exception)}</span>`
    yield { id, answerable: answerableException(desk.facts, exception), answerBy, page: `/exceptions/${id}`, words }
  }
}

function nameOfFirst(desk: Desk, chain: Answerable['chain'] | undefined): string {
  const [first] = chain ?? []
  return first === undefined ? '' : nameOf(desk, first)
}
