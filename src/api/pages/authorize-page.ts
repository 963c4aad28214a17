/** The page on which a person lets an OAuth client act as an agent of theirs, or does not. */
import type { AuthorizationRequest } from '../../control/authorization-code-request.ts'
import { type ClientDocument, isLoopbackRedirect } from '../../model/client-documents.ts'
import type { Identity } from '../../model/identities.ts'
import { parseScopeLine } from '../../model/scope.ts'
import type { Service } from '../../model/services.ts'
import { html, type Html } from './html.ts'
import { layout, progress, row } from './layout.ts'
import { visible } from './visible.ts'
import { limitsInWords, scopeInWords } from './words.ts'

export interface Authorizing {
  readonly person: Identity
  readonly client: ClientDocument
  readonly request: AuthorizationRequest
  readonly service: Service
  readonly agents: readonly Identity[]
  /** The request as it goes with the answer. */
  readonly asked: string
}

export function authorizePage({ person, client, request, service, agents, asked }: Authorizing): Html {
  const { host } = new URL(client.id)
  return layout({
    title: 'Let a client act',
    person: person.name,
    main: html`<section class="card narrow">
<h1>Let a client act for you</h1>
<p>A program described at <b>${host}</b> wants to act as an agent of yours, for you.</p>
<dl>
${row('Described at', html`<code>${client.id}</code>`)}
${row('Calls itself', visible(client.name), html` <span class="problem">nobody has checked that</span>`)}
${row('Answered at', html`<code>${request.redirect}</code>`, html`<p class="problem">${whoHears(client, request)}</p>`)}
${row('For the endpoint', html`<code>${request.resource}</code>`, html` <span class="muted">the service ${service.id}, ${service.environment}</span>`)}
${row('Says it will ask for', scopeList(request.scope))}
</dl>
<p>Nothing is permitted by your yes alone. Whatever it does takes a live grant to this agent and you, for one task, and each action is decided on its own.</p>
${agents.length === 0 ? noAgents(person) : choice(agents, asked)}
</section>`,
  })
}

function whoHears(client: ClientDocument, { redirect }: AuthorizationRequest): string {
  if (isLoopbackRedirect(redirect))
    return 'Whatever program listens there, on the computer with your browser, gets the answer. Go on only if you have just started that program yourself.'
  const { host } = new URL(redirect)
  return host === new URL(client.id).host
    ? 'Go on only if you were just at work with that site.'
    : `That is another site than the one which describes the program: ${host} gets the answer.`
}

function scopeList(scope: readonly string[]): Html {
  if (scope.length === 0) return html`<span class="muted">it did not say</span>`
  return html`<ul class="plain">${scope.map((text) => {
    const line = parseScopeLine(text)
    const limits = line.ok ? limitsInWords(line.value) : []
    return html`<li>${line.ok ? visible(scopeInWords(line.value)) : false}${limits.length === 0 ? false : `, ${limits.join(', ')}`} <code>${text}</code></li>`
  })}</ul>`
}

function noAgents(person: Identity): Html {
  return html`<p class="problem">You own no agent that it could act as.</p>
<p>An administrator declares one in remit.yaml, with <code>kind: ai-agent</code> and <code>owner: ${person.name}</code>; then open this page again.</p>`
}

function choice(agents: readonly Identity[], asked: string): Html {
  return html`<form data-remit="authorize" data-request="${asked}">
<label class="field"><span>It acts as</span><select name="agent" required>
${agents.length === 1 ? false : html`<option value="">choose an agent</option>`}
${agents.map(({ name }) => html`<option value="${name}">${name}</option>`)}
</select></label>
<div class="buttons">
<button type="submit" name="decision" value="approve" class="yes">Let it act, and sign</button>
<button type="submit" name="decision" value="deny" class="no" formnovalidate>No</button>
</div>
${progress}
</form>`
}
