/** Scope lines: what is written is what is kept, and what is kept is shown as it was written. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { mustBe } from '../kernel/result.ts'
import { effects } from './effects.ts'
import type { ArgumentConstraint, ScopeEntry } from './grants.ts'
import { describeScopeLine, isName, isOperationName, parseScopeLine } from './scope.ts'

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?$/)
const operation = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?$/)
const argument = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,8}$/).filter((text) => text !== 'uses')
const text = fc
  .string({ unit: fc.constantFrom('a', 'B', '0', '*', ' ', 'é', '=', '<', '~', '{', '"'), maxLength: 6 })
  .map((value) => value.trim())
const constraint: fc.Arbitrary<ArgumentConstraint> = fc
  .record(
    { oneOf: fc.array(text, { minLength: 1, maxLength: 3 }), like: text, atLeast: fc.maxSafeInteger(), atMost: fc.maxSafeInteger() },
    { requiredKeys: [] },
  )
  .filter((value) => Object.keys(value).length > 0)
const head = fc.oneof(
  fc.record({ resource: fc.tuple(name, operation).map((parts) => parts.join('/')) }),
  fc.record({
    resource: fc.oneof(
      name,
      fc.tuple(name, operation).map((parts) => parts.join('/')),
    ),
    effects: fc.subarray([...effects], { minLength: 1 }).map((each) => each.toSorted()),
  }),
)
const line: fc.Arbitrary<ScopeEntry> = fc
  .tuple(head, fc.dictionary(argument, constraint, { maxKeys: 3 }), fc.option(fc.integer({ min: 1, max: 100_000 }), { nil: undefined }))
  .map(([first, limits, uses]) => ({
    ...first,
    ...(Object.keys(limits).length === 0 ? {} : { arguments: { ...limits } }),
    ...(uses === undefined ? {} : { uses }),
  }))
  .filter((entry) => describeScopeLine(entry).length <= 1_000)

describe('a scope line', () => {
  test('is read back as it was', () => {
    fc.assert(
      fc.property(line, (entry) =>
        assert.deepEqual(JSON.parse(JSON.stringify(mustBe(parseScopeLine(describeScopeLine(entry))))), JSON.parse(JSON.stringify(entry))),
      ),
      { numRuns: 2_000 },
    )
  })

  test('that is read at all is shown in a form that is read to the same', () => {
    const noise = fc.string({
      unit: fc.constantFrom(
        'shop',
        'read',
        '/',
        ':',
        '|',
        ',',
        '=',
        '~',
        '<=',
        '>=',
        'a',
        'uses',
        '1',
        ' ',
        '*',
        '-0',
        '0x1F',
        '1e3',
        'é',
        '\n',
      ),
      maxLength: 12,
    })
    fc.assert(
      fc.property(noise, (written) => {
        const read = parseScopeLine(written)
        if (!read.ok) return assert.equal(read.refusal.code, 'input.invalid')
        const again = mustBe(parseScopeLine(describeScopeLine(read.value)))
        assert.equal(describeScopeLine(again), describeScopeLine(read.value))
        assert.equal(JSON.stringify(again), JSON.stringify(read.value))
      }),
      { numRuns: 5_000 },
    )
  })

  const refused: Record<string, string> = {
    'a service without saying what on it': 'shop',
    nothing: '',
    'an effect that is none': 'any:shop',
    'an effect in capitals': 'Read:shop',
    'no effect before the colon': ':shop',
    'no operation after the slash': 'shop/',
    'three names': 'read:shop/one/two',
    'a star as a name': 'read:*',
    'uses of none': 'shop/one,uses=0',
    'uses beyond counting': 'shop/one,uses=100001',
    'uses in parts': 'shop/one,uses=1.5',
    'a bound that is no number': 'shop/one,a<=many',
    'a bound that is a fraction': 'shop/one,a<=1.5',
    'a bound without a number': 'shop/one,a<=',
    'a limit without a name': 'shop/one,=a',
    'an empty limit': 'shop/one,',
    'a line too long to show': `shop/one,a=${'x'.repeat(1_000)}`,
    'one limit twice, of which the second would win': 'shop/one,a<=5,a<=10',
    'one choice twice': 'shop/one,a=x,a=y',
    'uses twice': 'shop/one,uses=1,uses=5',
  }
  for (const [says, written] of Object.entries(refused)) {
    test(`with ${says} is refused`, () => {
      const read = parseScopeLine(written)
      assert.equal(!read.ok && read.refusal.code, 'input.invalid')
    })
  }

  test('may bound one argument from both sides', () => {
    assert.deepEqual(mustBe(parseScopeLine('shop/one, a>=2, a<=5, a~*, uses=3')), {
      resource: 'shop/one',
      arguments: { a: { atLeast: 2, atMost: 5, like: '*' } },
      uses: 3,
    })
  })
})

test('names are lowercase and end as they begin; operations may have capitals', () => {
  for (const good of ['a', 'a.b', 'a-b_c', '0', 'x'.repeat(64)]) assert.equal(isName(good), true, good)
  for (const bad of ['', 'A', '.a', 'a.', '-a', 'a/b', 'a b', 'é', 'x'.repeat(65), 'a\n', '__proto__'])
    assert.equal(isName(bad), false, bad)
  assert.deepEqual([isOperationName('getIncident'), isOperationName('a/b'), isOperationName('')], [true, false, false])
})
