/** What a change-set says of a command that a gateway starts: as whom it runs, what it is handed, and what it may ask of clients. */
import { canonicalJson } from '../kernel/json.ts'
import { type Service, whereIs } from '../model/services.ts'
import type { ChangeLine } from '../model/change-sets.ts'

/** Each of it widens: nobody can tell from here what another user of that machine may do, or what a command makes of an answer. */
export function commandLines(old: Service, now: Service): ChangeLine[] {
  const lines: ChangeLine[] = []
  const add = (says: string) => lines.push({ kind: 'service', name: now.id, what: 'change', class: 'widens', says })
  // Words that are put together in another way are told apart here only.
  if (whereIs(old) === whereIs(now) && canonicalJson([...(old.command ?? [])]) !== canonicalJson([...(now.command ?? [])]))
    add(`has its command in other words: ${JSON.stringify(now.command ?? [])} instead of ${JSON.stringify(old.command ?? [])}`)
  if (old.user !== now.user) add(`runs ${asWhom(now)} instead of ${asWhom(old)}`)
  const [had, has] = [listed(old.variables), listed(now.variables)]
  if (had !== has) add(`is handed ${has} of its gateway's environment instead of ${had}`)
  const [asked, asks] = [listed(old.asks), listed(now.asks)]
  if (asked !== asks) add(`may ask its clients for ${asks} instead of ${asked}`)
  return lines
}

/** What is new of a service that arrives, for the end of a sentence. */
export function commandInWords({ command, user, variables, asks }: Service): string {
  if (command === undefined) return ''
  return [
    user === undefined ? '' : `, run as ${user}`,
    variables === undefined ? '' : `, handed ${listed(variables)}`,
    asks === undefined ? '' : `, asking its clients for ${listed(asks)}`,
  ].join('')
}

function asWhom({ user }: Service): string {
  return user === undefined ? "as its gateway's own user" : `as ${user}`
}

function listed(names: readonly string[] = []): string {
  return names.length === 0 ? 'nothing' : names.join(', ')
}
