/** Further demands of an approver: whatever meets the line afterwards met it before, and meets what was added. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { meets } from '../decision/covers.ts'
import { mustBe } from '../kernel/result.ts'
import { parseScopeLine } from '../model/scope.ts'
import { narrow } from './narrow.ts'
import { tighten } from './tighten.ts'
import type { Grant } from '../model/grants.ts'

const line = (text: string) => mustBe(parseScopeLine(text))

describe('a further demand on an argument', () => {
  const part = fc.constantFrom(
    'a=1',
    'a=1|2',
    'a=2|3',
    'a<=2',
    'a<=3',
    'a>=1',
    'a>=2',
    'a~*',
    'a~1*',
    'a~*@b.example',
    'a@email',
    'a@host',
    'b=x',
    'a:="x, y"|"1"',
  )
  const parts = fc.uniqueArray(part, { maxLength: 3 }).map((each) => each.join(','))
  const value = fc.constantFrom(0, 1, 2, 3, 4, '1', '2', 'x, y', 'c@b.example', 'b.example', ['1', '2'])

  test('never takes one away', () => {
    let tightened = 0
    fc.assert(
      fc.property(parts, parts, value, (known, added, given) => {
        const before = parseScopeLine(`shop/one,uses=3${known === '' ? '' : `,${known}`}`)
        if (!before.ok) return
        const after = tighten(before.value, added)
        if (!after.ok) return assert.match(after.refusal.code, /^(approval\.widens|input\.invalid)$/)
        tightened += 1
        const { arguments: now = {}, ...rest } = after.value
        const { arguments: then = {}, ...same } = before.value
        assert.deepEqual(rest, same)
        for (const name of Object.keys(then)) assert.ok(Object.hasOwn(now, name), name)
        const demanded = line(`shop/one,${added}`).arguments ?? {}
        for (const [name, constraint] of Object.entries(now)) {
          if (!meets(constraint, given)) continue
          assert.ok(then[name] === undefined || meets(then[name], given), `${name} met ${known} no more`)
          assert.ok(demanded[name] === undefined || meets(demanded[name], given), `${name} never met ${added}`)
        }
      }),
      { numRuns: 4_000 },
    )
    assert.ok(tightened > 500, `${tightened}`)
  })

  const refused: Record<string, readonly [string, string]> = {
    'a higher bound': ['shop/one,a<=5', 'a<=6'],
    'a lower bound from below': ['shop/one,a>=5', 'a>=4'],
    'another choice': ['shop/one,a=x|y', 'a=x|z'],
    'another pattern': ['shop/one,a~x*', 'a~xy*'],
    'another format': ['shop/one,a@email', 'a@host'],
    'what is counted': ['shop/one', 'uses=5'],
    'an order': ['shop/one', 'after=shop/two'],
  }
  for (const [says, [known, added]] of Object.entries(refused))
    test(`is not ${says}`, () => {
      const after = tighten(line(known), added)
      assert.equal(!after.ok && after.refusal.code, 'approval.widens')
    })

  test('is not one that cannot be read, or not be shown', () => {
    for (const added of ['', 'x', 'a=1,,b=2', 'shop/two', `b=${'y'.repeat(980)}`]) {
      const after = tighten(line('shop/one,a:="a long, long text that is here already"'), added)
      assert.equal(!after.ok && after.refusal.code, 'input.invalid', added)
    }
  })

  test('is signed, and said of a line that stays', () => {
    const grant = {
      scope: [line('shop/one,a<=5'), line('shop/two')],
      duration: 1_000,
      durationMax: 1_000,
      digest: 'v1:0',
    } as unknown as Grant
    const narrowed = mustBe(narrow(grant, { where: { '0': 'a<=3,to@email' } }))
    assert.deepEqual(narrowed.scope, [line('shop/one,a<=3,to@email'), line('shop/two')])
    assert.notEqual(narrowed.digest, mustBe(narrow(grant, { where: { '0': 'a<=2,to@email' } })).digest)
    const stray = narrow(grant, { lines: [1], where: { '0': 'a<=3' } })
    assert.equal(!stray.ok && stray.refusal.code, 'approval.widens')
  })
})
