/** Coverage against naive readings of the same words: regular expressions, plain arithmetic, every line tried. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Fraction } from '../kernel/json.ts'
import type { Action, ArgumentValue } from '../model/actions.ts'
import { effects } from '../model/effects.ts'
import { mustBe } from '../kernel/result.ts'
import { type Counted, nothingCounted } from '../model/counting.ts'
import type { ArgumentConstraint, ScopeEntry } from '../model/grants.ts'
import { parseScopeLine } from '../model/scope.ts'
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
      sum: fc.record({ argument: fc.constantFrom('a', 'b'), atMost: fc.integer({ min: 1, max: 40 }) }),
      rate: fc.record({ atMost: fc.integer({ min: 1, max: 3 }), window: fc.constant(10_000) }),
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

  const now = 1_000_000
  /** Uses, amounts in whole units, and actions of the last ten seconds. */
  const taken = fc.record({ spent: fc.nat(3), whole: fc.nat(40), recent: fc.nat(3) })
  const countedOf = ({ spent, whole, recent }: { readonly spent: number; readonly whole: number; readonly recent: number }): Counted => ({
    spent,
    sum: whole * 10_000,
    recent: recent === 0 ? [] : [{ at: now - 9_999, actions: recent }],
  })

  test('carries an action by its first line without a count, else by the first that has room for it', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 4 }), action, fc.array(taken, { minLength: 4, maxLength: 4 }), (scope, act, figures) => {
        const fits = scope.map((line) => {
          const speaks =
            line.resource === `${act.service}/${act.operation}` || (line.effects !== undefined && line.resource === act.service)
          const effect = line.effects === undefined || line.effects.includes(act.effect)
          const given = Object.entries(line.arguments ?? {}).every(([name, each]) => {
            const at = act.arguments[name]
            return at !== undefined && meets(each, at)
          })
          return speaks && effect && given && (line.sum === undefined || typeof act.arguments[line.sum.argument] === 'number')
        })
        const roomy = scope.map(({ uses, sum, rate }, place) => {
          const { spent, whole, recent } = figures[place] ?? { spent: 0, whole: 0, recent: 0 }
          const amount = sum === undefined ? 0 : Number(act.arguments[sum.argument])
          const hasUse = uses === undefined || spent < uses
          const hasSum = sum === undefined || (whole < sum.atMost && whole + amount <= sum.atMost)
          return hasUse && hasSum && (rate === undefined || recent < rate.atMost)
        })
        const isFree = ({ uses, sum, rate }: ScopeEntry) => uses === undefined && sum === undefined && rate === undefined
        const free = scope.findIndex((line, place) => fits[place] === true && isFree(line))
        const counted = scope.findIndex((line, place) => fits[place] === true && !isFree(line) && roomy[place] === true)
        const found = covers(scope, act, (line) => countedOf(figures[line] ?? { spent: 0, whole: 0, recent: 0 }), now)
        if (free >= 0) assert.deepEqual(found, { covered: true, line: free, counted: false })
        else if (counted >= 0) assert.deepEqual(found, { covered: true, line: counted, counted: true })
        else assert.equal(found.covered, false)
      }),
      { numRuns: 5_000 },
    )
  })

  test('with fewer lines covers no more', () => {
    const none = () => nothingCounted
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 4 }), action, fc.nat(3), (scope, act, left) => {
        const fewer = scope.filter((_, place) => place !== left)
        if (covers(fewer, act, none, now).covered) assert.equal(covers(scope, act, none, now).covered, true)
      }),
    )
  })

  const refunding = (given: Record<string, ArgumentValue>): Action => ({
    protocol: 'http',
    service: 'shop',
    operation: 'refund',
    verb: 'POST',
    effect: 'execute',
    tier: 0,
    arguments: given,
    target: '',
  })
  const rows: readonly {
    readonly says: string
    readonly line: string
    readonly given: Record<string, ArgumentValue>
    readonly taken?: Counted
    readonly want: string
  }[] = [
    { says: 'the whole sum at once', line: 'sum(a)<=500', given: { a: 500 }, want: 'covered' },
    { says: 'a ten-thousandth too much', line: 'sum(a)<=500', given: { a: fraction('500.0001') }, want: 'sum: a has come to 0 of 500' },
    {
      says: 'the last ten-thousandth',
      line: 'sum(a)<=500',
      given: { a: fraction('0.0001') },
      taken: { spent: 7, sum: 4_999_999 },
      want: 'covered',
    },
    {
      says: 'nothing more once it is full, not even nothing',
      line: 'sum(a)<=500',
      given: { a: 0 },
      taken: { spent: 1, sum: 5_000_000 },
      want: 'sum: a has come to 500 of 500',
    },
    {
      says: 'an amount below nothing, which makes no room',
      line: 'sum(a)<=500',
      given: { a: -400 },
      taken: { spent: 1, sum: 5_000_000 },
      want: 'sum: a has come to 500 of 500',
    },
    { says: 'no amount', line: 'sum(a)<=500', given: {}, want: 'arguments: a' },
    { says: 'an amount as a text', line: 'sum(a)<=500', given: { a: '5' }, want: 'arguments: a' },
    { says: 'an amount in a list', line: 'sum(a)<=500', given: { a: ['5'] }, want: 'arguments: a' },
    { says: 'five digits after the point', line: 'sum(a)<=500', given: { a: fraction('0.00001') }, want: 'arguments: a' },
    { says: 'an amount with an exponent', line: 'sum(a)<=500', given: { a: fraction('1e2') }, want: 'arguments: a' },
    { says: 'an amount beyond every number', line: 'sum(a)<=500', given: { a: 2n ** 63n - 1n }, want: 'sum: a has come to 0 of 500' },
    { says: 'an amount beyond its own limit', line: 'a<=50,sum(a)<=500', given: { a: 51 }, want: 'arguments: a' },
    { says: 'the last use', line: 'uses=3', given: {}, taken: { spent: 2 }, want: 'covered' },
    { says: 'a use that came back', line: 'uses=3', given: {}, taken: { spent: 5, returned: 3 }, want: 'covered' },
    { says: 'no use', line: 'uses=3', given: {}, taken: { spent: 5, returned: 2 }, want: 'uses' },
    {
      says: 'one action too many in a minute',
      line: 'rate=2/1m',
      given: {},
      taken: {
        spent: 9,
        recent: [
          { at: now - 59_999, actions: 1 },
          { at: now, actions: 1 },
        ],
      },
      want: 'rate: 2 in 1m; one more in 1s',
    },
    {
      says: 'the next action when the first is a minute old',
      line: 'rate=2/1m',
      given: {},
      taken: {
        spent: 9,
        recent: [
          { at: now - 60_000, actions: 1 },
          { at: now, actions: 1 },
        ],
      },
      want: 'covered',
    },
    {
      says: 'what is spent before what must be waited for',
      line: 'uses=1,rate=1/1m',
      given: {},
      taken: { spent: 1, recent: [{ at: now, actions: 1 }] },
      want: 'uses',
    },
  ]
  for (const { says, line, given, taken: figures = nothingCounted, want } of rows)
    test(`with ${line}: ${says}: ${want}`, () => {
      const found = covers([mustBe(parseScopeLine(`shop/refund,${line}`))], refunding(given), () => figures, now)
      assert.equal(found.covered ? 'covered' : [found.why, ...(found.detail === undefined ? [] : [found.detail])].join(': '), want)
    })

  test('tells of the line that is nearest to a yes', () => {
    const scope = ['a<=1', 'uses=1', 'rate=1/1m'].map((line) => mustBe(parseScopeLine(`shop/refund,${line}`)))
    const full: Counted = { spent: 1, recent: [{ at: now, actions: 1 }] }
    const why = (...lines: readonly number[]) => {
      const found = covers(
        lines.flatMap((line) => scope[line] ?? []),
        refunding({ a: 5 }),
        () => full,
        now,
      )
      return found.covered ? 'covered' : found.why
    }
    assert.deepEqual(
      [why(), why(0), why(0, 1), why(1, 0), why(0, 1, 2), why(2, 1)],
      ['resource', 'arguments', 'uses', 'uses', 'rate', 'rate'],
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
      assert.equal(covers([{ resource: 'shop/one', arguments: limits }], act, () => nothingCounted, now).covered, false)
    }
    assert.equal(names({ resource: 'shop' }, act), false, 'a service without effects lends nothing')
  })
})
