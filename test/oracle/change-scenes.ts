/** Random scenes of people, services and policies, and random changes to them: what change-sets are tried on. */
import type { IdentityId } from '../../src/kernel/ids.ts'
import { impactLevels, tierOf } from '../../src/model/effects.ts'
import type { Identity } from '../../src/model/identities.ts'
import type { Route, Service } from '../../src/model/services.ts'

/** Reproducible chance (mulberry32). */
export function dice(seed: number) {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    below: (max: number) => Math.floor(next() * max),
    pick: <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T,
  }
}
export type Dice = ReturnType<typeof dice>

interface Rule {
  readonly kind: 'ask' | 'guard' | 'desk'
  readonly permit: boolean
  readonly who: string
  readonly what: string
  readonly where: string
  readonly condition: string
  readonly terms: string
}

export interface Scene {
  readonly people: readonly Identity[]
  readonly services: readonly Service[]
  readonly rules: ReadonlyMap<string, Rule>
}

export const roles = ['a', 'b', 'c']
const whos = [
  'principal',
  'principal is AiAgent',
  'principal is Human',
  'principal in Role::"a"',
  'principal in Role::"b"',
  'principal == Human::"ana"',
  'principal is AiAgent in Role::"c"',
]
const conditions = [
  '',
  '',
  'when { context.task.kind == "x" }',
  'when { principal in Role::"c" }',
  'unless { principal in Role::"b" }',
  'when { resource.environment == "prod" }',
  'when { resource.tier >= 2 }',
]
const approvals = [
  '',
  '@approval("role:a")',
  '@approval("role:b")',
  '@approval("2 of role:a")',
  '@approval("role:a | role:b")',
  '@approval("identity:ben")',
  '@approval("role:a, role:b")',
]
const duties = ['', '', '@duty("record=durable")', '@duty("answer<=1MB")', '@duty("answer<=1kB, time<=30s")']
const times = ['', '@duration("10m")', '@maxDuration("20m")', '@maxDuration("2h")']
const wheres = ['resource', 'resource in Service::"one"', 'resource in Service::"two"', 'resource == Route::"one/r0"']

function rule(chance: Dice): Rule {
  const kind = chance.pick(['ask', 'ask', 'guard', 'guard', 'desk'] as const)
  const who = chance.pick(whos)
  if (kind === 'ask')
    return {
      kind,
      permit: true,
      who,
      what: 'action == Action::"request"',
      where: chance.pick(wheres),
      condition: chance.pick(conditions),
      terms: `${chance.pick(approvals)} ${chance.pick(times)}`,
    }
  if (kind === 'guard')
    return {
      kind,
      permit: false,
      who,
      what: `action in Effect::Action::"${chance.pick(['any', 'read', 'write', 'delete'])}"`,
      where: chance.pick(wheres),
      condition: chance.pick(conditions),
      terms: guardTerms(chance),
    }
  const condition = chance.pick(['', 'when { principal in Role::"c" }'])
  return {
    kind,
    permit: chance.below(3) > 0,
    who,
    what: `action == Desk::Action::"${chance.pick(['audit', 'stop'])}"`,
    where: 'resource',
    condition,
    terms: '',
  }
}

function guardTerms(chance: Dice): string {
  return `${chance.pick(approvals).replace('@approval', '@hold')} ${chance.pick(duties)}`
}

export function textOf(rules: Scene['rules']): string {
  return [...rules]
    .map(
      ([id, { permit, who, what, where, condition, terms }]) =>
        `@id("${id}") ${terms}\n${permit ? 'permit' : 'forbid'} (${who}, ${what}, ${where}) ${condition};`,
    )
    .join('\n')
}

function route(chance: Dice, name: string): Route {
  const effect = chance.pick(['read', 'write', 'delete'] as const)
  const level = () => chance.pick(impactLevels)
  const impact = { data: level(), service: level(), safety: 'none' } as const
  return {
    name,
    method: 'POST',
    path: chance.pick([`/${name}`, `/${name}/{id}`, '/x/{rest*}', `/x/${name}`]),
    effect,
    impact,
    tier: tierOf(impact, effect),
    arguments: [],
  }
}

