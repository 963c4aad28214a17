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
import { cedarSchema } from '../../src/decision/schema.ts'
import { identityEntities, knownNames, schemaWorld, serviceEntities, standingEntities } from '../../src/decision/world.ts'
import { PolicyChecker } from '../../src/host/policy-checker.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { needsSecondPerson, strongest } from '../../src/model/change-sets.ts'
import { nothingCounted } from '../../src/model/counting.ts'
import { effects } from '../../src/model/effects.ts'
import type { Grant } from '../../src/model/grants.ts'
import type { Identity } from '../../src/model/identities.ts'
import { isAtLeastAsDutiful, type Obligations, uniteObligations } from '../../src/model/obligations.ts'
import { isSatisfied } from '../../src/model/requirements.ts'
import { uniteSelectors } from '../../src/model/selector.ts'
import type { Route } from '../../src/model/services.ts'
import { changed, dice, roles, type Scene, scene, textOf } from '../oracle/change-scenes.ts'
import { deskActionUid, deskUid, identityUid, operationUid, resourceUid } from '../../src/decision/names.ts'

const checker = new PolicyChecker()
after(() => checker.close())
const shipped = readFileSync(new URL('../../src/decision/desk.cedar', import.meta.url), 'utf8')

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
    counted: () => nothingCounted,
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
    applications: new Map(),
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
interface Try {
  readonly who: Identity
  readonly service: string
  readonly target: Route
  readonly kind: string
}

function asked(side: Side, { who, service, target, kind }: Try, duration?: number) {
  const now = 1_800_000_000_000
  const owner = who.owner === undefined ? undefined : side.facts.identity(who.owner)
  if (who.state !== 'live' || (who.owner !== undefined && owner?.state !== 'live')) return undefined
  const ask = {
    chain: [who],
    task: task(kind),
    scope: [{ resource: `${service}/${target.name}` }],
    ...(duration === undefined ? {} : { duration }),
  }
  const may = mayAsk(side.facts, ask, now)
  return may.ok ? may.value : undefined
}

/** Which crowds let an action pass, and what is done with it then. */
interface Passing {
  readonly by: (crowd: readonly Identity[]) => boolean
  readonly obligations: Obligations
}

/** Under a grant: no crowd where it is forbidden, the empty one too where nothing holds it. */
function passes(side: Side, { who, service, target, kind }: Try): Passing {
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
    action: operationUid({ id: service, protocol: 'http' }, target.name),
    resource: resourceUid({ id: service, protocol: 'http' }, target.name),
    context,
  }
  const { forbids, errors } = evaluate(side.rules.guardrails, request, side.entities)
  const { holds, duties } = side.rules
  if (errors.length > 0 || forbids.some(({ id }) => !holds.has(id) && !duties.has(id))) return { by: () => false, obligations: {} }
  const selector = uniteSelectors(forbids.flatMap(({ id }) => holds.get(id) ?? []))
  const obligations = uniteObligations(forbids.flatMap(({ id }) => duties.get(id) ?? []))
  return { by: (crowd) => isSatisfied({ selector, personsMin: 0 }, crowd), obligations }
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
            const may = asked(now, { who, service: service.id, target, kind }, duration)
            if (may === undefined) continue
            const might = asked(before, { who: was, service: service.id, target, kind }, duration)
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
          const is = passes(now, { who, service: service.id, target, kind })
          const might = passes(before, { who: was, service: service.id, target: old, kind })
          for (const crowd of crowds(now.scene)) {
            const them = crowd.map((each) => before.scene.people.find(({ id }) => id === each.id) ?? each)
            const about = `${who.name} does ${service.id}/${target.name} (${kind}): ${says}`
            if (!is.by(crowd)) continue
            assert.ok(might.by(them), about)
            assert.ok(isAtLeastAsDutiful(is.obligations, might.obligations), `with less duty: ${about}`)
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
      const lines = [...changeLines({ before, after: now })]
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
