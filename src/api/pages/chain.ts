/** Who acts, and for whom: each link with its kind and its owner. */
import type { Desk } from '../../control/desk.ts'
import type { IdentityId } from '../../kernel/ids.ts'
import { html, type Html } from './html.ts'

export function chainList(desk: Pick<Desk, 'facts'>, chain: readonly IdentityId[]): Html {
  return html`<ol class="chain">${chain.map((id, place) => html`<li>${place === 0 ? false : html`<span class="muted">acting for</span> `}${link(desk, id)}</li>`)}</ol>`
}

function link(desk: Pick<Desk, 'facts'>, id: IdentityId): Html {
  const identity = desk.facts.identity(id)
  if (identity === undefined) return html`<code>${id}</code>`
  const owner = identity.owner === undefined ? undefined : desk.facts.identity(identity.owner)
  const contained = identity.quarantine === undefined ? false : html` <span class="badge bad">quarantined</span>`
  return html`<b>${identity.name}</b> <span class="muted">${identity.kind}${owner === undefined ? false : html`, owned by ${owner.name}`}</span>${contained}`
}
