/** What is said beforehand of who can do what, against what is decided when they try: on random policies, people, grants and requests. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { mayAsk } from '../../src/decision/ask.ts'
import { type Asking, couldAsk } from '../../src/decision/could.ts'
import { type Doing, doableNow } from '../../src/decision/could-now.ts'
import { decide } from '../../src/decision/decide.ts'
import { cedarSchema } from '../../src/decision/schema.ts'
import { schemaWorld } from '../../src/decision/world.ts'
import { needsPersons } from '../../src/model/requirements.ts'
import type { Grant } from '../../src/model/grants.ts'
import type { Identity } from '../../src/model/identities.ts'
import { describeSelector } from '../../src/model/selector.ts'
import { Dice } from '../world/chance.ts'
import { actionOf } from '../world/shop.ts'
import { chanceOf, randomBook, taskKinds } from './random-scenes.ts'
import { operationNames, type OperationName, operations } from './rule-book.ts'
import { checker, factsOf, minute, now, parse, people, randomQuestion, randomScene, shop } from './scene-facts.ts'
import type { Asked, Being, Lent, Scene } from './second-opinion.ts'

type Policies = Awaited<ReturnType<typeof parse>>

const reachedOf = (operation: OperationName) => {
  const route = shop.routes.find((each) => each.name === operation)
  if (route === undefined) throw new Error(`no operation ${operation}`)
  return { service: shop, route }
}

/** What was said of the grant that decided, or of the best one. */
function saidNow(
  scene: Scene,
  parsed: Policies,
  asked: Asked,
): { readonly doing: readonly Doing[]; readonly found: ReturnType<typeof decide> } {
  const { facts, idOf } = factsOf(scene, parsed)
  const chain = asked.chain.map(idOf)
  const [actor] = chain
  const name = operations[asked.operation].argument
  const found = decide(
    facts,
    {
      chain,
      proof: asked.proofStands ? 'crd_1' : 'crd_2',
      ...(asked.grant === undefined ? {} : { grant: asked.grant as Grant['id'] }),
      action: actionOf(shop, asked.operation, name === undefined || asked.argument === undefined ? {} : { [name]: asked.argument }),
      address: '127.0.0.1',
      refusals: 0,
    },
    asked.now,
  )
  return { doing: actor === undefined ? [] : doableNow(facts, { actor, chain }, reachedOf(asked.operation), asked.now), found }
}

after(() => checker.close())

test('what is allowed or held was said to be possible, and what was said to be sure is allowed', async () => {
  const dice = new Dice(50_301)
  const seen = { allowed: 0, held: 0, denied: 0, sure: 0, surelyHeld: 0 }
  for (let book = 0; book < 25; book += 1) {
    const random = randomBook(dice, people)
    const parsed = await parse(random)
    for (let round = 0; round < 60; round += 1) {
      const scene = randomScene(dice, random)
      for (let question = 0; question < 5; question += 1) checkNow(scene, parsed, randomQuestion(dice, scene), seen)
    }
  }
  assert.ok(Math.min(seen.allowed, seen.held, seen.sure, seen.surelyHeld) > 20, JSON.stringify(seen))
})

function checkNow(scene: Scene, parsed: Policies, asked: Asked, seen: Record<string, number>): void {
  const { doing, found } = saidNow(scene, parsed, asked)
  const told = JSON.stringify({ asked, doing, found, scene: { ...scene, beings: [...scene.beings.values()] } }, null, 1)
  const count = (name: string) => (seen[name] = (seen[name] ?? 0) + 1)
  if (found.outcome !== 'deny') {
    const said = doing.find((each) => each.grant.id === found.grant.id)?.answer
    assert.ok(said === 'may' || said === (found.outcome === 'allow' ? 'yes' : 'held'), told)
    count(found.outcome === 'allow' ? 'allowed' : 'held')
  } else count('denied')
  const named = doing.find((each) => each.grant.id === asked.grant)
  const isWhole = operations[asked.operation].argument === undefined || asked.argument !== undefined
  if (named === undefined || !asked.proofStands || !isWhole) return
  if (named.answer === 'yes') assert.equal(found.outcome, 'allow', told)
  if (named.answer === 'held' && named.dependsOn.length === 0) assert.equal(found.outcome, 'hold', told)
  if (named.answer === 'no') assert.equal(found.outcome, 'deny', told)
  if (named.answer === 'yes') count('sure')
  if (named.answer === 'held') count('surelyHeld')
}

