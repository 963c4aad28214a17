/** Every life, step by step, written out as the design has it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { changeSetLife, exceptionLife, grantLife, holdLife, sessionLife, step } from './lives.ts'

type Table = Readonly<Record<string, Readonly<Partial<Record<string, string>>>>>

const lives: readonly {
  readonly name: string
  readonly life: Table
  readonly events: readonly string[]
  readonly steps: string
  readonly ends: string
}[] = [
  {
    name: 'a request and its grant',
    life: grantLife,
    events: ['submit', 'approve', 'deny', 'withdraw', 'activate', 'unclaim', 'end'],
    steps:
      'requested submit pending, requested deny denied, pending approve approved, pending deny denied, pending withdraw withdrawn, approved activate active, approved unclaim unclaimed, active end ended',
    ends: 'denied, ended, unclaimed, withdrawn',
  },
  {
    name: 'a hold',
    life: holdLife,
    events: ['approve', 'spend', 'deny', 'expire', 'withdraw'],
    steps:
      'waiting approve approved, waiting deny denied, waiting expire expired, waiting withdraw withdrawn, approved spend spent, approved expire expired, approved withdraw withdrawn',
    ends: 'denied, expired, spent, withdrawn',
  },
  { name: 'a session', life: sessionLife, events: ['end'], steps: 'live end ended', ends: 'ended' },
  {
    name: 'an exception',
    life: exceptionLife,
    events: ['approve', 'deny', 'withdraw', 'end'],
    steps: 'proposed approve active, proposed deny denied, proposed withdraw withdrawn, active end ended',
    ends: 'denied, ended, withdrawn',
  },
  {
    name: 'a change-set',
    life: changeSetLife,
    events: ['apply', 'deny', 'withdraw', 'outdate', 'expire'],
    steps: 'proposed apply applied, proposed deny denied, proposed withdraw withdrawn, proposed outdate stale, proposed expire expired',
    ends: 'applied, denied, expired, stale, withdrawn',
  },
]

for (const { name, life, events, steps, ends } of lives) {
  describe(name, () => {
    test('takes these steps and no other', () => {
      const found = Object.keys(life).flatMap((state) =>
        events.flatMap((event) => {
          const next = step(life, state, event)
          return next === undefined ? [] : [`${state} ${event} ${next}`]
        }),
      )
      assert.equal(found.join(', '), steps)
    })

    test('comes to an end from everywhere, and nothing comes back from it', () => {
      const closed = Object.keys(life).filter((state) => events.every((event) => step(life, state, event) === undefined))
      assert.equal(closed.toSorted().join(', '), ends)
      const reaches = (state: string, seen: readonly string[] = []): boolean =>
        closed.includes(state) ||
        events.some((event) => {
          const next = step(life, state, event)
          return next !== undefined && !seen.includes(next) && reaches(next, [...seen, next])
        })
      for (const state of Object.keys(life)) assert.ok(reaches(state), state)
    })
  })
}
