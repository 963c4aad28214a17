/** A no on a page: what is so, and what to do next. */
import type { Problem } from '../../kernel/problems.ts'
import type { RefusalCode } from '../../kernel/refusals.ts'
import { html, type Html } from './html.ts'
import { layout } from './layout.ts'
import { visible } from './visible.ts'

/** What is said differently to somebody who reads pages than to a program. */
const pageWords: Partial<Record<RefusalCode, { readonly title: string; readonly remedy: string }>> = {
  'method.unknown': { title: 'there is no such page', remedy: 'check the address, or begin with what waits for an answer' },
}

export function refusalPage(code: RefusalCode, answer: Problem): Html {
  const problem = { ...answer, ...pageWords[code] }
  const particular = problem.detail.startsWith(`${problem.title}: `) ? problem.detail.slice(problem.title.length + 2) : undefined
  return layout({
    title: problem.title,
    main: html`<section class="card narrow">
<p class="eyebrow">${problem.status}</p>
<h1>${sentence(problem.title)}</h1>
${particular === undefined ? false : html`<p>${visible(sentence(particular))}</p>`}
<p class="muted">${sentence(problem.remedy)}.</p>
<p><a href="/waiting">What waits for an answer</a></p>
</section>`,
  })
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
