/** Whatever counts as narrowing lets nobody ask for, do, approve or see anything that they could not before: tried on random changes. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { changeLines } from '../../src/control/change-set-diff.ts'
import type { RuledPicture } from '../../src/control/change-set-policies.ts'
import { checkPolicies } from '../../src/control/configuration-policies.ts'
import { evaluate } from '../../src/decision/cedar/evaluate.ts'
import { type EntityStore, entityStore } from '../../src/decision/cedar/entities.ts'
import { callContext } from '../../src/decision/contexts.ts'
import type { DecisionFacts } from '../../src/decision/facts.ts'
import { mayAsk } from '../../src/decision/ask.ts'
import type { Rules } from '../../src/decision/rules.ts'
import { cedarSchema, deskActionUid, deskUid } from '../../src/decision/schema.ts'
import {
  identityEntities,
  identityUid,
  knownNames,
  operationUid,
  routeUid,
  schemaWorld,
  serviceEntities,
  standingEntities,
} from '../../src/decision/world.ts'
import { PolicyChecker } from '../../src/host/policy-checker.ts'
import type { IdentityId } from '../../src/kernel/ids.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { needsSecondPerson, strongest } from '../../src/model/change-sets.ts'
import { effects, impactLevels, tierOf } from '../../src/model/effects.ts'
import type { Grant } from '../../src/model/grants.ts'
import type { Identity } from '../../src/model/identities.ts'
import { isSatisfied } from '../../src/model/requirements.ts'
import { uniteSelectors } from '../../src/model/selector.ts'
import type { Route, Service } from '../../src/model/services.ts'

const checker = new PolicyChecker()
after(() => checker.close())
const shipped = readFileSync(new URL('../../src/decision/desk.cedar', import.meta.url), 'utf8')

/** Reproducible chance (mulberry32). */
function dice(seed: number) {
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
type Dice = ReturnType<typeof dice>

interface Rule {
  readonly kind: 'ask' | 'guard' | 'desk'
  readonly permit: boolean
  readonly who: string
  readonly what: string
  readonly where: string
  readonly condition: string
  readonly terms: string
}

interface Scene {
  readonly people: readonly Identity[]
  readonly services: readonly Service[]
  readonly rules: ReadonlyMap<string, Rule>
}

const roles = ['a', 'b', 'c']
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
  const hold = chance.pick(approvals).replace('@approval', '@hold')
  if (kind === 'guard')
    return {
      kind,
      permit: false,
      who,
      what: `action in Effect::Action::"${chance.pick(['any', 'read', 'write', 'delete'])}"`,
      where: chance.pick(wheres),
      condition: chance.pick(conditions),
      terms: hold,
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

function textOf(rules: Scene['rules']): string {
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

function scene(chance: Dice): Scene {
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
function changed(before: Scene, chance: Dice): Scene {
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
  return kind === 'guard' ? chance.pick(approvals).replace('@approval', '@hold') : `${chance.pick(approvals)} ${chance.pick(times)}`
}

function repriced(each: Route, chance: Dice): Pick<Route, 'impact' | 'tier'> {
  const impact = { ...each.impact, data: chance.pick(impactLevels) }
  return { impact, tier: tierOf(impact, each.effect) }
}

interface Side extends RuledPicture {
  readonly rules: Rules
  readonly facts: DecisionFacts
  readonly entities: EntityStore
  readonly scene: Scene
}

async function sideOf(each: Scene): Promise<Side | undefined> {
  const files = [
    { name: 'desk.cedar', text: shipped },
    { name: 'own.cedar', text: textOf(each.rules) },
  ]
  const schema = cedarSchema(schemaWorld(each.services, []))
  const checked = await checkPolicies(checker, { files, schema, known: knownNames(each.services, roles) })
  if ('problems' in checked) return undefined
  const byId = new Map(each.people.map((person) => [person.id, person]))
  const entities = mustBe(
    entityStore([
      ...standingEntities(effects, 'main'),
      ...each.people.flatMap((person) => identityEntities(person, (id) => byId.get(id))),
      ...each.services.flatMap(serviceEntities),
    ]),
  )
  const facts: DecisionFacts = {
    version: 0,
    rules: checked.rules,
    entities,
    identity: (id) => byId.get(id),
    isProofLive: () => true,
    service: (name) => each.services.find((service) => service.id === name),
    grant: () => undefined,
    activeGrantsOf: (): Iterable<Grant> => [],
    spent: () => 0,
    session: () => undefined,
    holdsOf: () => [],
    exceptionsOf: () => [],
  }
  return {
    identities: new Map(
      each.people.map(({ name, kind, owner, roles: has, state, signsInBy }) => [
        name,
        { name, kind, roles: has, state, signsInBy, ...(owner === undefined ? {} : { owner }) },
      ]),
    ),
    issuers: new Map(),
    services: new Map(each.services.map((service) => [service.id, service])),
    policies: {
      id: 'current',
      space: 'main',
      version: textOf(each.rules),
      files,
      parsed: checked.policies,
      publishedAt: 0,
      publishedBy: '',
    },
    rules: checked.rules,
    facts,
    entities,
    scene: each,
  }
}

/** Every set of live persons who might say yes. */
function crowds({ people }: Scene): readonly (readonly Identity[])[] {
  const humans = people.filter((each) => each.kind === 'human' && each.state === 'live')
  return Array.from({ length: 2 ** humans.length }, (_, bits) => humans.filter((_each, at) => (bits >> at) % 2 === 1))
}

const task = (kind: string) => ({ kind, statement: 'x', claimed: [], proved: [] })

/** What somebody gets, by asking: `undefined` where the answer is no. */
function asked(side: Side, who: Identity, service: string, operation: string, kind: string, duration?: number) {
  const now = 1_800_000_000_000
  const owner = who.owner === undefined ? undefined : side.facts.identity(who.owner)
  if (who.state !== 'live' || (who.owner !== undefined && owner?.state !== 'live')) return undefined
  const ask = {
    chain: [who],
    task: task(kind),
    scope: [{ resource: `${service}/${operation}` }],
    ...(duration === undefined ? {} : { duration }),
  }
  const may = mayAsk(side.facts, ask, now)
  return may.ok ? may.value : undefined
}

/** Which crowds let this action pass under a grant; none where it is forbidden, the empty one too where nothing holds it. */
function passes(side: Side, who: Identity, service: string, target: Route, kind: string): (crowd: readonly Identity[]) => boolean {
  const action = {
    protocol: 'http',
    service,
    operation: target.name,
    verb: target.method,
    effect: target.effect,
    tier: target.tier,
    arguments: {},
    target: '',
  } as const
  const context = callContext({ task: task(kind), action, address: '127.0.0.1', refusals: 0, now: 1_800_000_000_000 })
  assert.ok(context !== undefined)
  const request = {
    principal: identityUid(who),
    action: operationUid(service, target.name),
    resource: routeUid(service, target.name),
    context,
  }
  const { forbids, errors } = evaluate(side.rules.guardrails, request, side.entities)
  const holds = forbids.map((policy) => side.rules.holds.get(policy.id))
  if (errors.length > 0 || holds.includes(undefined)) return () => false
  const selector = uniteSelectors(holds.filter((each) => each !== undefined))
  return (crowd) => isSatisfied({ selector, personsMin: 0 }, crowd)
}

function atDesk(side: Side, who: Identity, action: 'approve' | 'audit' | 'stop'): boolean {
  if (who.state !== 'live') return false
  return (
    evaluate(
      side.rules.desk,
      { principal: identityUid(who), action: deskActionUid(action), resource: deskUid('main'), context: new Map() },
      side.entities,
    ).decision === 'allow'
  )
}

function holdsTo(before: Side, now: Side, says: string): number {
  let compared = 0
  for (const who of now.scene.people) {
    const was = before.scene.people.find((each) => each.id === who.id)
    assert.ok(was !== undefined, says)
    for (const action of ['approve', 'audit', 'stop'] as const)
      if (atDesk(now, who, action)) assert.ok(atDesk(before, was, action), `${who.name} may ${action} now: ${says}`)
    for (const service of now.scene.services) {
      for (const target of service.routes) {
        const old = before.scene.services.find(({ id }) => id === service.id)?.routes.find(({ name }) => name === target.name)
        for (const kind of ['x', 'y']) {
          for (const duration of [undefined, 300_000, 3_000_000]) {
            const may = asked(now, who, service.id, target.name, kind, duration)
            if (may === undefined) continue
            const might = asked(before, was, service.id, target.name, kind, duration)
            const about = `${who.name} asks for ${service.id}/${target.name} (${kind}): ${says}`
            assert.ok(might !== undefined, about)
            assert.ok(may.duration <= might.duration && may.durationMax <= might.durationMax, `longer: ${about}`)
            for (const crowd of crowds(now.scene)) {
              const them = crowd.map((each) => before.scene.people.find(({ id }) => id === each.id) ?? each)
              if (isSatisfied(may.requirement, crowd)) assert.ok(isSatisfied(might.requirement, them), `cheaper: ${about}`)
            }
            compared += 1
          }
          if (old === undefined) continue
          const is = passes(now, who, service.id, target, kind)
          const might = passes(before, was, service.id, old, kind)
          for (const crowd of crowds(now.scene)) {
            const them = crowd.map((each) => before.scene.people.find(({ id }) => id === each.id) ?? each)
            if (is(crowd)) assert.ok(might(them), `${who.name} does ${service.id}/${target.name} (${kind}): ${says}`)
          }
        }
      }
    }
  }
  return compared
}

const runs = Number(process.env['REMIT_NARROWING_RUNS'] ?? 40)
const from = Number(process.env['REMIT_NARROWING_SEED'] ?? 1)

test('a change that counts as narrowing or neutral lets nobody do what they could not', async () => {
  let narrowing = 0
  let compared = 0
  for (let seed = from; seed < from + runs; seed += 1) {
    const chance = dice(seed)
    const first = scene(chance)
    const before = await sideOf(first)
    if (before === undefined) continue
    // Several changes of one scene: policies are checked once for the side that stays.
    for (let round = 0; round < 3; round += 1) {
      const next = chance.below(4) === 0 ? changed(changed(first, chance), chance) : changed(first, chance)
      const now = await sideOf(next)
      if (now === undefined) continue
      const lines = changeLines({ before, after: now })
      const changeClass = strongest(lines.map((line) => line.class))
      if (needsSecondPerson(changeClass)) continue
      narrowing += 1
      const says = `seed ${seed}, round ${round}\n${lines.map((line) => `${line.class} ${line.kind} ${line.name} ${line.says}`).join('\n')}\n${textOf(first.rules)}\n--\n${textOf(next.rules)}`
      compared += holdsTo(before, now, says)
    }
  }
  assert.ok(narrowing > runs / 2, `only ${narrowing} of the changes counted as narrowing`)
  assert.ok(compared > runs, `only ${compared} askings were compared`)
})
