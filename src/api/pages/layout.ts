/** The frame of every page: who is signed in where, and the one script and stylesheet. */
import { html, type Html, type HtmlValue } from './html.ts'

export interface Framed {
  readonly title: string
  /** Name of whoever is signed in. */
  readonly person?: string
  readonly main: HtmlValue
}

export function layout({ title, person, main }: Framed): Html {
  return html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Remit</title>
<link rel="stylesheet" href="/pages/remit-pages.css">
<script type="module" src="/pages/remit-pages.js"></script>
</head>
<body>
<header class="top">
<a class="brand" href="/waiting">Remit</a>
${person === undefined ? false : signedIn(person)}
</header>
<main>
${main}
</main>
</body>
</html>
`
}

function signedIn(person: string): Html {
  return html`<div class="signed-in"><span>signed in as <b>${person}</b></span>
<form method="post" action="/sign-out"><button class="quiet" type="submit">Sign out</button></form></div>`
}

/** Where the script tells what is going on; empty until then. */
export const progress: Html = html`<p class="progress" role="status" aria-live="polite" data-progress="here"></p>
<noscript><p class="problem">Signing with a passkey needs JavaScript in this browser.</p></noscript>`

/** A row of a description list. */
export function row(term: string, ...description: readonly HtmlValue[]): Html {
  return html`<div class="row"><dt>${term}</dt><dd>${description}</dd></div>`
}

export function badge(text: string, kind: string): Html {
  return html`<span class="badge ${kind}">${text}</span>`
}
