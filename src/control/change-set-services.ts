/** What a change does to services and issuers: what can be asked for, what it costs, where it goes, and which secret goes with it. */
import { canonicalJson } from '../kernel/json.ts'
import { type Impact, impactNumber } from '../model/effects.ts'
import type { ChangeClass, ChangedKind, ChangeLine } from '../model/change-sets.ts'
import { gatewayOf, ownGateway } from '../model/gateways.ts'
import type { Issuer } from '../model/identities.ts'
import { type Route, type Service, whereIs } from '../model/services.ts'
import { commandInWords, commandLines } from './change-set-commands.ts'
import type { RuledPicture } from './change-set-policies.ts'

interface Sides {
  readonly before: RuledPicture
  readonly after: RuledPicture
}

export function serviceLines(before: RuledPicture, after: RuledPicture): ChangeLine[] {
  const sides = { before, after }
  const lines: ChangeLine[] = []
  for (const now of after.services.values()) {
    const old = before.services.get(now.id)
    if (old === undefined) lines.push(arrival(now))
    else if (old !== now) lines.push(...serviceChanges(old, now, sides))
  }
  for (const old of before.services.values()) {
    if (!after.services.has(old.id))
      lines.push(
        line(
          'service',
          old.id,
          'remove',
          'narrows',
          `is gone, with its ${count(old.routes.length, 'operation')}; its name is never used again`,
        ),
      )
  }
  return lines
}

type What = readonly [kind: ChangedKind, name: string, what: ChangeLine['what']]

