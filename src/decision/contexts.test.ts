/** What policies may read of the moment: exact values, claimed and proved apart, nothing that cannot be said. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Fraction } from '../kernel/json.ts'
import type { ArgumentValue } from '../model/actions.ts'
import type { Task } from '../model/grants.ts'
import { CedarSet } from './cedar/values.ts'
import { askContext, callContext } from './contexts.ts'

const fact = (name: string, value: string) => ({ name, value, source: 'test', at: 0 })
const task: Task = {
  kind: 'incident',
  statement: 'why',
  claimed: [fact('ticket', 'typed')],
  proved: [fact('ticket', 'OPS-1'), fact('ci.run', '7')],
}
const call = (given: Readonly<Record<string, ArgumentValue>>, address = '127.0.0.1') =>
  callContext({
    task,
    action: { protocol: 'http', service: 'shop', operation: 'x', verb: 'GET', effect: 'read', tier: 0, arguments: given, target: '' },
    address,
    refusals: 3,
    now: 1_000,
  })

/** A value of Cedar's in words: its type and text. */
function said(value: unknown): string {
  if (typeof value === 'bigint') return `long ${value}`
  if (value instanceof CedarSet) return 'set'
  return typeof value === 'object' && value !== null ? value.constructor.name : `${typeof value} ${String(value)}`
}

describe('an argument', () => {
  const rows: readonly (readonly [value: ArgumentValue, want: string | undefined])[] = [
    ['text', 'string text'],
    [true, 'boolean true'],
    [7, 'long 7'],
    [9_007_199_254_740_993n, 'long 9007199254740993'],
    [Number.MAX_SAFE_INTEGER, 'long 9007199254740991'],
    [new Fraction('1.2345'), 'Decimal'],
    [new Fraction('1.23456'), undefined],
    [new Fraction('1e2'), undefined],
    [0.5, undefined],
    [2 ** 53, undefined],
    [['a', 'b'], 'set'],
  ]
  for (const [value, want] of rows) {
    const written = value instanceof Fraction ? `${value.text} as written` : String(value)
    test(`${typeof value} ${written} ${want === undefined ? 'cannot be said, so nothing can be allowed' : `is ${want}`}`, () => {
      const context = call({ x: value })
      const given = context?.get('arguments')
      assert.equal(given instanceof Map ? said(given.get('x')) : undefined, want)
    })
  }
})

describe('the moment', () => {
  test('tells what was claimed from what was proved', () => {
    const context = askContext({ task, effect: 'read', duration: 1_500, now: 1_000 })
    const member = (name: string, of: string) => {
      const record = context.get(name)
      return record instanceof Map ? record.get(of) : undefined
    }
    assert.deepEqual([member('claimed', 'ticket'), member('proved', 'ticket'), member('task', 'ticket')], ['typed', 'OPS-1', 'typed'])
    assert.equal(context.get('seconds'), 2n, 'rounded up, so that a policy on length sees no less than is asked for')
  })

  test('without anything proved leaves it absent, not empty', () => {
    const bare: Task = { kind: 'work', statement: '', claimed: [], proved: [] }
    const proved = askContext({ task: bare, effect: 'read', duration: 1, now: 0 }).get('proved')
    assert.equal(proved instanceof Map && proved.has('ticket'), false)
  })

  test('from an address that is none cannot be said', () => {
    assert.equal(call({}, 'somewhere'), undefined)
    assert.notEqual(call({}, '::1'), undefined)
  })
})
