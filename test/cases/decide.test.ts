/** One action decided, against a table that a reader can judge and against the second opinion on random facts. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { decide } from '../../src/decision/decide.ts'
import { cedarSchema } from '../../src/decision/schema.ts'
import { schemaWorld } from '../../src/decision/world.ts'
import type { Grant } from '../../src/model/grants.ts'
import { Dice } from '../world/chance.ts'
import { actionOf } from '../world/shop.ts'
import { randomBook } from './random-scenes.ts'
import { operations, type RuleBook } from './rule-book.ts'
import { checker, factsOf, minute, now, parse, people, randomQuestion, randomScene, shop } from './scene-facts.ts'
import { type Asked, type Being, enough, inOneText, type Lent, opine, type Opinion, type Scene, strictest } from './second-opinion.ts'

function ask(
  scene: Scene,
  parsed: Awaited<ReturnType<typeof parse>>,
  asked: Asked,
): { readonly opinion: Opinion; readonly found: ReturnType<typeof decide> } {
  const { facts, idOf } = factsOf(scene, parsed)
  const name = operations[asked.operation].argument
  const found = decide(
    facts,
    {
      chain: asked.chain.map(idOf),
      proof: asked.proofStands ? 'crd_1' : 'crd_2',
      ...(asked.grant === undefined ? {} : { grant: asked.grant as Grant['id'] }),
      action: actionOf(shop, asked.operation, name === undefined || asked.argument === undefined ? {} : { [name]: asked.argument }),
      address: '127.0.0.1',
      refusals: 0,
    },
    asked.now,
  )
  return { opinion: opine(scene, asked), found }
}

function mustAgree(scene: Scene, parsed: Awaited<ReturnType<typeof parse>>, asked: Asked): Opinion['outcome'] {
  const { opinion, found } = ask(scene, parsed, asked)
  const told = JSON.stringify({ asked, opinion, found, scene: { ...scene, beings: [...scene.beings.values()] } }, null, 1)
  assert.equal(found.outcome, opinion.outcome, told)
  if (found.outcome === 'deny' || opinion.outcome === 'deny') return 'deny'
  assert.deepEqual([found.grant.id, found.line], [opinion.grant, opinion.line], told)
  assert.deepEqual(found.duties, opinion.duties.map((guard) => guard.id).sort(), told)
  const firmest = ['durable', 'written'].find((evidence) => opinion.duties.some((guard) => guard.duty === evidence))
  assert.equal(found.obligations.evidence, firmest, told)
  if (found.outcome !== 'hold') return found.outcome
  assert.deepEqual(found.policies, opinion.holds.map((guard) => guard.id).sort(), told)
  const wanted = strictest(opinion.holds.flatMap((guard) => inOneText(guard.hold ?? [])))
  const seats = found.requirement.selector.parts.reduce((sum, part) => sum + part.count, 0)
  assert.equal(
    seats,
    wanted.reduce((sum, each) => sum + each.count, 0),
    told,
  )
  assert.equal(enough(wanted, 1, []), false)
  return 'hold'
}

describe('one action', () => {
  const book: RuleBook = {
    asks: [{ id: 'agents', role: 'agents', most: 60 }],
    guards: [
      { id: 'held', kind: 'ai-agent', effect: 'execute', hold: [{ count: 1, from: ['role:sre'] }] },
      { id: 'held-twice', on: 'refund', hold: [{ count: 2, from: ['role:managers'] }] },
      { id: 'never-the-till', on: 'restart', argument: 'till' },
    ],
  }
  let parsed: Awaited<ReturnType<typeof parse>>
  before(async () => {
    parsed = await parse(book)
  })
  after(() => checker.close())

  const ana: Being = { name: 'ana', kind: 'human', live: true, contained: false, roles: ['agents'] }
  const aide: Being = { name: 'aide', kind: 'ai-agent', live: true, contained: false, owner: 'ana', roles: ['agents'] }
  const one: Lent = {
    id: `grn_${'0'.repeat(25)}1`,
    chain: ['aide'],
    lines: [{ effects: ['read', 'execute'] }],
    task: 'incident',
    duration: 30 * minute,
    active: true,
    endsAt: now + 1,
    spent: [0],
  }
  interface Row {
    readonly says: string
    readonly beings?: readonly Being[]
    readonly lent?: readonly Partial<Lent>[]
    readonly asked?: Partial<Asked>
    /** `allow`, `hold`, or the code of the refusal. */
    readonly want: string
  }
  const rows: readonly Row[] = [
    { says: 'under a live grant that covers it', want: 'allow' },
    { says: 'without any grant', lent: [], want: 'grant.missing' },
    { says: 'at the very millisecond of the end', lent: [{ endsAt: now }], want: 'grant.missing' },
    { says: 'at the very millisecond of the end, the grant named', lent: [{ endsAt: now }], asked: { grant: one.id }, want: 'grant.ended' },
    { says: 'under a grant that was not started', lent: [{ active: false }], asked: { grant: one.id }, want: 'grant.ended' },
    { says: 'under the grant of somebody else', asked: { chain: ['ana'], grant: one.id }, want: 'grant.missing' },
    { says: 'under a grant that does not exist', asked: { grant: `grn_${'9'.repeat(26)}` }, want: 'grant.missing' },
    { says: 'outside of the scope, the grant named', asked: { operation: 'note', grant: one.id }, want: 'grant.not-covered' },
    { says: 'by somebody disabled', beings: [ana, { ...aide, live: false }], want: 'identity.disabled' },
    { says: 'by somebody quarantined', beings: [ana, { ...aide, contained: true }], want: 'identity.quarantined' },
    { says: 'by somebody whose owner left', beings: [{ ...ana, live: false }, aide], want: 'identity.owner-gone' },
    { says: 'by somebody whose owner is quarantined', beings: [{ ...ana, contained: true }, aide], want: 'identity.owner-gone' },
    { says: 'by somebody unknown', asked: { chain: ['nobody'] }, want: 'credential.invalid' },
    { says: 'by nobody', asked: { chain: [] }, want: 'credential.invalid' },
    { says: 'on a proof that ended', asked: { proofStands: false }, want: 'credential.invalid' },
    { says: 'by somebody who might not ask any more', beings: [ana, { ...aide, roles: [] }], want: 'request.not-eligible' },
    { says: 'that a guardrail holds', asked: { operation: 'restart', argument: 'checkout' }, want: 'hold' },
    { says: 'that two guardrails hold', asked: { operation: 'refund', argument: 5 }, want: 'hold' },
    { says: 'that a guardrail cannot be asked about', asked: { operation: 'restart' }, want: 'action.policy-error' },
    { says: 'that one guardrail holds and another forbids', asked: { operation: 'restart', argument: 'till' }, want: 'action.forbidden' },
    { says: 'when the grant lasts longer than may be asked for', lent: [{ duration: 61 * minute }], want: 'request.too-long' },
    {
      says: 'with its uses spent',
      lent: [{ lines: [{ on: 'look', uses: 2 }], spent: [2] }],
      asked: { grant: one.id },
      want: 'grant.uses-spent',
    },
    { says: 'with a use left', lent: [{ lines: [{ on: 'look', uses: 2 }], spent: [1] }], want: 'allow' },
    {
      says: 'with its rate taken up',
      lent: [{ lines: [{ on: 'look', rate: 2 }], ago: [[9_999, 0]] }],
      asked: { grant: one.id },
      want: 'grant.rate',
    },
    { says: 'with its rate free again', lent: [{ lines: [{ on: 'look', rate: 2 }], ago: [[10_000, 0]] }], want: 'allow' },
    {
      says: 'with its sum passed',
      lent: [{ lines: [{ on: 'refund', sum: 50 }], sums: [40] }],
      asked: { operation: 'refund', argument: 11, grant: one.id },
      want: 'grant.sum-spent',
    },
    {
      says: 'with its sum just reached',
      lent: [{ lines: [{ on: 'refund', sum: 50 }], sums: [40] }],
      asked: { operation: 'refund', argument: 10 },
      want: 'hold',
    },
    {
      says: 'with arguments that were not lent',
      lent: [{ lines: [{ on: 'deploy', argument: { oneOf: ['1'] } }] }],
      asked: { operation: 'deploy', argument: '2', grant: one.id },
      want: 'grant.arguments',
    },
    {
      says: 'without the argument that was pinned',
      lent: [{ lines: [{ on: 'deploy', argument: { like: '*' } }] }],
      asked: { operation: 'deploy', grant: one.id },
      want: 'grant.arguments',
    },
  ]
  for (const { says, beings = [ana, aide], lent = [{}], asked = {}, want } of rows) {
    test(`${says}: ${want}`, () => {
      const scene: Scene = {
        beings: new Map(beings.map((each) => [each.name, each])),
        book,
        lent: lent.map((each) => ({ ...one, ...each })),
      }
      const question: Asked = { chain: ['aide'], proofStands: true, operation: 'look', now, ...asked }
      const { found } = ask(scene, parsed, question)
      assert.equal(found.outcome === 'deny' ? found.refusal.code : found.outcome, want)
      mustAgree(scene, parsed, question)
    })
  }

  test('is answered as the second opinion answers it, on random policies, people, grants and actions', async () => {
    const dice = new Dice(20_300)
    // Chance of their own: the books of simulations have none, and stay as they are.
    const duties = new Dice(20_301)
    const seen = { allow: 0, hold: 0, deny: 0 }
    for (let book = 0; book < 25; book += 1) {
      const drawn = randomBook(dice, people)
      const guards = drawn.guards.map((guard) =>
        duties.pick([true, false]) ? { ...guard, duty: duties.pick(['written', 'durable'] as const) } : guard,
      )
      // One that meets the others, and everybody.
      const recorded = { id: 'recorded', effect: 'any', duty: duties.pick(['written', 'durable'] as const) } as const
      const random = { ...drawn, guards: [...guards, recorded] }
      const policies = await parse(random)
      for (let scene = 0; scene < 80; scene += 1) {
        const set = randomScene(dice, random)
        for (let question = 0; question < 5; question += 1) seen[mustAgree(set, policies, randomQuestion(dice, set))] += 1
      }
    }
    assert.ok(seen.allow > 300 && seen.hold > 30 && seen.deny > 500, JSON.stringify(seen))
  })

  test('is refused from the instant on until which policy lets it be asked for, without any other change', async () => {
    const text =
      'permit (principal in Role::"agents", action == Action::"request", resource)\nwhen { context.time < datetime("2030-01-01T00:10:00Z") };\n'
    const checked = await checker.check([{ name: 'a.cedar', text: `@id("until-ten-past")\n${text}` }], cedarSchema(schemaWorld([shop], [])))
    if ('problems' in checked) return assert.fail(JSON.stringify(checked.problems))
    const { facts, idOf } = factsOf(
      {
        beings: new Map([
          ['ana', ana],
          ['aide', aide],
        ]),
        book,
        lent: [{ ...one, endsAt: now + 60 * minute }],
      },
      checked.policies,
    )
    const question = { chain: [idOf('aide')], proof: 'crd_1', action: actionOf(shop, 'look'), address: '127.0.0.1', refusals: 0 }
    assert.equal(decide(facts, question, now + 10 * minute - 1).outcome, 'allow')
    assert.equal(decide(facts, question, now + 10 * minute).outcome, 'deny')
    assert.equal(decide(facts, question, now + 10 * minute - 1).outcome, 'allow', 'same facts, same instant, same answer')
  })

  test('without policies in force is refused, whatever else there is', () => {
    const { facts, idOf } = factsOf(
      {
        beings: new Map([
          ['ana', ana],
          ['aide', aide],
        ]),
        book,
        lent: [one],
      },
      [],
    )
    const question = { chain: [idOf('aide')], proof: 'crd_1', action: actionOf(shop, 'look'), address: '127.0.0.1', refusals: 0 }
    assert.equal(decide(facts, question, now).outcome, 'deny')
  })
})
