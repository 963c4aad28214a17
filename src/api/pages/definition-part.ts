/** The part of a held call's page that shows what its tool is: the server's words, and what of them is another now. */
import { isJsonObject, parseJson } from '../../kernel/json.ts'
import type { HeldDefinition, Hold } from '../../model/grants.ts'
import { driftInWords } from '../../wire/definitions.ts'
import { prettyJson } from './bodies.ts'
import { html, type Html } from './html.ts'
import { badge } from './layout.ts'
import { asCodePoints, hasOtherLetters, visible, visibleBlock } from './visible.ts'

/** Nothing for what is no tool. */
export function definitionPart({ action }: Pick<Hold, 'action'>): Html | false {
  const { definition } = action
  if (definition === undefined) return false
  const { title, description } = definition
  return html`<section class="card" aria-labelledby="tool"><h2 id="tool">What the server says this tool does</h2>
${driftInWords(definition).map((says) => html`<p class="problem">${says}</p>`)}
${changes(definition)}
${title === undefined ? false : html`<p>${said(title)}</p>`}
${description === undefined ? html`<p class="muted">${definition.says === undefined && title === undefined ? 'Its definition is too long to be shown, or was erased when this closed.' : 'It has no description.'}</p>` : saidBlock(description)}
${whole(definition)}
<p class="muted">These are the words of the server ${action.service}, and nobody has checked them. Definition <code>${definition.hash}</code></p></section>`
}

function changes({ pinned, differences }: HeldDefinition): Html | false {
  if (pinned === undefined || differences === undefined) return false
  const rows = differences.map(
    ({ at, before, after }) =>
      html`<li>${badge(before === undefined ? 'added' : after === undefined ? 'gone' : 'changed', 'warn')} <b>${visible(at)}</b>
${before === undefined ? false : html`<p class="muted">before</p>${saidBlock(before)}`}
${after === undefined ? false : html`<p class="muted">now</p>${saidBlock(after)}`}</li>`,
  )
  return html`<h3>What changed</h3><ul class="plain differences">${rows}</ul><h3>What it says now</h3>`
}

/** Letters that look like others are shown twice: as they are, and by their code points. */
function said(text: string): Html {
  return html`${visible(text)}${codes(text)}`
}

function saidBlock(text: string): Html {
  return html`${visibleBlock(text)}${codes(text)}`
}

function codes(text: string): Html | false {
  return hasOtherLetters(text) ? html`<span class="codes">not plain ASCII: <code>${asCodePoints(text)}</code></span>` : false
}

function whole({ says }: HeldDefinition): Html | false {
  const parsed = says === undefined ? undefined : parseJson(says)
  if (parsed?.ok !== true || !isJsonObject(parsed.value)) return false
  return html`<details><summary>All of its definition, arguments included</summary>${visibleBlock(prettyJson(parsed.value))}</details>`
}
