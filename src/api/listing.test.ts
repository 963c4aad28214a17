import assert from 'node:assert/strict'
import test from 'node:test'
import { findSeen } from './listing.ts'

const all = Array.from({ length: 5_000 }, (_, place) => ({ id: String(place).padStart(5, '0'), place }))
const read = async ({ max, after = '' }: { readonly max: number; readonly after?: string }) =>
  all.filter(({ id }) => id > after).slice(0, max)

test('pages put together hold exactly what may be seen, once each, however sparse', async () => {
  for (const every of [1, 7, 1_000, 4_999]) {
    const seen: number[] = []
    let after: string | undefined
    let pages = 0
    do {
      const page = await findSeen(read, ({ place }) => place % every === 0, { max: 100, ...(after === undefined ? {} : { after }) })
      assert.ok(page.found.length <= 100)
      seen.push(...page.found.map(({ place }) => place))
      after = page.next
      pages += 1
    } while (after !== undefined && pages < 100)
    assert.deepEqual(
      seen,
      all.map(({ place }) => place).filter((place) => place % every === 0),
    )
  }
})

test('one call looks at a bounded number of records', async () => {
  let lookedAt = 0
  const page = await findSeen(read, () => ((lookedAt += 1), false), { max: 10 })
  assert.deepEqual(page.found, [])
  assert.equal(lookedAt, 2_000)
  assert.equal(page.next, '01999')
})
