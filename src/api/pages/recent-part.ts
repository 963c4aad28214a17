/** The part of a held action's page that tells what its actor did before, and what is different now. */
import { describeRefusal } from '../../kernel/refusals.ts'
import type { Result } from '../../kernel/result.ts'
import type { RecentActionView, RecentComparison, RecentValue, RecentView } from '../../wire/holds.ts'
import { countsInWords, type Mark, differenceInWords, differences, lookedInWords, outcomeInWords } from '../../wire/recent-words.ts'
import { html, type Html } from './html.ts'
import { badge } from './layout.ts'
import { visible } from './visible.ts'

/** What could not be looked at is said: nothing on the page is no sign that there was nothing. */
export function recentPart(recent: Result<RecentView>): Html {
  const body = recent.ok
    ? shown(recent.value)
    : html`<p class="problem">This could not be looked at now: ${describeRefusal(recent.refusal)}. It may have done much or nothing.</p>`
  return html`<section class="card" aria-labelledby="before"><h2 id="before">What it did the last times</h2>${body}</section>`
}

function shown(view: RecentView): Html {
  const { actions, actor, resource } = view
  return html`<p><code>${resource}</code> by ${actor}, ${countsInWords(view).join('; ')}.</p>
${comparison(view)}
${actions.length === 0 ? false : html`<h3>The last ${actions.length === 1 ? 'one' : `${actions.length}`}, newest first</h3><ol class="recent">${actions.map(actionItem)}</ol>`}
<p class="muted">${lookedInWords(view).map((says) => html`${sentence(says)} `)}</p>`
}

const marks: Readonly<Record<RecentComparison['is'], Mark>> = {
  beyond: 'bad',
  new: 'warn',
  added: 'warn',
  absent: 'warn',
  within: '',
  seen: '',
  same: '',
}

const marked: Readonly<Record<RecentComparison['is'], string>> = {
  beyond: 'beyond',
  new: 'new',
  added: 'added',
  absent: 'missing',
  within: 'between',
  seen: 'seen',
  same: 'same',
}

function comparison(view: RecentView): Html | false {
  const { compared, comparedWith } = view
  if (comparedWith === 0 && view.actions.length === 0) return false
  if (comparedWith === 0) return html`<p>Nothing like it was let through in what was looked at: there is nothing to compare it with.</p>`
  const others = differences(view)
  const alike = compared.filter((each) => !others.includes(each)).map(({ argument }) => argument)
  const with_ = comparedWith === 1 ? 'the last that was let through' : `the last ${comparedWith} that were let through`
  const head = html`<h3>Beside ${with_}</h3>`
  if (compared.length === 0) return html`${head}<p>It has no arguments, now or then.</p>`
  const list = others.map(
    (each) => html`<li>${badge(marked[each.is], marks[each.is])} <b>${visible(each.argument)}</b> ${difference(each)}</li>`,
  )
  const same =
    alike.length === 0
      ? false
      : html`<p class="muted">As before: ${alike.map((name, place) => html`${place === 0 ? '' : ', '}${visible(name)}`)}.</p>`
  return html`${head}${others.length === 0 ? html`<p>Every argument is as it was before.</p>` : html`<ul class="plain differences">${list}</ul>${same}`}`
}

function difference(each: RecentComparison): Html {
  const now = each.now === undefined ? false : html`is ${valueShown(each.now)} now, `
  return html`${now}${differenceInWords(each, valueShown)}`
}

/** Only what is different from the held call: the rest stands above. */
function actionItem(action: RecentActionView): Html {
  const { says, mark } = outcomeInWords(action)
  const { at, sameGrant, argumentsLeftOut } = action
  const own = action.differs.filter((name) => Object.hasOwn(action.arguments, name))
  const gone = action.differs.filter((name) => !Object.hasOwn(action.arguments, name))
  const values = own.map((name) => html`<li><span class="muted">${visible(name)}</span> ${valueShown(action.arguments[name])}</li>`)
  return html`<li><span class="recent-head"><time datetime="${at}">${at.slice(0, 10)} ${at.slice(11, 19)} UTC</time> ${badge(says, mark)}</span>
${values.length === 0 ? false : html`<ul class="inline">${values}</ul>`}
<p class="muted">${rest(action, gone.length)}${argumentsLeftOut === undefined ? '' : `${argumentsLeftOut} more arguments are not shown. `}${sameGrant ? 'In this task.' : otherTask(action)}</p></li>`
}

function otherTask({ task }: RecentActionView): Html {
  if (task === undefined) return html`In no task.`
  const statement = task.statement === undefined ? false : html`, “${visible(short(task.statement))}”`
  return html`In another task: ${visible(task.kind)}${statement}.`
}

function rest({ arguments: given, differs }: RecentActionView, gone: number): string {
  const count = Object.keys(given).length
  if (count === 0 && differs.length === 0) return 'Without arguments. '
  if (differs.length === 0) return 'Exactly these arguments. '
  const shared = count > differs.length - gone ? 'Everything else as now. ' : ''
  return gone === 0 ? shared : `${shared}${gone === 1 ? 'One argument of now was' : `${gone} arguments of now were`} not given. `
}

/** Characters: to compare, and no more. */
const shownMax = 64

function valueShown(value: RecentValue | undefined): Html {
  if (value === undefined) return html``
  if (!('value' in value)) {
    const hash = html`<span class="muted">${value.length} characters, SHA-256 ${value.sha256.slice(0, 12)}…</span>`
    return html`<code>${visible(short(value.start))}</code> ${hash}`
  }
  const text = typeof value.value === 'string' ? value.value : JSON.stringify(value.value)
  const length = text.length > shownMax ? html` <span class="muted">${text.length} characters</span>` : false
  return html`<code>${visible(short(text))}</code>${length}`
}

function short(text: string): string {
  return text.length <= shownMax ? text : `${text.slice(0, shownMax).replace(/[\ud800-\udbff]$/, '')}…`
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
