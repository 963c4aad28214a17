/** Policies that are wrong, hostile or too much: refused with the place, the set in force untouched, and the next action decided as before. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { planChange, proposeChange } from '../../src/control/change-sets.ts'
import type { PlacedProblem } from '../../src/kernel/source-problems.ts'
import type { Grant } from '../../src/model/grants.ts'
import { act, allowed, atWork, refusedVerdict } from '../world/deeds.ts'
import { operator } from '../world/configure.ts'
import { shopDocument, shopPolicies } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

const forbid = (condition: string) => `@id("new")\nforbid (principal, action in Effect::Action::"any", resource)\nwhen { ${condition} };`
const many = (term: string, joined: string, times: number) => Array.from({ length: times }, () => term).join(joined)

type Row = readonly [says: string, text: string, place: RegExp, message: RegExp]

const rows: readonly Row[] = [
  ['200 nested parentheses', forbid(`${'('.repeat(200)}true${')'.repeat(200)}`), /^bad\.cedar:1:1$/, /nested deeper than 64/],
  ['200 nested sets', forbid(`${'['.repeat(200)}1${']'.repeat(200)}.isEmpty()`), /^bad\.cedar:1:1$/, /nested deeper than 64/],
  ['200 nested records', forbid(`${'{"a":'.repeat(200)}1${'}'.repeat(200)} has a`), /^bad\.cedar:1:1$/, /nested deeper than 64/],
  ['a thousand nots', forbid(`${'!'.repeat(1_000)}true`), /^bad\.cedar:/, /./],
  ['a policy of 1 MB', forbid(`context.task.kind == "${'x'.repeat(999_000)}"`), /^bad\.cedar:1:1$/, /larger than 10000 bytes/],
  ['a file of more than 1 MB', `// ${'x'.repeat(1_000_100)}\n${forbid('true')}`, /policyFiles/, /at most 1 MB/],
  ['a chain of 10,000 terms', forbid(many('context.session.refusals > 1', ' || ', 10_000)), /^bad\.cedar:1:1$/, /larger than 10000 bytes/],
  ['a short chain of 1,000 terms', forbid(many('1>0', '||', 1_000)), /^bad\.cedar:1:1$/, /more than 256 terms/],
  ['a sum of 1,000 terms', forbid(`${many('1', '+', 1_000)} > 0`), /^bad\.cedar:1:1$/, /more than 256 terms/],
  ['an integer of 2^63', forbid('context.session.refusals > 9223372036854775808'), /^bad\.cedar:3:\d+$/, /too large/],
  ['an integer below −2^63', forbid('context.session.refusals > -9223372036854775809'), /^bad\.cedar:3:\d+$/, /too large/],
  ['__proto__ as an attribute that nothing has', forbid('context.arguments["__proto__"] == "x"'), /^bad\.cedar:/, /__proto__/],
  [
    'a type that is none',
    `@id("new")\nforbid (principal is Robt, action in Effect::Action::"any", resource);`,
    /^bad\.cedar:2:\d+$/,
    /Robt/,
  ],
  [
    'an action that is none',
    `@id("new")\nforbid (principal, action == Action::"http:shop/nothing", resource);`,
    /^bad\.cedar:2:\d+$/,
    /unrecognized action/,
  ],
  [
    'an id that is taken',
    `@id("agents-never-administer")\nforbid (principal, action in Effect::Action::"delete", resource);`,
    /^bad\.cedar:1/,
    /agents-never-administer/,
  ],
  ['a template', `@id("new")\npermit (principal == ?principal, action == Action::"request", resource);`, /^bad\.cedar:2:\d+$/, /template/],
  ['an unending string', `@id("new) forbid (principal, action, resource);`, /^bad\.cedar:1:\d+$/, /./],
  ['zero bytes and broken letters', `@id("new")\u0000\ud800 forbid (principal, action, resource);`, /^bad\.cedar:1:1$/, /no text/],
  ['standing access', `@id("new")\npermit (principal, action in Effect::Action::"read", resource);`, /^bad\.cedar:1/, /standing access/],
]

describe('a policy that is refused', () => {
  let world: World
  let grant: Grant
  let version: string | undefined
  before(async () => {
    world = await openWorld({ document: shopDocument() })
    grant = await atWork(world, 'aide', ['shop/list-incidents'], { task: 'incident' })
    version = world.desk.facts.rules?.version
    assert.ok(version !== undefined)
  })
  after(() => world.close())

  for (const [says, text, place, message] of rows) {
    test(says, async () => {
      const policyFiles = [
        { name: 'shop.cedar', text: shopPolicies },
        { name: 'bad.cedar', text },
      ]
      const document = { ...shopDocument(), policyFiles }
      for (const attempt of [planChange, proposeChange]) {
        const answer = await attempt(world.desk, operator, { document })
        assert.ok(!answer.ok, 'it is refused')
        const problems = answer.refusal.problems ?? []
        const found = problems.some((problem) => place.test(placeOf(problem)) && message.test(problem.message) && problem.remedy !== '')
        assert.ok(found, JSON.stringify(answer.refusal, undefined, 2))
      }
      assert.equal(world.desk.facts.rules?.version, version)
      allowed(await act(world, 'aide', grant, 'list-incidents'))
      refusedVerdict(await act(world, 'aide', grant, 'wipe'), 'grant.not-covered')
    })
  }
})

function placeOf({ file, line, column, pointer }: PlacedProblem): string {
  return pointer ?? `${file}:${line}:${column}`
}
