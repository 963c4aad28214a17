import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { evaluateMany, inOrderInSlices, searchAccess } from '../../src/control/authzen.ts'
import { nextToken, readPage } from '../../src/control/authzen-pages.ts'
import { describeRefusal, refuse } from '../../src/kernel/refusals.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import type { AccessPoint, AccessQuestion } from '../../src/model/access.ts'

const clock = { now: () => 0, after: () => () => undefined }
/** Time that runs so fast that every slice is over. */
const hasty = () => {
  let now = 0
  let turns = 0
  return { now: () => (now += 20), after: () => () => undefined, turn: () => Promise.resolve(void (turns += 1)), turns: () => turns }
}
const question: AccessQuestion = { subject: { type: 's', id: '' }, action: { name: 'a' }, resource: { type: 'r', id: 'x' }, context: {} }

function pointOf(ids: readonly string[], permitted: ReadonlySet<string>): AccessPoint {
  const sorted = [...ids].sort()
  return { evaluate: ({ subject }) => ({ decision: permitted.has(subject.id) }), candidates: () => sorted }
}

const texts = fc.uniqueArray(fc.string({ unit: 'grapheme' }), { maxLength: 60 })

test('pages of any size come to what would be permitted one by one, in order, each once', async () => {
  await fc.assert(
    fc.asyncProperty(texts, fc.array(fc.boolean(), { maxLength: 60 }), fc.integer({ min: 1, max: 7 }), async (ids, marks, limit) => {
      const permitted = new Set(ids.filter((_, place) => marks[place] === true))
      const point = pointOf(ids, permitted)
      const searched = { looksFor: 'subject', question } as const
      const found: string[] = []
      let page: { limit: number; token?: string } = { limit }
      for (let pages = 0; ; pages += 1) {
        assert.ok(pages <= ids.length + 1, 'it does not end')
        const at = mustBe(readPage(page, 'remit', searched))
        const one = await searchAccess(point, { ...searched, ...at }, clock)
        assert.ok(one.found.length <= limit)
        found.push(...one.found.map(({ id }) => id))
        const token = nextToken(one, at.limit, 'remit', searched)
        if (token === '') break
        page = { limit, token }
      }
      assert.deepEqual(found, [...permitted].sort())
    }),
  )
})

test('sorting in slices is sorting', async () => {
  const slices = { pause: () => Promise.resolve() }
  for (const count of [0, 1, 2_047, 2_048, 2_049, 10_000]) {
    const ids = Array.from({ length: count }, (_, n) => `${(n * 7_919) % 10_007}`)
    assert.deepEqual(await inOrderInSlices(ids, slices), [...ids].sort())
  }
})

test('others have their turn between two questions, and between two candidates', async () => {
  const ids = Array.from({ length: 50 }, (_, n) => `${n}`)
  const searching = hasty()
  await searchAccess(pointOf(ids, new Set(ids)), { looksFor: 'subject', question, limit: 50, after: undefined }, searching)
  assert.ok(searching.turns() >= 49)
  const evaluating = hasty()
  const questions = ids.map(() => done(question))
  await evaluateMany(pointOf(ids, new Set()), questions, 'execute_all', { clock: evaluating, fault: () => refuse('internal').refusal })
  assert.ok(evaluating.turns() >= 49)
})

test('a fault in one question is a no for it alone', async () => {
  const point: AccessPoint = {
    evaluate: ({ subject }) => {
      if (subject.id === 'bad') throw new Error('broken')
      return { decision: true }
    },
    candidates: () => [],
  }
  const ask = (id: string) => done({ ...question, subject: { type: 's', id } })
  const faults: unknown[] = []
  const answers = await evaluateMany(point, [ask('good'), ask('bad'), ask('good')], 'execute_all', {
    clock,
    fault: (cause) => {
      faults.push(cause)
      return refuse('internal', { detail: 'f00' }).refusal
    },
  })
  assert.deepEqual(
    answers.map(({ decision }) => decision),
    [true, false, true],
  )
  assert.equal(faults.length, 1)
  assert.deepEqual(answers[1]?.context, { error: { status: 500, message: describeRefusal(refuse('internal', { detail: 'f00' }).refusal) } })
})
