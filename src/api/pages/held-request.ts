/** A held action exactly as it would be forwarded: target, arguments with where they came from, headers, body. */
import { type JsonValue, parseJson } from '../../kernel/json.ts'
import type { Hold } from '../../model/grants.ts'
import type { Origin, OriginKind } from '../../model/provenance.ts'
import { argumentText } from '../../model/scope.ts'
import { readBody } from '../hold-views.ts'
import { hexDump, prettyJson } from './bodies.ts'
import { html, type Html } from './html.ts'
import { badge, row } from './layout.ts'
import { asCodePoints, hasOtherLetters, visible, visibleBlock } from './visible.ts'
import { harmInWords, originInWords } from './words.ts'

export function heldRequest(hold: Hold): Html {
  const { action } = hold
  return html`<section class="card" aria-labelledby="request"><h2 id="request">Exactly this request</h2>
<p class="target">${exact(action.target)}</p>
<dl>${row('It would', html`<b>${action.effect}</b> <code>${action.service}/${action.operation}</code> <span class="muted">tier ${action.tier}: ${harmInWords(action.tier)}</span>`)}
${row('Arguments', argumentTable(action))}
${row('Headers that pass', headerTable(action.headers))}
${row('Body', bodyShown(hold))}</dl></section>`
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
  const rows = entries.map(([name, value]) => {
    const origin = Object.hasOwn(provenance, name) ? provenance[name] : undefined
    const shown = exact(argumentText(value))
    return html`<tr><th scope="row">${exact(name)}</th><td>${origin?.kind === 'untrusted' ? html`<mark>${shown}</mark>` : shown} ${originMark(origin)}</td></tr>`
  })
  return html`${worst(provenance)}<table><tbody>${rows}</tbody></table>${hint}`
}

/** Said before the table: what is easily overlooked among many arguments. */
function worst(provenance: NonNullable<Hold['action']['provenance']>): Html | false {
  const names = Object.keys(provenance).filter((name) => provenance[name]?.kind === 'untrusted')
  if (names.length === 0) return false
  const listed = names.map((name, place) => html`${place === 0 ? '' : ', '}<b>${visible(name)}</b>`)
  return html`<p class="problem">Untrusted: what stands in ${listed} came from text that anybody may have written.</p>`
}

/** Where a value came from, in words of our own and the name of a declared operation. */
function originMark(origin: Origin | undefined): Html | false {
  return origin === undefined ? false : badge(originInWords(origin), markKinds[origin.kind])
}

function headerTable(headers: Hold['action']['headers']): Html {
  if (headers.length === 0) return html`<span class="muted">none</span>`
  return html`<table><tbody>${headers.map(([name, value]) => html`<tr><th scope="row">${exact(name)}</th><td>${exact(value)}</td></tr>`)}</tbody></table>`
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
