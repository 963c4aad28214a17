/** Whether the yeses are enough, against every way of seating the persons. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  type Approver,
  isMember,
  isSatisfied,
  mayCount,
  needsPersons,
  noRequirement,
  personsWanted,
  type Requirement,
} from './requirements.ts'
import { parseSelector, type SelectorMember, uniteSelectors } from './selector.ts'
import { mustBe } from '../kernel/result.ts'

const member: fc.Arbitrary<SelectorMember> = fc.oneof(
  fc.record({ kind: fc.constant('role' as const), name: fc.constantFrom('sre', 'boss') }),
  fc.record({ kind: fc.constant('identity' as const), name: fc.constantFrom('p0', 'p1') }),
)
const requirement: fc.Arbitrary<Requirement> = fc.record({
  selector: fc.record({
    parts: fc.array(fc.record({ count: fc.integer({ min: 1, max: 2 }), from: fc.array(member, { minLength: 1, maxLength: 2 }) }), {
      maxLength: 3,
    }),
  }),
  personsMin: fc.integer({ min: 0, max: 3 }),
})
const persons: fc.Arbitrary<readonly Approver[]> = fc
  .array(fc.subarray(['sre', 'boss']), { maxLength: 5 })
  .map((roles) => roles.map((each, number) => ({ id: `idn_${number}`, name: `p${number}`, roles: each })))

function bruteForce({ selector, personsMin }: Requirement, yes: readonly Approver[]): boolean {
  const seats = selector.parts.flatMap((part) => Array.from({ length: part.count }, () => part.from))
  if (yes.length < Math.max(seats.length, personsMin)) return false
  const seat = (place: number, left: readonly Approver[]): boolean => {
    const from = seats[place]
    return (
      from === undefined ||
      left.some(
        (person) =>
          isMember(person, from) &&
          seat(
            place + 1,
            left.filter((other) => other !== person),
          ),
      )
    )
  }
  return seat(0, yes)
}

describe('a requirement', () => {
  test('is met exactly when there is a way to seat the persons', () => {
    fc.assert(
      fc.property(requirement, persons, (wanted, yes) => assert.equal(isSatisfied(wanted, yes), bruteForce(wanted, yes))),
      { numRuns: 5_000 },
    )
  })

  test('is not met by one person said twice', () => {
    fc.assert(
      fc.property(requirement, persons, (wanted, yes) => assert.equal(isSatisfied(wanted, [...yes, ...yes]), isSatisfied(wanted, yes))),
    )
  })

  test('once met stays met with more persons, and is met by those alone who may count', () => {
    fc.assert(
      fc.property(requirement, persons, (wanted, yes) => {
        const counting = yes.filter((person) => mayCount(wanted, person))
        if (!isSatisfied(wanted, yes)) return assert.equal(isSatisfied(wanted, yes.slice(1)), false)
        if (wanted.personsMin <= wanted.selector.parts.reduce((sum, part) => sum + part.count, 0))
          assert.equal(isSatisfied(wanted, counting), true)
      }),
      { numRuns: 2_000 },
    )
  })

  test('of several policies is at least as hard as each of them', () => {
    const selector = requirement.map((each) => each.selector)
    fc.assert(
      fc.property(selector, selector, persons, (one, two, yes) => {
        const both = { selector: uniteSelectors([one, two]), personsMin: 0 }
        if (!isSatisfied(both, yes)) return
        // Parts of one selector that ask the same twice become one, which is what a union is.
        for (const each of [uniteSelectors([one]), uniteSelectors([two])])
          assert.equal(isSatisfied({ selector: each, personsMin: 0 }, yes), true)
      }),
      { numRuns: 2_000 },
    )
  })

  test('a person who fits two places fills one', () => {
    const wanted = { selector: mustBe(parseSelector('role:sre, role:boss')), personsMin: 0 }
    const both = { id: 'a', name: 'a', roles: ['sre', 'boss'] }
    assert.equal(isSatisfied(wanted, [both]), false)
    assert.equal(isSatisfied(wanted, [both, { id: 'b', name: 'b', roles: ['boss'] }]), true)
    assert.equal(personsWanted(wanted), 2)
  })

  test('for nobody needs nobody', () => {
    assert.deepEqual([needsPersons(noRequirement), isSatisfied(noRequirement, []), personsWanted(noRequirement)], [false, true, 0])
  })
})