test('whoever may ask was said to be able to, at that price, and whoever was said to be able to in any case may', async () => {
  const dice = new Dice(50_302)
  const seen: Record<string, number> = { yes: 0, may: 0, no: 0, never: 0, asked: 0, refused: 0 }
  for (let book = 0; book < 25; book += 1) {
    const random = randomBook(dice, people)
    const parsed = await parse(random)
    for (let round = 0; round < 40; round += 1) {
      const { facts, idOf } = factsOf(randomScene(dice, random), parsed)
      const names = dice.pick([['aide'], ['bot'], ['ana'], ['aide', 'ana'], ['aide', 'bot']])
      const chain = names.map((name) => facts.identity(idOf(name))).filter((link): link is Identity => link !== undefined)
      for (const operation of operationNames) {
        const { rules, entities } = facts
        if (rules === undefined) return assert.fail('there are rules')
        const said = couldAsk({ rules, entities }, chain, reachedOf(operation))
        const task = { kind: dice.pick([...taskKinds, 'other']), statement: '', claimed: [], proved: [] }
        const duration = chanceOf(dice, 50) ? {} : { duration: (1 + dice.below(300)) * minute }
        const asked = mayAsk(facts, { chain, task, scope: [{ resource: `shop/${operation}` }], ...duration }, now)
        const told = JSON.stringify({ names, operation, task, duration, said, asked, random }, null, 1)
        seen[said.answer] = (seen[said.answer] ?? 0) + 1
        seen[asked.ok ? 'asked' : 'refused'] = (seen[asked.ok ? 'asked' : 'refused'] ?? 0) + 1
        if (asked.ok) {
          assert.ok(said.answer === 'yes' || said.answer === 'may', told)
          const price = said.prices.find(({ policies }) => policies.every((policy) => asked.value.policies.includes(policy)))
          assert.ok(price !== undefined && price.durationMax >= asked.value.durationMax, told)
          assert.ok(needsPersons(asked.value.requirement) || !needsPersons(price.requirement), told)
        } else if (said.answer === 'yes') assert.equal(asked.refusal.code, 'request.too-long', told)
      }
    }
  }
  assert.ok(Math.min(...Object.values(seen)) > 20, JSON.stringify(seen))
})

