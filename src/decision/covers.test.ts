/** Coverage against naive readings of the same words: regular expressions, plain arithmetic, every line tried. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Fraction } from '../kernel/json.ts'
import type { Action, ArgumentValue } from '../model/actions.ts'
import { effects } from '../model/effects.ts'
import type { ArgumentConstraint, ScopeEntry } from '../model/grants.ts'
import { covers, matchesPattern, meets, names } from './covers.ts'

const fraction = (text: string) => new Fraction(text)
const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.', '\n', '𝒂', '\\'), maxLength: 12 })
const naivePattern = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
      .join('[^]*')}$`,
  )

describe('a pattern', () => {
  test('matches what the same regular expression matches', () => {
    fc.assert(
      fc.property(letters, letters, (pattern, text) => assert.equal(matchesPattern(pattern, text), naivePattern(pattern).test(text))),
      { numRuns: 5_000 },
    )
  })

  test('is answered at once, whatever stars it has', () => {
    const text = 'a'.repeat(8_000)
    assert.equal(matchesPattern(`${'a*'.repeat(400)}b`, text), false)
    assert.equal(matchesPattern(`${'*'.repeat(4_000)}`, text), true)
  })
})

describe('a limit on an argument', () => {
  const rows: readonly { readonly limit: ArgumentConstraint; readonly value: ArgumentValue; readonly want: boolean }[] = [
    { limit: { oneOf: ['a', 'b'] }, value: 'b', want: true },
    { limit: { oneOf: ['a'] }, value: 'A', want: false },
    { limit: { oneOf: ['7'] }, value: 7, want: true },
    { limit: { oneOf: ['7'] }, value: 7n, want: true },
    { limit: { oneOf: ['7'] }, value: fraction('7.0'), want: false },
    { limit: { oneOf: ['7.0'] }, value: fraction('7.0'), want: true },
    { limit: { oneOf: ['true'] }, value: true, want: true },
    { limit: { oneOf: [] }, value: '', want: false },
    { limit: { like: 'check*' }, value: 'checkout', want: true },
    { limit: { like: 'check*' }, value: 'precheck', want: false },
    { limit: { atMost: 5 }, value: 5, want: true },
    { limit: { atMost: 5 }, value: 6, want: false },
    { limit: { atMost: 5 }, value: fraction('5.0001'), want: false },
    { limit: { atMost: 5 }, value: fraction('4.9999'), want: true },
    { limit: { atLeast: -1 }, value: fraction('-1.5'), want: false },
    { limit: { atLeast: -1 }, value: fraction('-0.5'), want: true },
    { limit: { atMost: Number.MAX_SAFE_INTEGER }, value: 9_007_199_254_740_992n, want: false },
    { limit: { atMost: 5 }, value: '3', want: false },
    { limit: { atMost: 5 }, value: true, want: false },
    { limit: { atMost: 5 }, value: fraction('1e0'), want: false },
    { limit: { oneOf: ['a', 'b'] }, value: ['a', 'b', 'a'], want: true },
    { limit: { oneOf: ['a'] }, value: ['a', 'b'], want: false },
    { limit: { oneOf: ['a'] }, value: [], want: false },
    { limit: { like: '*' }, value: [], want: false },
    { limit: { oneOf: ['a'], like: 'b*' }, value: 'a', want: false },
    { limit: {}, value: 'anything', want: true },
  ]
  for (const { limit, value, want } of rows) {
    const told = Array.isArray(value) ? JSON.stringify(value) : String(value instanceof Fraction ? value.text : value)
    test(`${JSON.stringify(limit)} and ${typeof value} ${told}: ${want ? 'met' : 'not met'}`, () => assert.equal(meets(limit, value), want))
  }

  test('compares numbers of any size and form exactly', () => {
    const number = fc.oneof(
      fc.maxSafeInteger(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc
        .tuple(fc.integer({ min: -9_999, max: 9_999 }), fc.integer({ min: 0, max: 9_999 }))
        .map(([whole, digits]) => fraction(`${whole}.${String(digits).padStart(4, '0')}`)),
    )
    const scaled = (value: number | bigint | Fraction): bigint => {
      if (!(value instanceof Fraction)) return BigInt(value) * 10_000n
      const [whole = '', digits = ''] = value.text.split('.')
      return BigInt(`${whole}${digits}`)
    }
    fc.assert(
      fc.property(number, fc.maxSafeInteger(), (value, bound) => {
        assert.equal(meets({ atMost: bound }, value), scaled(value) <= BigInt(bound) * 10_000n)
        assert.equal(meets({ atLeast: bound }, value), scaled(value) >= BigInt(bound) * 10_000n)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('a scope', () => {
  const value = fc.constantFrom<ArgumentValue>('x', 'y', 3, 30)
  const limit = fc.constantFrom<ArgumentConstraint>({ oneOf: ['x'] }, { like: '*' }, { atMost: 5 }, { oneOf: ['y', '3'], atLeast: 1 })
  const entry: fc.Arbitrary<ScopeEntry> = fc.record(
    {
      resource: fc.constantFrom('shop', 'shop/one', 'shop/two', 'bank', 'shop/on'),
      effects: fc.subarray([...effects], { minLength: 1 }),
      arguments: fc.dictionary(fc.constantFrom('a', 'b'), limit, { maxKeys: 2 }),
      uses: fc.integer({ min: 1, max: 3 }),
    },
    { requiredKeys: ['resource'] },
  )
  const action: fc.Arbitrary<Action> = fc.record({
    protocol: fc.constant('http' as const),
    service: fc.constantFrom('shop', 'bank'),
    operation: fc.constantFrom('one', 'two'),
    verb: fc.constant('GET'),
    effect: fc.constantFrom(...effects),
    tier: fc.constant(0 as const),
    arguments: fc.dictionary(fc.constantFrom('a', 'b'), value, { maxKeys: 2 }),
    target: fc.constant(''),
  })

  test('carries an action by its first line without a count, else by the first with uses left', () => {
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 4 }),
        action,
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 4 }),
        (scope, act, spent) => {
          const fits = scope.map((line) => {
            const speaks =
              line.resource === `${act.service}/${act.operation}` || (line.effects !== undefined && line.resource === act.service)
            const effect = line.effects === undefined || line.effects.includes(act.effect)
            const given = Object.entries(line.arguments ?? {}).every(([name, each]) => {
              const at = act.arguments[name]
              return at !== undefined && meets(each, at)
            })
            return speaks && effect && given
          })
          const free = scope.findIndex((line, place) => fits[place] === true && line.uses === undefined)
          const counted = scope.findIndex(
            (line, place) => fits[place] === true && line.uses !== undefined && (spent[place] ?? 0) < line.uses,
          )
          const found = covers(scope, act, (line) => spent[line] ?? 0)
          if (free >= 0) assert.deepEqual(found, { covered: true, line: free, counted: false })
          else if (counted >= 0) assert.deepEqual(found, { covered: true, line: counted, counted: true })
          else assert.equal(found.covered, false)
        },
      ),
      { numRuns: 3_000 },
    )
  })

  test('with fewer lines covers no more', () => {
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 4 }), action, fc.nat(3), (scope, act, left) => {
        const fewer = scope.filter((_, place) => place !== left)
        if (covers(fewer, act, () => 0).covered) assert.equal(covers(scope, act, () => 0).covered, true)
      }),
    )
  })

  test('reads an argument that only the language knows as absent', () => {
    const act = {
      protocol: 'http',
      service: 'shop',
      operation: 'one',
      verb: 'GET',
      effect: 'read',
      tier: 0,
      arguments: {},
      target: '',
    } as const
    for (const name of ['constructor', '__proto__', 'toString']) {
      const limits = Object.fromEntries([[name, { like: '*' }]])
      assert.equal(covers([{ resource: 'shop/one', arguments: limits }], act, () => 0).covered, false)
    }
    assert.equal(names({ resource: 'shop' }, act), false, 'a service without effects lends nothing')
  })
})
