/** Tiers, effects and scope lines as a person reads them before signing. */
import { formatDuration } from '../../kernel/instants.ts'
import { deskServiceName } from '../../model/desk-service.ts'
import { type Effect, type Tier, tierRules } from '../../model/effects.ts'
import type { Format } from '../../model/formats.ts'
import type { ArgumentConstraint, ScopeEntry } from '../../model/grants.ts'
import type { DeskAction } from '../../model/identities.ts'
import type { Origin } from '../../model/provenance.ts'
import { argumentText } from '../../model/scope.ts'
import type { Route, Service } from '../../model/services.ts'

const harms: Readonly<Record<Tier, string>> = {
  0: 'no more than low impact',
  1: 'moderate impact: a mistake is felt and can be mended',
  2: 'high impact: a mistake does harm that lasts',
  3: 'critical impact, or a danger to people',
}

const records: Readonly<Record<string, string>> = {
  buffered: 'actions are recorded with the session',
  written: 'each action is recorded before it is forwarded',
  durable: 'each action is recorded durably before it is forwarded',
}

/** What a mistake would do, and what is kept of it. */
export function harmInWords(tier: Tier): string {
  return `${harms[tier]}; ${records[tierRules[tier].evidence] ?? ''}`
}

/** The same with what a grant of that tier costs: for who answers a request. */
export function tierInWords(tier: Tier): string {
  const rule = tierRules[tier]
  const persons = Math.max(rule.personsForChange, rule.personsForRead)
  const asks =
    persons === 0 ? 'policy says who must be asked' : `changes need at least ${persons === 1 ? 'one person' : `${persons} persons`}`
  return `${harms[tier]}; a grant lasts at most ${formatDuration(rule.grantMax)}; ${asks}; ${records[rule.evidence] ?? ''}`
}

const doing: Readonly<Record<Effect, string>> = {
  observe: 'observe',
  read: 'read',
  write: 'write',
  delete: 'delete',
  execute: 'execute',
  configure: 'configure',
  administer: 'administer',
  actuate: 'move physical things',
}

/** `read and execute, anything on shop`; `the operation restart of shop, where service is checkout`. */
export function scopeInWords(entry: ScopeEntry): string {
  const [service = '', operation] = entry.resource.split('/')
  const what = entry.effects?.map((effect) => doing[effect]).join(' and ')
  const where =
    service === deskServiceName
      ? `${operation ?? 'anything'} at Remit's own desk`
      : operation === undefined
        ? `anything on ${service}`
        : `the operation ${operation} of ${service}`
  const conditions = Object.entries(entry.arguments ?? {}).map(([name, constraint]) => constraintInWords(name, constraint))
  const condition = conditions.length === 0 ? '' : `, where ${conditions.join(' and ')}`
  return `${what === undefined ? where : `${what}: ${where}`}${condition}`
}

const forms: Readonly<Record<Format, string>> = {
  email: 'one mail address',
  https: 'one https address',
  host: 'the name of one host',
  uuid: 'a UUID',
  date: 'a date',
  'date-time': 'a date and time (RFC 3339)',
}

function constraintInWords(name: string, { oneOf, like, format, atLeast, atMost }: ArgumentConstraint): string {
  const parts: string[] = []
  if (oneOf !== undefined) parts.push(`is ${oneOf.map((value) => `“${argumentText(value)}”`).join(' or ')}`)
  if (like !== undefined) parts.push(`looks like “${like}”`)
  if (format !== undefined) parts.push(`is ${forms[format]}`)
  if (atLeast !== undefined) parts.push(`is at least ${atLeast}`)
  if (atMost !== undefined) parts.push(`is at most ${atMost}`)
  return `${name} ${parts.join(' and ')}`
}

/** `3 times`, `amount up to 500 in all`, `at most 10 in any 1m`: each limit of what a line counts. */
export function limitsInWords({ uses, sum, rate, after }: ScopeEntry): readonly string[] {
  return [
    ...(uses === undefined ? [] : [uses === 1 ? 'once' : `${uses} times`]),
    ...(sum === undefined ? [] : [`${sum.argument} up to ${sum.atMost} in all`]),
    ...(rate === undefined ? [] : [`at most ${rate.atMost} in any ${formatDuration(rate.window)}`]),
    ...(after === undefined ? [] : [`only after ${after} was answered`]),
  ]
}

/** The declared operations that a line opens, so that nobody has to know what "anything" is. */
export function routesOf(entry: ScopeEntry, service: Service | undefined): readonly Route[] {
  const [, operation] = entry.resource.split('/')
  return (service?.routes ?? []).filter(
    (route) => (operation === undefined || route.name === operation) && entry.effects?.includes(route.effect) !== false,
  )
}

const atTheDesk: Readonly<Record<DeskAction, string>> = {
  approve: 'say yes or no to what people and machines ask for',
  audit: 'see everything that is asked, decided and recorded',
  stop: 'end grants, quarantine identities and release them',
  operate: 'run Remit day by day',
  administer: 'change who may do what: policies, people, services, roles',
}

export function deskActionInWords(action: DeskAction): string {
  return `${action}: ${atTheDesk[action]}`
}

/** Where the value of an argument came from, for who answers. */
export function originInWords({ kind, call, source }: Origin): string {
  const where =
    source === undefined ? 'what it read' : call === undefined ? `what it read, perhaps from ${source}` : `result ${call}, from ${source}`
  switch (kind) {
    case 'literal':
      return 'stands in the task or the grant'
    case 'trusted':
      return `seen in ${where}`
    case 'untrusted':
      return `seen in ${where}, which anybody may have written`
    case 'never':
      return 'seen nowhere: not in the task, not in any result'
  }
}