describe('of one identity is said', () => {
  const ana: Being = { name: 'ana', kind: 'human', live: true, contained: false, roles: ['agents'] }
  const aide: Being = { name: 'aide', kind: 'ai-agent', live: true, contained: false, owner: 'ana', roles: ['agents'] }
  const lent: Lent = {
    id: `grn_${'0'.repeat(25)}1`,
    chain: ['aide'],
    lines: [{ effects: ['read', 'execute', 'write'] }],
    task: 'incident',
    duration: 30 * minute,
    active: true,
    endsAt: now + 10 * minute,
    spent: [0],
  }
  const ask = '@id("ask") permit (principal in Role::"agents", action == Action::"request", resource in Service::"shop")'
  interface Row {
    readonly says: string
    readonly text: string
    readonly operation?: OperationName
    readonly lent?: Partial<Lent>
    /** Answers: now, and by asking. */
    readonly now?: string
    readonly could?: string
    readonly if?: readonly string[]
    readonly price?: string
  }
  const rows: readonly Row[] = [
    { says: 'that it may, under a grant', text: `${ask};`, now: 'yes', could: 'yes' },
    {
      says: 'that it may ask under one kind of task',
      text: `${ask} when { context.task.kind == "incident" };`,
      now: 'yes',
      could: 'may',
      if: ['context.task.kind incident'],
    },
    {
      says: 'that it may ask for a while',
      text: `${ask} when { context.seconds <= 3600 };`,
      now: 'yes',
      could: 'may',
      if: ['context.seconds '],
    },
    {
      says: 'that it may ask with a proved ticket, and not now without',
      text: `${ask} when { context.proved has ticket };`,
      now: '-',
      could: 'may',
      if: ['context.proved.ticket '],
    },
    {
      says: 'that it may ask for an effect',
      text: `${ask} when { context.effects.containsAny(["read"]) };`,
      operation: 'look',
      could: 'yes',
    },
    {
      says: 'that it may not ask for another effect',
      text: `${ask} when { context.effects.containsAny(["write"]) };`,
      operation: 'look',
      now: '-',
      could: 'no',
    },
    { says: 'at whose yes', text: `@approval("role:sre") ${ask};`, could: 'yes', price: 'role:sre' },
    {
      says: 'never, by a plain forbid',
      text: `${ask};\n@id("no") forbid (principal is AiAgent, action in Effect::Action::"read", resource);`,
      now: '-',
      could: 'never',
    },
    {
      says: 'no under this task, and perhaps under another',
      text: `${ask};\n@id("no") forbid (principal, action in Effect::Action::"any", resource) when { context.task.kind == "incident" };`,
      now: '-',
      could: 'may',
    },
    {
      says: 'perhaps, depending on an argument',
      operation: 'restart',
      text: `${ask};\n@id("no") forbid (principal, action == Action::"http:shop/restart", resource) when { context.arguments.service == "till" };`,
      now: 'may context.arguments.service',
      could: 'yes',
    },
    {
      says: 'perhaps, depending on where from',
      text: `${ask};\n@id("no") forbid (principal, action in Effect::Action::"any", resource) unless { context has client && context.client.isLoopback() };`,
      now: 'may context.client',
      could: 'yes',
    },
    {
      says: 'held, whoever says yes',
      operation: 'restart',
      text: `${ask};\n@id("hold") @hold("role:sre") forbid (principal, action in Effect::Action::"execute", resource);`,
      now: 'held',
      could: 'yes',
    },
    {
      says: 'perhaps held',
      operation: 'restart',
      text: `${ask};\n@id("hold") @hold("role:sre") forbid (principal, action == Action::"http:shop/restart", resource) when { context.arguments.service == "till" };`,
      now: 'may context.arguments.service',
    },
    {
      says: 'yes, whatever duties there are',
      text: `${ask};\n@id("record") @duty("record=durable") forbid (principal, action in Effect::Action::"any", resource);`,
      now: 'yes',
      could: 'yes',
    },
    {
      says: 'perhaps, where arguments are pinned',
      operation: 'restart',
      text: `${ask};`,
      lent: { lines: [{ on: 'restart', argument: { oneOf: ['till'] } }] },
      now: 'may context.arguments.service',
    },
    { says: 'nothing, where uses are spent', text: `${ask};`, lent: { lines: [{ on: 'look', uses: 1 }], spent: [1] }, now: '-' },
    { says: 'yes, where uses are left', text: `${ask};`, lent: { lines: [{ on: 'look', uses: 2 }], spent: [1] }, now: 'yes' },
    { says: 'perhaps, where it must wait', text: `${ask};`, lent: { lines: [{ on: 'look', rate: 1 }], ago: [[1_000]] }, now: 'may rate' },
    { says: 'nothing, after the end', text: `${ask};`, lent: { endsAt: now }, now: '-', could: 'yes' },
  ]
  let schema: string
  before(() => {
    schema = cedarSchema(schemaWorld([shop], []))
  })
  for (const row of rows) {
    test(`${row.says}: ${row.now ?? ''} ${row.could ?? ''}`, async () => {
      const checked = await checker.check([{ name: 'one.cedar', text: row.text }], schema)
      if ('problems' in checked) return assert.fail(JSON.stringify(checked.problems))
      const beings = new Map([ana, aide].map((each) => [each.name, each]))
      const { facts, idOf } = factsOf({ beings, book: { asks: [], guards: [] }, lent: [{ ...lent, ...row.lent }] }, checked.policies)
      const reached = reachedOf(row.operation ?? 'look')
      const [doing] = doableNow(facts, { actor: idOf('aide') }, reached, now)
      if (row.now !== undefined)
        assert.equal(doing === undefined || doing.answer === 'no' ? '-' : [doing.answer, ...doing.dependsOn].join(' '), row.now)
      const { rules, entities } = facts
      if (rules === undefined) return assert.fail('there are rules')
      const asking: Asking = couldAsk({ rules, entities }, [{ kind: 'ai-agent', name: 'aide' }], reached)
      if (row.could !== undefined) assert.equal(asking.answer, row.could)
      if (row.if !== undefined)
        assert.deepEqual(
          asking.ways.flatMap((way) => way.conditions.map(({ name, values }) => `${name} ${values.join(' | ')}`)),
          row.if,
        )
      if (row.price !== undefined)
        assert.equal(asking.prices.map(({ requirement }) => describeSelector(requirement.selector)).join(), row.price)
    })
  }
})
