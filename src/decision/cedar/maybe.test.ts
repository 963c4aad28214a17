/** What three-valued policies say of a hidden context, against what the evaluator says of every context that it may have been. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { policyJson } from '../../../test/oracle/policy-json.ts'
import { randomPolicy } from '../../../test/oracle/random-policies.ts'
import { randomRequest, randomWorld } from '../../../test/oracle/random-worlds.ts'
import { mustBe } from '../../kernel/result.ts'
import type { EntityStore } from './entities.ts'
import { entityStore } from './entities.ts'
import { type CedarRequest, inScope, judge } from './evaluate.ts'
import { mayHold, type Truth } from './maybe.ts'
import { kindOf, type Maybe, PartialRecord, type PartialField, Unknown } from './maybe-values.ts'
import { type CompiledPolicy, joinPolicies, compilePolicy } from './policies.ts'
import { type CedarRecord, type CedarValue, isRecord, Uid } from './values.ts'

// MAYBE_RUNS=20000 MAYBE_SEED=7 node --test src/decision/cedar/maybe.test.ts
const runs = Number(process.env['MAYBE_RUNS'] ?? 250)
const seed = Number(process.env['MAYBE_SEED'] ?? Date.now() % 2_147_483_647)

function policyOf(text: string): CompiledPolicy {
  const named = `@id("one") ${text}`
  return mustBe(compilePolicy({ file: 'one.cedar', line: 1, text: named, json: policyJson(named) }))
}

type Outcome = 'holds' | 'not' | 'fails'

function real(policy: CompiledPolicy, request: CedarRequest, entities: EntityStore): Outcome {
  const spoken = inScope(mustBe(joinPolicies([policy])), request, entities)
  const { permits, forbids, errors } = judge(spoken, request, entities)
  return errors.length > 0 ? 'fails' : permits.length + forbids.length > 0 ? 'holds' : 'not'
}

function allows({ canHold, canNot, canFail }: Truth, outcome: Outcome): boolean {
  return { holds: canHold, not: canNot, fails: canFail }[outcome]
}

/** How a place of the context is hidden, and what else stands there in another context that fits. */
interface Hiding {
  readonly how: 'shown' | 'kind' | 'nothing' | 'perhaps' | 'inside' | 'gone'
  readonly instead: CedarValue | undefined
}

interface Hidden {
  readonly partial: PartialRecord
  /** Another context that fits what is shown. */
  readonly other: CedarRecord
}

function hide(record: CedarRecord, name: string, next: () => Hiding): Hidden {
  const fields = new Map<string, PartialField>()
  const other = new Map<string, CedarValue>()
  let isOpen = false
  for (const [field, value] of record) {
    const path = `${name}.${field}`
    const { how, instead } = next()
    if (how === 'gone') isOpen = true
    if (how === 'gone' || how === 'nothing') {
      if (how === 'nothing') fields.set(field, { value: new Unknown(undefined, [path]), isThere: instead !== undefined })
      if (instead !== undefined) other.set(field, instead)
      continue
    }
    if (how === 'inside' && typeof value === 'object' && isRecord(value)) {
      const inner = hide(value, path, next)
      fields.set(field, { value: inner.partial, isThere: true })
      other.set(field, inner.other)
      continue
    }
    const fits = instead !== undefined && kindOf(instead) === kindOf(value)
    const shown: Maybe = how === 'kind' ? new Unknown(kindOf(value), [path]) : value
    fields.set(field, { value: shown, isThere: how !== 'perhaps' })
    if (how === 'kind' && fits) other.set(field, instead)
    else if (how !== 'perhaps') other.set(field, value)
  }
  return { partial: new PartialRecord({ fields, isOpen, name }), other }
}

function everything(record: CedarRecord): PartialRecord {
  const fields = [...record].map(([name, value]) => [name, { value, isThere: true }] as const)
  return new PartialRecord({ fields: new Map(fields), isOpen: false, name: 'context' })
}