export function scene(chance: Dice): Scene {
  const id = (name: string): IdentityId => `idn_${name}`
  const make = (name: string, kind: Identity['kind'], owner?: string): Identity => ({
    id: id(name),
    space: 'main',
    name,
    kind,
    roles: roles.filter(() => chance.below(2) === 0),
    state: chance.below(6) === 0 ? 'disabled' : 'live',
    signsInBy: [],
    createdAt: 0,
    ...(owner === undefined ? {} : { owner: id(owner) }),
  })
  const people = [
    make('ana', 'human'),
    make('ben', 'human'),
    make('cyd', 'human'),
    make('aide', 'ai-agent', 'ana'),
    make('bot', 'ai-agent', 'ben'),
  ]
  const service = (name: string): Service => ({
    id: name,
    space: 'main',
    protocol: 'http',
    upstream: 'http://127.0.0.1:1',
    port: 0,
    environment: chance.pick(['prod', 'test']),
    impact: { data: 'low', service: 'low', safety: 'none' },
    labels: [],
    routes: [0, 1, 2].map((place) => route(chance, `r${place}`)),
  })
  const rules = new Map(Array.from({ length: 4 + chance.below(4) }, (_, place) => [`p${place}`, rule(chance)] as const))
  return { people, services: [service('one'), service('two')], rules }
}

/** One thing, or two, done to a scene. */
export function changed(before: Scene, chance: Dice): Scene {
  const someone = chance.pick(before.people)
  const put = (identity: Identity) => ({ ...before, people: before.people.map((each) => (each.id === identity.id ? identity : each)) })
  const [id] = [chance.pick([...before.rules.keys()])]
  const known = before.rules.get(id)
  const putRule = (next: Rule | undefined) => {
    const rules = new Map(before.rules)
    if (next === undefined) rules.delete(id)
    else rules.set(id, next)
    return { ...before, rules }
  }
  const place = chance.below(2)
  const putService = (change: (service: Service) => Service) => ({
    ...before,
    services: before.services.map((each, at) => (at === place ? change(each) : each)),
  })
  switch (chance.below(12)) {
    case 0:
      return put({ ...someone, roles: someone.roles.slice(1) })
    case 1:
      return put({ ...someone, roles: someone.roles.slice(0, -1) })
    case 2:
      return put({ ...someone, roles: [...new Set([...someone.roles, chance.pick(roles)])].toSorted() })
    case 3:
      return put({ ...someone, state: someone.state === 'live' ? 'disabled' : 'live' })
    case 4:
    case 5:
      return putRule(undefined)
    case 6:
      return { ...before, rules: new Map([...before.rules, ['fresh', rule(chance)]]) }
    case 7:
      return putRule(
        known === undefined || known.kind === 'desk'
          ? known
          : { ...known, terms: rule(chance).kind === 'ask' ? known.terms : termsFor(known, chance) },
      )
    case 8:
      return putRule(known === undefined || known.kind === 'desk' ? known : { ...known, condition: chance.pick(conditions) })
    case 9:
      return putService((service) => ({ ...service, routes: service.routes.slice(1) }))
    case 10:
      return putService((service) => ({
        ...service,
        routes: service.routes.map((each, at) => (at === 0 ? { ...each, ...repriced(each, chance) } : each)),
      }))
    default:
      return putService((service) => ({ ...service, environment: service.environment === 'prod' ? 'test' : 'prod' }))
  }
}

function termsFor({ kind }: Rule, chance: Dice): string {
  return kind === 'guard' ? guardTerms(chance) : `${chance.pick(approvals)} ${chance.pick(times)}`
}

function repriced(each: Route, chance: Dice): Pick<Route, 'impact' | 'tier'> {
  const impact = { ...each.impact, data: chance.pick(impactLevels) }
  return { impact, tier: tierOf(impact, each.effect) }
}
