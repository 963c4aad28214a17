/** The page of one held action: exactly what would be forwarded, byte for byte, and who holds it. */
import type { Instant } from '../../kernel/instants.ts'
import { type JsonValue, parseJson } from '../../kernel/json.ts'
import type { Desk } from '../../control/desk.ts'
import { answerableGrant, answerableHold } from '../../control/rights.ts'
import type { Approval, Grant, Hold } from '../../model/grants.ts'
import type { Identity } from '../../model/identities.ts'
import type { Origin, OriginKind } from '../../model/provenance.ts'
import { argumentText } from '../../model/scope.ts'
import { readBody } from '../hold-views.ts'
import { nameOf } from '../views.ts'
import { answerForm, answersSoFar, type Question, until, when } from './answering.ts'
import { chainList } from './chain.ts'
import { factList } from './facts.ts'
import { hexDump, prettyJson } from './bodies.ts'
import { html, type Html } from './html.ts'
import { badge, layout, row } from './layout.ts'
import { personMaySee } from './sight.ts'
import { asCodePoints, hasOtherLetters, visible, visibleBlock } from './visible.ts'
import { harmInWords, originInWords } from './words.ts'

export interface HoldShown {
  readonly hold: Hold
  readonly grant: Grant
  readonly approvals: readonly Approval[]
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

export function holdPage(desk: Desk, { hold, grant, approvals, person, now }: HoldShown): Html {
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
<section class="card"><h2>Exactly this request</h2>
<p class="target">${exact(action.target)}</p>
<dl>${row('Operation', html`<code>${action.service}/${action.operation}</code>`)}
${row('Arguments', argumentTable(action))}
${row('Headers that pass', headerTable(action.headers))}
${row('Body', bodyShown(hold))}
${row('Tier', html`<b>${action.tier}</b> <span class="muted">${harmInWords(action.tier)}</span>`)}</dl></section>
<section class="card"><h2>Why it is held, and for whom</h2>
<dl>${row('Held by', html`<ul class="plain">${hold.policies.map((policy) => html`<li><code>${policy}</code></li>`)}</ul>`)}
${row('Acts', chainList(desk, grant.chain))}
${row('Task', html`${visible(grant.task.kind)} ${visibleBlock(grant.task.statement)}${factList(grant.task)}`)}
${row('Under', personMaySee(desk, person, answerableGrant(grant), now) ? html`<a href="/requests/${grant.id}"><code>${grant.id}</code></a>` : html`<code>${grant.id}</code>`)}
${answersSoFar(desk, question)}
${history(hold, now)}</dl></section>
${answerForm(desk, person, question, html`<p>A yes lets exactly this request through, once. A changed byte is another request.</p>`)}`,
  })
}

/** Letters that look like others are shown twice: as they are, and by their code points. */
function exact(text: string): Html {
  return html`${visible(text)}${hasOtherLetters(text) ? html`<span class="codes">not plain ASCII: <code>${asCodePoints(text)}</code></span>` : false}`
}

const markKinds: Readonly<Record<OriginKind, string>> = { literal: 'good', trusted: '', untrusted: 'bad', never: 'warn' }

const whatMarksAre =
  'The marks say what the gateway saw pass. They are hints and no proof: a text can be changed on its way through a model.'

function argumentTable({ arguments: given, provenance = {} }: Hold['action']): Html {
  const entries = Object.entries(given)
  if (entries.length === 0) return html`<span class="muted">none</span>`
  const hint = Object.keys(provenance).length === 0 ? false : html`<p class="muted">${whatMarksAre}</p>`
  const mark = (name: string) => (Object.hasOwn(provenance, name) ? originMark(provenance[name]) : false)
  return html`<table><tbody>${entries.map(([name, value]) => html`<tr><th>${exact(name)}</th><td>${exact(argumentText(value))} ${mark(name)}</td></tr>`)}</tbody></table>${hint}`
}

/** Where a value came from, in words of our own and the name of a declared operation. */
function originMark(origin: Origin | undefined): Html | false {
  return origin === undefined ? false : badge(originInWords(origin), markKinds[origin.kind])
}

function headerTable(headers: Hold['action']['headers']): Html {
  if (headers.length === 0) return html`<span class="muted">none</span>`
  return html`<table><tbody>${headers.map(([name, value]) => html`<tr><th>${exact(name)}</th><td>${exact(value)}</td></tr>`)}</tbody></table>`
}

function bodyShown(hold: Hold): Html {
  if (hold.action.body === undefined) {
    return html`<span class="muted">${hold.closedAt === undefined ? 'none' : 'none, or erased when this closed; the digest still commits to it'}</span>`
  }
  const { bytes, text } = readBody(hold.action.body)
  if (text === undefined)
    return html`<p class="problem">${bytes.byteLength} bytes that are not text</p><pre class="bytes">${hexDump(bytes)}</pre>`
  const json = parseJson(bytes)
  const codes = hasOtherLetters(text)
    ? html`<details open><summary class="problem">Not plain ASCII: letters may look like others. The same with code points:</summary><pre class="bytes">${asCodePoints(text)}</pre></details>`
    : false
  return html`<p class="muted">${bytes.byteLength} bytes, as they will be sent</p>${visibleBlock(text)}${codes}${json.ok ? indented(json.value) : false}`
}

function indented(value: JsonValue): Html {
  return html`<details><summary>The same as indented JSON, easier to read</summary>${visibleBlock(prettyJson(value))}</details>`
}

function history(hold: Hold, now: Instant): Html {
  const { state } = hold
  return html`${row('Held since', when(hold.openedAt))}
${state === 'waiting' ? row('To be answered', until(hold.answerBy, now)) : false}
${state === 'approved' && hold.useBy !== undefined ? row('To be used', until(hold.useBy, now)) : false}
${hold.closedAt === undefined ? false : row('Closed', when(hold.closedAt))}
${hold.reason === undefined ? false : row('Because', visible(hold.reason))}`
}
