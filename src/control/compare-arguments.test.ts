import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fraction } from '../kernel/json.ts'
import { compareArguments, type KeptArguments } from './compare-arguments.ts'
import { recordedArguments } from './recorded-arguments.ts'

const long = 'x'.repeat(5_000)

const cases: readonly {
  readonly says: string
  readonly now: KeptArguments
  readonly earlier: readonly KeptArguments[]
  readonly want: readonly (readonly [name: string, is: string, before: readonly unknown[]])[]
}[] = [
  { says: 'with nothing to compare with, nothing is said', now: { to: 'eve' }, earlier: [], want: [] },
  {
    says: 'a number beyond all before, with the least and the most of them',
    now: { amount: 5_000 },
    earlier: [{ amount: 40 }, { amount: 120 }, { amount: 60 }],
    want: [['amount', 'beyond', [40, 120]]],
  },
  { says: 'below the least is beyond too', now: { amount: -1 }, earlier: [{ amount: 40 }], want: [['amount', 'beyond', [40]]] },
  {
    says: 'a number between others',
    now: { amount: 50 },
    earlier: [{ amount: 40 }, { amount: 60 }],
    want: [['amount', 'within', [40, 60]]],
  },
  {
    says: 'fractions and numbers beyond 2^53 are numbers',
    now: { a: new Fraction('0.5'), b: 2n ** 60n },
    earlier: [
      { a: 1, b: 3 },
      { a: new Fraction('0.75'), b: 2n ** 61n },
    ],
    want: [
      ['a', 'beyond', [new Fraction('0.75'), 1]],
      ['b', 'within', [3, 2n ** 61n]],
    ],
  },
  { says: 'always the same', now: { to: 'bob' }, earlier: [{ to: 'bob' }, { to: 'bob' }], want: [['to', 'same', ['bob']]] },
  { says: 'one of several', now: { to: 'bob' }, earlier: [{ to: 'bob' }, { to: 'amy' }], want: [['to', 'seen', ['bob', 'amy']]] },
  {
    says: 'never seen, beside the newest five of what was',
    now: { to: 'eve' },
    earlier: ['a', 'b', 'a', 'c', 'd', 'e', 'f'].map((to) => ({ to })),
    want: [['to', 'new', ['a', 'b', 'c', 'd', 'e']]],
  },
  { says: 'a text is not the number that it spells', now: { n: '1' }, earlier: [{ n: 1 }], want: [['n', 'new', [1]]] },
  { says: 'a list is one value', now: { to: ['a', 'b'] }, earlier: [{ to: ['b', 'a'] }], want: [['to', 'new', [['b', 'a']]]] },
  {
    says: 'not given before; given before and not now; given only at times',
    now: { force: true, note: 'x' },
    earlier: [{ dry_run: true, note: 'x' }, { dry_run: true }],
    want: [
      ['force', 'added', []],
      ['note', 'seen', ['x']],
      ['dry_run', 'absent', [true]],
    ],
  },
  { says: 'nothing is inherited', now: {}, earlier: [{}], want: [] },
  {
    says: 'what is called like a member of every object is an argument',
    now: JSON.parse('{"__proto__":1,"toString":2}'),
    earlier: [{}],
    want: [
      ['__proto__', 'added', []],
      ['toString', 'added', []],
    ],
  },
]

for (const { says, now, earlier, want } of cases) {
  test(says, () => {
    assert.deepEqual(
      compareArguments(now, earlier).map(({ name, is, before }) => [name, is, before]),
      want,
    )
  })
}

test('long values are told apart by their hash', () => {
  const kept = recordedArguments({ text: long })
  assert.deepEqual(
    [long, `${long}y`, `y${long.slice(1)}`].map((text) => compareArguments(recordedArguments({ text }), [kept])[0]?.is),
    ['same', 'new', 'new'],
  )
})
