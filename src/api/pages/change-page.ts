/** The page of one change-set: who gains and who loses what, the gravest first, and whose yes it needs. */
import type { Instant } from '../../kernel/instants.ts'
import { answerableChangeSet } from '../../control/change-set-price.ts'
import type { Desk } from '../../control/desk.ts'
import { type ChangeClass, changeClasses, type ChangeLine, type ChangeSet } from '../../model/change-sets.ts'
import type { Approval } from '../../model/grants.ts'
import type { Identity } from '../../model/identities.ts'
import { answerForm, answersSoFar, type Question, until, when } from './answering.ts'
import { html, type Html } from './html.ts'
import { badge, layout, row } from './layout.ts'
import { visible } from './visible.ts'

export interface ChangeShown {
  readonly set: ChangeSet
  readonly approvals: readonly Approval[]
  readonly person: Identity
  readonly now: Instant
}

const stateKinds: Readonly<Record<string, string>> = {
  proposed: 'warn',
  applied: 'good',
  denied: 'bad',
  stale: '',
  expired: '',
  withdrawn: '',
}

const classWords: Readonly<Record<ChangeClass, { readonly words: string; readonly kind: string }>> = {
  neutral: { words: 'changes nobody’s authority', kind: '' },
  narrows: { words: 'takes authority away', kind: 'good' },
  widens: { words: 'gives authority', kind: 'warn' },
  'moves-secret': { words: 'sends a secret somewhere', kind: 'bad' },
  unclassified: { words: 'cannot be told: read it', kind: 'bad' },
}

export function changePage(desk: Desk, { set, approvals, person, now }: ChangeShown): Html {
  const question: Question = {
    id: set.id,
    subject: answerableChangeSet(set),
    digest: set.digest,
    approvals,
    isOpen: set.state === 'proposed' && now < set.expiresAt,
    answerBy: set.expiresAt,
    now,
  }
  return layout({
    title: 'A change of configuration',
    person: person.name,
    main: html`<p class="eyebrow">Change-set <code>${set.id}</code></p>
<h1>${visible(set.author.name)} wants to change the configuration ${badge(set.state, stateKinds[set.state] ?? '')}</h1>
${changeClasses.toReversed().map((each) => linesOf(each, set.changes))}
<section class="card"><h2>About it</h2>
<dl>${set.reason === undefined ? false : row('Because', visible(set.reason))}
${row('Proposed', when(set.createdAt))}
${set.state === 'proposed' ? row('Waits until', until(set.expiresAt, now)) : false}
${answersSoFar(desk, question)}
${set.endedAt === undefined ? false : row('Closed', when(set.endedAt))}
${set.ending === undefined ? false : row('Came to', visible(set.ending))}</dl></section>
${answerForm(desk, person, question, html`<p>A yes puts exactly this into force, unless something else came into force meanwhile.</p>`)}`,
  })
}

function linesOf(changeClass: ChangeClass, lines: readonly ChangeLine[]): Html | undefined {
  const own = lines.filter((line) => line.class === changeClass)
  if (own.length === 0) return undefined
  const { words, kind } = classWords[changeClass]
  return html`<section class="card"><h2>${badge(changeClass, kind)} ${words}</h2>
<ul class="plain lines">${own.map((line) => html`<li><b>${line.kind} ${visible(line.name)}</b> ${visible(line.says)}</li>`)}</ul></section>`
}
