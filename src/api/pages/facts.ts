/** Facts about a task, each with where it came from: what a bot typed is not what somebody vouched for. */
import type { Fact, Task } from '../../model/grants.ts'
import { html, type Html } from './html.ts'
import { badge } from './layout.ts'
import { visible } from './visible.ts'

export function factList(task: Task): Html | undefined {
  if (task.claimed.length + task.proved.length === 0) return undefined
  return html`<ul class="facts">${task.proved.map((fact) => item(fact, true))}${task.claimed.map((fact) => item(fact, false))}</ul>`
}

function item(fact: Fact, isProved: boolean): Html {
  const mark = isProved ? badge('proved', 'good') : badge('claimed', 'warn')
  const from = isProved ? html`vouched for by its token` : html`typed by ${visible(fact.source)}; nobody has checked it`
  return html`<li>${visible(fact.name)} ${visible(fact.value)} ${mark} <span class="muted">${from}</span></li>`
}