/** Policies in scope of every request, in which much of what stood for itself is read from the context. */
const curiousPolicy = fc.tuple(randomPolicy, fc.nat(2 ** 30)).map(([text, choice]) => {
  let bits = choice
  const often = (instead: string) => (old: string) => {
    bits = (bits * 1_103_515_245 + 12_345) % 2 ** 31
    return bits % 65_536 < 45_000 ? instead : old
  }
  return text
    .replace(/^(permit|forbid) \([^)]*\)/, '$1 (principal, action, resource)')
    .replaceAll(/\bprincipal\.(\w)/g, (old, name: string) => often(`context.${name}`)(old))
    .replaceAll(/\(principal\)/g, often('(context)'))
    .replaceAll(/\b(?:true|false)\b/g, often('context.a'))
    .replaceAll(/(?<=[(\s])-?\d+(?=[\s)])/g, often('context.n'))
    .replaceAll(/(?<=[([\s])\w+(?:::\w+)*::"\w+"/g, often('context.e'))
    .replace(
      /;$/,
      choice % 3 === 0 ? ' when { context has n && context.n < 3 || context has r.a && context.r has n && context.r.a };' : ';',
    )
})

/** Values to stand instead: those of another random request. */
const hidings = fc
  .tuple(
    randomRequest,
    fc.array(fc.tuple(fc.constantFrom('shown', 'shown', 'kind', 'nothing', 'perhaps', 'inside', 'gone'), fc.nat(20)), {
      minLength: 12,
      maxLength: 12,
    }),
  )
  .map(([{ ours }, choices]) => {
    const values = [...ours.context.values()]
    return choices.map(([how, place]): Hiding => ({ how, instead: values[place % Math.max(1, values.length * 2)] }))
  })

const hidingsEach = 8

test(`what a policy comes to is among what was said it can (seed ${seed}, ${runs} × ${hidingsEach} × 2)`, (t) => {
  const seen = { one: 0, more: 0, holds: 0, not: 0, fails: 0 }
  const lists = fc.array(hidings, { minLength: hidingsEach, maxLength: hidingsEach })
  fc.assert(
    fc.property(curiousPolicy, randomWorld, randomRequest, lists, (text, world, { ours }, all) => {
      const policy = policyOf(text)
      for (const list of all) {
        let place = 0
        const { partial, other } = hide(ours.context, 'context', () => list[place++ % list.length] ?? { how: 'shown', instead: undefined })
        const said = mayHold(policy, { ...ours, context: partial }, world.store)
        for (const context of [ours.context, other]) {
          const outcome = real(policy, { ...ours, context }, world.store)
          seen[outcome] += 1
          assert.ok(allows(said, outcome), `${text}\n${outcome}, said ${JSON.stringify(said)}`)
        }
        const ways = [said.canHold, said.canNot, said.canFail].filter(Boolean).length
        seen[ways === 1 ? 'one' : 'more'] += 1
        assert.equal(said.dependsOn.length > 0, ways > 1, `${text} ${JSON.stringify(said)}`)
      }
    }),
    { seed, numRuns: runs },
  )
  t.diagnostic(JSON.stringify(seen))
  assert.ok(Math.min(seen.one, seen.more, seen.holds, seen.not, seen.fails) > runs / 10, JSON.stringify(seen))
})

test(`with nothing hidden it says what the evaluator says (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.array(curiousPolicy, { minLength: 4, maxLength: 4 }), randomWorld, randomRequest, (texts, world, { ours }) => {
      for (const text of texts) {
        const policy = policyOf(text)
        const { canHold, canNot, canFail } = mayHold(policy, { ...ours, context: everything(ours.context) }, world.store)
        const outcome = real(policy, ours, world.store)
        assert.deepEqual(
          { canHold, canNot, canFail },
          { canHold: outcome === 'holds', canNot: outcome === 'not', canFail: outcome === 'fails' },
          text,
        )
      }
    }),
    { seed, numRuns: runs },
  )
})

describe('of a context in which the kind of task, arguments and address are not known', () => {
  const at = { principal: new Uid('Human', 'h'), action: new Uid('Action', 'a'), resource: new Uid('Thing', 't') }
  const task = new PartialRecord({
    name: 'context.task',
    isOpen: false,
    fields: new Map<string, PartialField>([
      ['kind', { value: new Unknown('string', ['context.task.kind']), isThere: true }],
      ['ticket', { value: new Unknown('string', ['context.task.ticket']), isThere: false }],
    ]),
  })
  const context = new PartialRecord({
    name: 'context',
    isOpen: false,
    fields: new Map<string, PartialField>([
      ['task', { value: task, isThere: true }],
      ['proved', { value: new PartialRecord({ name: 'context.proved', isOpen: true, fields: new Map() }), isThere: true }],
      ['amount', { value: new Unknown('long', ['context.amount']), isThere: true }],
      ['client', { value: new Unknown('ipaddr', ['context.client']), isThere: true }],
      ['effects', { value: 'read', isThere: true }],
    ]),
  })
  const rows: readonly (readonly [body: string, says: string, dependsOn?: readonly string[]])[] = [
    ['true', 'holds'],
    ['context.effects == "read"', 'holds'],
    ['context.effects == "write"', 'not'],
    ['context.task.kind == "incident"', 'holds not', ['context.task.kind']],
    ['context.task.kind == 1', 'not'],
    ['context.task.kind < 1', 'fails'],
    ['context.amount < 1', 'holds not', ['context.amount']],
    ['context.amount + 1 < 1', 'holds not fails', ['context.amount']],
    ['context.task has kind', 'holds'],
    ['context.task has ticket', 'holds not', ['context.task.ticket']],
    ['context.task has other', 'not'],
    ['context.proved has ci', 'holds not', ['context.proved.ci']],
    ['context has proved.ci.run', 'holds not fails', ['context.proved.ci', 'context.proved.ci.run']],
    ['context.task.ticket like "OPS-*"', 'holds not fails', ['context.task.ticket']],
    ['context.task has ticket && context.task.ticket like "OPS-*"', 'holds not', ['context.task.ticket']],
    [
      'context.amount > 3 && context has task.ticket && context.task.ticket like "OPS-*"',
      'holds not',
      ['context.amount', 'context.task.ticket'],
    ],
    ['context.proved has ci && context.proved.ci == "x"', 'holds not', ['context.proved.ci']],
    ['context.task has ticket || context.task.ticket like "OPS-*"', 'holds not fails', ['context.task.ticket']],
    ['!(context.task has ticket) && context.task.ticket like "OPS-*"', 'holds not fails', ['context.task.ticket']],
    ['context.effects == "write" && context.task.kind == "incident"', 'not'],
    ['context.effects == "read" || context.task.ticket == "x"', 'holds'],
    ['["incident", "release"].contains(context.task.kind)', 'holds not', ['context.task.kind']],
    ['[].contains(context.task.kind)', 'holds not', ['context.task.kind']],
    ['[context.task.kind].contains("x")', 'holds not', ['context.task.kind']],
    ['context.client.isInRange(ip("10.0.0.0/8"))', 'holds not', ['context.client']],
    ['context.client.isInRange(ip("x"))', 'fails'],
    ['if context.amount > 3 then true else true', 'holds'],
    [
      'if context.task.kind == "a" then context.effects == "read" else context.amount < 3',
      'holds not',
      ['context.task.kind', 'context.amount'],
    ],
    ['{a: context.task.kind} has a', 'holds'],
    ['{a: context.task.kind}.a == "x"', 'holds not', ['context.task.kind']],
    ['principal in [resource, principal]', 'holds'],
    ['context.missing == 1', 'fails'],
  ]
  for (const [body, says, dependsOn = []] of rows) {
    test(`${body}: ${says}`, () => {
      const said = mayHold(policyOf(`permit (principal, action, resource) when { ${body} };`), { ...at, context }, mustBe(entityStore([])))
      const words = [...(said.canHold ? ['holds'] : []), ...(said.canNot ? ['not'] : []), ...(said.canFail ? ['fails'] : [])]
      assert.equal(words.join(' '), says)
      assert.deepEqual(said.dependsOn, dependsOn)
    })
  }

  test('unless turns it round, and of another scope nothing is asked', () => {
    const unless = mayHold(
      policyOf('forbid (principal, action, resource) unless { context.effects == "read" };'),
      { ...at, context },
      mustBe(entityStore([])),
    )
    assert.deepEqual([unless.canHold, unless.canNot], [false, true])
    const other = mayHold(policyOf('forbid (principal == Human::"x", action, resource);'), { ...at, context }, mustBe(entityStore([])))
    assert.deepEqual([other.canHold, other.canNot, other.canFail], [false, true, false])
  })
})
