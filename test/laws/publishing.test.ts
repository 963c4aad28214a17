/** One publish, from its plan to its last signature: Cedar is asked once, and what is in force is what it said yes to. */
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { planChange } from '../../src/control/change-sets.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { operator, propose, signAll, tryConfigure } from '../world/configure.ts'
import { shopDocument, shopPolicies } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

const world = await openWorld({ document: shopDocument() })
after(() => world.close())

/** As it was, with one guardrail rewritten: that is neither wider nor narrower for anybody to tell, so people sign. */
const rewritten = (kind: string) =>
  shopDocument({
    policyFiles: [
      { name: 'shop.cedar', text: shopPolicies },
      {
        name: 'more.cedar',
        text: `@id("never-for") forbid (principal is AiAgent, action in Effect::Action::"write", resource) when { context.task.kind == "${kind}" };`,
      },
    ],
  })

/** Really asked, and counted. */
function counted(t: TestContext, { desk }: World): () => number {
  const { mock } = t.mock.method(desk.checker, 'check')
  return () => mock.callCount()
}

test('planned, proposed and signed by everybody it takes: checked once', async (t) => {
  assert.ok(await tryConfigure(world, rewritten('release')))
  const calls = counted(t, world)
  const document = rewritten('incident')
  mustBe(await planChange(world.desk, operator, { document, prune: 'policies' }))
  const waiting = await propose(world, operator, { document, prune: 'policies' })
  assert.equal(waiting.state, 'proposed')
  assert.equal(await signAll(world, waiting), 'applied')
  assert.equal(calls(), 1)
  const files = world.desk.facts.policies?.files ?? []
  assert.match(files.find(({ name }) => name === 'more.cedar')?.text ?? '', /"incident"/)
  assert.ok(world.desk.facts.policies?.parsed.some(({ json }) => JSON.stringify(json).includes('"incident"')))
  assert.ok(world.desk.facts.rules?.guardrails.policies.some(({ text }) => text.includes('"incident"')))
  assert.equal(world.desk.facts.rules?.version, world.desk.facts.policies?.version)
})

test('what went wrong is asked about again, and other texts are', async (t) => {
  const calls = counted(t, world)
  const broken = shopDocument({ policyFiles: [{ name: 'shop.cedar', text: `${shopPolicies}\n@id("x") forbid (principal, ` }] })
  for (const times of [1, 2]) {
    const planned = await planChange(world.desk, operator, { document: broken, prune: 'policies' })
    assert.equal(planned.ok ? '' : planned.refusal.code, 'policy.invalid')
    assert.equal(calls(), times)
  }
  mustBe(await planChange(world.desk, operator, { document: rewritten('drill'), prune: 'policies' }))
  mustBe(await planChange(world.desk, operator, { document: rewritten('drills'), prune: 'policies' }))
  assert.equal(calls(), 4)
})

const schema = 'entity User; entity Route; action look appliesTo { principal: User, resource: Route };'

/** An application whose one policy is about this user. */
const brought = (user: string, folder = 'app') =>
  shopDocument({
    applications: [
      {
        name: 'shop-app',
        schema: { name: `${folder}/shop.cedarschema`, text: schema },
        policyFiles: [{ name: `${folder}/shop.cedar`, text: `@id("one") permit (principal == User::"${user}", action, resource);` }],
        entities: { name: 'app/entities.json', text: '[]' },
        callers: 'role:incident-agents',
      },
    ],
  })

test('an application that is proposed and signed is checked once too, and another one by itself', async (t) => {
  const { mock } = t.mock.method(world.desk.checker, 'checkApplication')
  assert.ok(await tryConfigure(world, brought('ana')))
  assert.equal(mock.callCount(), 1)
  mustBe(await planChange(world.desk, operator, { document: brought('ben', 'other'), prune: 'policies' }))
  assert.equal(mock.callCount(), 2)
  assert.ok(await tryConfigure(world, brought('ben')))
  assert.equal(mock.callCount(), 3, 'what is told of it names its files')
  assert.match(world.desk.facts.applications.record('shop-app')?.parsed[0]?.text ?? '', /"ben"/)
})