function line(...[kind, name, what, changeClass, says]: readonly [...What, ChangeClass, string]): ChangeLine {
  return { kind, name, what, class: changeClass, says }
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function arrival(now: Service): ChangeLine {
  const { environment, routes, credential, enforcedBy } = now
  const gateway = gatewayOf(now) === ownGateway ? undefined : `the gateway ${gatewayOf(now)}`
  const direct = gateway === undefined ? '' : ` through ${gateway}`
  const through = enforcedBy === undefined ? direct : ` behind a proxy that asks ${gateway ?? 'Remit'} and holds its secret`
  const says = `${count(routes.length, 'operation')} at ${whereIs(now)}${commandInWords(now)}${through}, ${environment}, up to tier ${Math.max(0, ...routes.map((route) => route.tier))}`
  if (credential === undefined) return line('service', now.id, 'add', 'widens', says)
  return line('service', now.id, 'add', 'moves-secret', `${says}, with ${secretInWords(credential)}`)
}

function secretInWords({ header, reference }: NonNullable<Service['credential']>): string {
  return reference === undefined ? `a credential of its own in ${header}` : `the credential that ${reference} names in ${header}`
}

function serviceChanges(old: Service, now: Service, sides: Sides): ChangeLine[] {
  const lines: ChangeLine[] = []
  const add = (changeClass: ChangeClass, says: string) => lines.push(line('service', now.id, 'change', changeClass, says))
  if (whereIs(old) !== whereIs(now))
    add(
      now.credential === undefined ? 'widens' : 'moves-secret',
      `is at ${whereIs(now)} instead of ${whereIs(old)}: what is allowed is done there`,
    )
  if (gatewayOf(old) !== gatewayOf(now))
    add(
      now.credential === undefined ? 'widens' : 'moves-secret',
      `is served by the gateway ${gatewayOf(now)} instead of ${gatewayOf(old)}: its traffic${now.credential === undefined ? '' : ', and its credential,'} passes through there`,
    )
  if (old.enforcedBy !== now.enforcedBy)
    add(
      'widens',
      now.enforcedBy === undefined
        ? 'is forwarded by a gateway of Remit instead of a proxy: what needs one can be done again'
        : 'is forwarded by a proxy that asks Remit, instead of a gateway of Remit: nothing that was let through is cut any more',
    )
  lines.push(...commandLines(old, now), ...credentialLines(old, now))
  if (old.environment !== now.environment)
    add(attributeClass(sides, 'environment'), `belongs to ${now.environment} instead of ${old.environment}`)
  if (canonicalJson(old.labels) !== canonicalJson(now.labels))
    add(
      attributeClass(sides, 'labels'),
      `is labelled ${now.labels.join(', ') || 'with nothing'} instead of ${old.labels.join(', ') || 'with nothing'}`,
    )
  if (old.port !== now.port) {
    const other =
      now.port === 0 ? undefined : [...sides.before.services.values()].find(({ id, port }) => id !== now.id && port === now.port)
    const instead = other === undefined ? '' : `, where ${other.id} was: what clients send there is done here`
    add(other === undefined ? 'neutral' : 'widens', `is reached at ${now.port === 0 ? 'any free port' : `port ${now.port}`}${instead}`)
  }
  const impact = impactChange(old.impact, now.impact, sides)
  if (impact !== undefined) add(impact.class, `its own impact: ${impact.says}`)
  return [...lines, ...operationLines(old, now, sides)]
}

function credentialLines(old: Service, now: Service): ChangeLine[] {
  if (canonicalJson(old.credential ?? {}) === canonicalJson(now.credential ?? {})) return []
  const put = (changeClass: ChangeClass, says: string) => [line('service', now.id, 'change', changeClass, says)]
  if (now.credential === undefined) return put('narrows', 'is sent no credential any more')
  if (old.credential === undefined) return put('moves-secret', `is sent ${secretInWords(now.credential)}`)
  if (old.upstream !== now.upstream) return put('moves-secret', `${secretInWords(now.credential)} is sent to ${now.upstream}`)
  return put('moves-secret', `its credential is replaced by ${secretInWords(now.credential)}`)
}

/** An attribute that no policy looks at changes nothing; what one that does makes of it cannot be said in general. */
function attributeClass(sides: Sides, ...names: readonly string[]): ChangeClass {
  return names.some((name) => isMentioned(sides.before, name) || isMentioned(sides.after, name)) ? 'unclassified' : 'neutral'
}

function isMentioned({ policies }: RuledPicture, attribute: string): boolean {
  return (policies?.parsed ?? []).some(({ json }) => canonicalJson(json['conditions'] ?? []).includes(JSON.stringify(attribute)))
}

function impactChange(old: Impact, now: Impact, sides: Sides): { readonly class: ChangeClass; readonly says: string } | undefined {
  const kinds = ['data', 'service', 'safety'] as const
  const moved = kinds.filter((kind) => old[kind] !== now[kind])
  if (moved.length === 0) return undefined
  const says = moved.map((kind) => `${kind} ${now[kind]} instead of ${old[kind]}`).join(', ')
  if (moved.some((kind) => impactNumber(now[kind]) < impactNumber(old[kind]))) return { class: 'widens', says }
  return { class: attributeClass(sides, 'impact', 'tier') === 'neutral' ? 'narrows' : 'unclassified', says }
}

function operationLines(old: Service, now: Service, sides: Sides): ChangeLine[] {
  const was = new Map(old.routes.map((route) => [route.name, route]))
  const is = new Map(now.routes.map((route) => [route.name, route]))
  const lines: ChangeLine[] = []
  for (const route of now.routes) {
    const before = was.get(route.name)
    const name = `${now.id}/${route.name}`
    if (before === undefined) lines.push(line('operation', name, 'add', 'widens', `can be asked for: ${routeInWords(route)}`))
    else lines.push(...operationChanges(name, before, route, sides))
  }
  for (const route of old.routes) {
    if (is.has(route.name)) continue
    const name = `${now.id}/${route.name}`
    const other = now.routes.find((each) => pathsMeet(each.path, route.path))
    if (other === undefined) lines.push(line('operation', name, 'remove', 'narrows', `is no longer there: ${routeInWords(route)}`))
    else
      lines.push(line('operation', name, 'remove', 'widens', `is no longer there, and ${now.id}/${other.name} may answer to its requests`))
  }
  return lines
}

function routeInWords({ method, path, effect, tier }: Route): string {
  return `${effect}, tier ${tier}, ${method} ${path}`
}

function operationChanges(name: string, old: Route, now: Route, sides: Sides): ChangeLine[] {
  const lines: ChangeLine[] = []
  const add = (changeClass: ChangeClass, says: string) => lines.push(line('operation', name, 'change', changeClass, says))
  if (old.method !== now.method || old.path !== now.path)
    add('widens', `answers to ${now.method} ${now.path} instead of ${old.method} ${old.path}`)
  if (old.trust !== now.trust) add(now.trust === 'trusted' ? 'widens' : 'unclassified', `its results count as ${now.trust ?? 'untrusted'}`)
  // What forbids or holds one effect says nothing of another one.
  if (old.effect !== now.effect) add('widens', `counts as ${now.effect} instead of ${old.effect}, tier ${now.tier} instead of ${old.tier}`)
  const impact = impactChange(old.impact, now.impact, sides)
  if (impact !== undefined) add(impact.class, `${impact.says}${old.tier === now.tier ? '' : `: tier ${now.tier} instead of ${old.tier}`}`)
  else if (old.effect === now.effect && old.tier !== now.tier)
    add(
      now.tier < old.tier ? 'widens' : attributeClass(sides, 'tier') === 'neutral' ? 'narrows' : 'unclassified',
      `tier ${now.tier} instead of ${old.tier}`,
    )
  if (old.upgrade !== now.upgrade)
    add('widens', now.upgrade === undefined ? 'is an ordinary request, and no WebSocket' : 'opens a WebSocket, whose bytes nobody reads')
  if (canonicalJson(old.arguments) !== canonicalJson(now.arguments)) add('unclassified', 'takes other arguments')
  return lines
}

/** Whether some request's path is one of both, upper and lower case aside. Methods do not count: a path that has none of its own blocks wider ones. */
export function pathsMeet(left: string, right: string): boolean {
  const [one, other] = [left, right].map((path) => path.slice(1).toLowerCase().split('/'))
  return one !== undefined && other !== undefined && segmentsMeet(one, other)
}

function segmentsMeet([left, ...lefts]: readonly string[], [right, ...rights]: readonly string[]): boolean {
  if (left === undefined && right === undefined) return true
  if (left === undefined || right === undefined) return false
  if (left.endsWith('*}') || right.endsWith('*}')) return true
  const isParameter = left.startsWith('{') || right.startsWith('{')
  return (isParameter || left === right) && segmentsMeet(lefts, rights)
}

/** Whoever is believed to say who somebody is. */
export function issuerLines(before: RuledPicture, after: RuledPicture): ChangeLine[] {
  const lines: ChangeLine[] = []
  for (const now of after.issuers.values()) {
    const old = before.issuers.get(now.id)
    if (old === undefined)
      lines.push(line('issuer', now.id, 'add', 'widens', `tokens of ${now.issuer} for ${now.audience} are believed${provesInWords(now)}`))
    else if (old !== now) lines.push(...issuerChanges(old, now))
  }
  for (const old of before.issuers.values()) {
    if (!after.issuers.has(old.id))
      lines.push(line('issuer', old.id, 'remove', 'narrows', `tokens of ${old.issuer} are believed no more; its name is never used again`))
  }
  return lines
}

function provesInWords({ proves }: Issuer): string {
  const facts = Object.keys(proves)
  return facts.length === 0 ? '' : `, and prove ${facts.join(', ')}`
}

function issuerChanges(old: Issuer, now: Issuer): ChangeLine[] {
  const lines: ChangeLine[] = []
  const add = (changeClass: ChangeClass, says: string) => lines.push(line('issuer', now.id, 'change', changeClass, says))
  if (old.issuer !== now.issuer || old.audience !== now.audience)
    add('widens', `tokens of ${now.issuer} for ${now.audience} are believed instead of those of ${old.issuer} for ${old.audience}`)
  if (old.jwks !== now.jwks || old.jwksUri !== now.jwksUri)
    add('widens', `whoever holds other keys is believed: ${now.jwksUri ?? 'keys in the document'}`)
  if (canonicalJson(old.proves) !== canonicalJson(now.proves))
    add('unclassified', `its tokens prove ${factsInWords(now)} instead of ${factsInWords(old)}`)
  return lines
}

function factsInWords({ proves }: Issuer): string {
  const facts = Object.entries(proves).map(([fact, claim]) => `${fact} by ${claim}`)
  return facts.length === 0 ? 'nothing' : facts.join(', ')
}
