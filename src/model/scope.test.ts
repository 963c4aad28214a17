/** Scope lines: what is written is what is kept, and what is kept is shown as it was written. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson } from '../kernel/json.ts'
import { mustBe } from '../kernel/result.ts'
import { effects } from './effects.ts'
import { formats } from './formats.ts'
import type { ArgumentConstraint, ScopeEntry } from './grants.ts'
import { describeScopeLine, isName, isOperationName, parseScopeLine } from './scope.ts'

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?$/)
const operation = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?$/)
const argument = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,8}$/).filter((text) => !['uses', 'rate', 'after'].includes(text))
const reserved = fc.constantFrom('uses', 'rate', 'after')
const text = fc.string({
  unit: fc.constantFrom('a', 'B', '0', '*', ' ', 'é', '=', '<', '~', '{', '"', ',', '|', '\n', ':', '[', ']', '}', '@', '\\'),
  maxLength: 6,
})
const constraint: fc.Arbitrary<ArgumentConstraint> = fc
  .record(
    {
      oneOf: fc.array(
        fc.oneof(
          text,
          fc.oneof(fc.array(fc.oneof(text, fc.boolean(), fc.integer())), fc.dictionary(text, fc.array(text))).map(canonicalJson),
        ),
        { minLength: 1, maxLength: 3 },
      ),
      like: text,
      format: fc.constantFrom(...formats),
      atLeast: fc.maxSafeInteger(),
      atMost: fc.maxSafeInteger(),
    },
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
const limits = fc.record(
  {
    uses: fc.integer({ min: 1, max: 100_000 }),
    sum: fc.record({ argument: fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,8}$/), atMost: fc.integer({ min: 1, max: 900_000_000_000 }) }),
    rate: fc.record({
      atMost: fc.integer({ min: 1, max: 100_000 }),
      window: fc.oneof(
        fc.integer({ min: 1, max: 3_599 }).map((seconds) => seconds * 1_000),
        fc.integer({ min: 1, max: 1_440 }).map((minutes) => minutes * 60_000),
      ),
    }),
    after: fc.tuple(name, operation).map((parts) => parts.join('/')),
  },
  { requiredKeys: [] },
)
const line: fc.Arbitrary<ScopeEntry> = fc
  .tuple(
    head,
    fc.dictionary(fc.oneof({ weight: 5, arbitrary: argument }, { weight: 1, arbitrary: reserved }), constraint, { maxKeys: 3 }),
    limits,
  )
  .map(([first, given, counted]) => ({ ...first, ...(Object.keys(given).length === 0 ? {} : { arguments: { ...given } }), ...counted }))
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
        'sum(a)',
        'rate',
        'after=',
        ':=',
        ':~',
        '@email',
        '[',
        ']',
        '{',
        '}',
        '"',
        '\\',
        '1',
        '/1m',
        '60s',
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
    'a sum of nothing': 'shop/one,sum()<=5',
    'a sum up to nothing': 'shop/one,sum(a)<=0',
    'a sum up to a fraction': 'shop/one,sum(a)<=1.5',
    'a sum beyond counting': 'shop/one,sum(a)<=900000000001',
    'a sum from below': 'shop/one,sum(a)>=5',
    'a sum of exactly so much': 'shop/one,sum(a)=5',
    'a sum of two': 'shop/one,sum(a+b)<=5',
    'two sums': 'shop/one,sum(a)<=5,sum(b)<=5',
    'a rate without a time': 'shop/one,rate=10',
    'a rate in no time': 'shop/one,rate=10/0s',
    'a rate of none': 'shop/one,rate=0/1m',
    'a rate in less than seconds': 'shop/one,rate=10/1500ms',
    'a rate beyond a day': 'shop/one,rate=10/2d',
    'a time that is not shown as it is': 'shop/one,rate=10/1h1m1s',
    'two rates': 'shop/one,rate=10/1m,rate=20/1h',
    'a rate that is bounded': 'shop/one,rate=1|2',
    'a format that is none': 'shop/one,a@mail',
    'two formats': 'shop/one,a@email,a@host',
    'a format of nothing': 'shop/one,@email',
    'an order after a service': 'bank/pay,after=bank',
    'an order after two': 'bank/pay,after=bank/lookup|bank/check',
    'two orders': 'bank/pay,after=bank/lookup,after=bank/check',
    'JSON that is none': 'shop/one,a:={x}',
    'JSON that does not end': 'shop/one,a:="x,b=y',
    'JSON with two readings': 'shop/one,a:={"x":1,"x":2}',
    'no JSON where it should be': 'shop/one,a:=',
    'a stroke after JSON': 'shop/one,a:="x"|',
    'a pattern that is no text': 'shop/one,a:~5',
    'two patterns': 'shop/one,a:~"x"|"y"',
    'a constant in two ways': 'shop/one,a=x,a:="y"',
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

  test('says in JSON what commas and strokes would part, and whole values', () => {
    const read = mustBe(
      parseScopeLine('shop/one, to:="a, b"|"c|d" , filter:={"b":[1,2], "a":"}"}|null, note:~"Dear *, yes", after:="x", when=a b'),
    )
    assert.deepEqual(read.arguments, {
      to: { oneOf: ['a, b', 'c|d'] },
      filter: { oneOf: ['{"a":"}","b":[1,2]}', 'null'] },
      note: { like: 'Dear *, yes' },
      after: { oneOf: ['x'] },
      when: { oneOf: ['a b'] },
    })
    assert.equal(
      describeScopeLine(read),
      'shop/one,to:="a, b"|"c|d",filter:={"a":"}","b":[1,2]}|"null",note:~"Dear *, yes",after:="x",when=a b',
    )
  })

  test('demands formats, and an order', () => {
    const read = mustBe(parseScopeLine('bank/pay, to@email, to~*@ours.example, uses=1, after=bank/lookUp'))
    assert.deepEqual(read, {
      resource: 'bank/pay',
      arguments: { to: { format: 'email', like: '*@ours.example' } },
      uses: 1,
      after: 'bank/lookUp',
    })
    assert.equal(describeScopeLine(read), 'bank/pay,to~*@ours.example,to@email,uses=1,after=bank/lookUp')
  })

  test('counts actions, what an argument comes to, and how fast', () => {
    const read = mustBe(parseScopeLine('shop/refund, amount<=50, sum(amount)<=500, rate=10/60s, uses=20'))
    assert.deepEqual(read, {
      resource: 'shop/refund',
      arguments: { amount: { atMost: 50 } },
      sum: { argument: 'amount', atMost: 500 },
      rate: { atMost: 10, window: 60_000 },
      uses: 20,
    })
    assert.equal(describeScopeLine(read), 'shop/refund,amount<=50,uses=20,sum(amount)<=500,rate=10/1m')
  })
})

test('names are lowercase and end as they begin; operations may have capitals', () => {
  for (const good of ['a', 'a.b', 'a-b_c', '0', 'x'.repeat(64)]) assert.equal(isName(good), true, good)
  for (const bad of ['', 'A', '.a', 'a.', '-a', 'a/b', 'a b', 'é', 'x'.repeat(65), 'a\n', '__proto__'])
    assert.equal(isName(bad), false, bad)
  assert.deepEqual([isOperationName('getIncident'), isOperationName('a/b'), isOperationName('')], [true, false, false])
})
