import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../kernel/json.ts'
import { RecentRows, type Wanted } from './recent-rows.ts'

const ulid = (last: string) => last.padStart(26, '0')
const agent = `idn_${ulid('1')}` as const
const person = `idn_${ulid('2')}` as const
const own = `grn_${ulid('3')}` as const
const other = `grn_${ulid('4')}` as const
const asked = `hld_${ulid('5')}` as const
const hold = `hld_${ulid('6')}` as const

const wanted: Wanted = { identity: agent, resource: 'bank/pay', grant: own, hold: asked, until: 100, sees: () => true }

const pay = (amount: number, more: JsonObject = {}): JsonObject => ({
  type: 'decision',
  at: 50,
  chain: [agent],
  resource: 'bank/pay',
  outcome: 'allow',
  grant: own,
  arguments: { amount },
  ...more,
})
const no = (amount: number, more: JsonObject = {}) => pay(amount, { outcome: 'deny', refusal: 'action.forbidden', ...more })

const cases: readonly {
  readonly says: string
  /** The newest first. */
  readonly entries: readonly JsonObject[]
  readonly wanted?: Partial<Wanted>
  readonly rows: readonly string[]
  /** Let through, held, denied: under the grant of the hold, and under others. */
  readonly counts: readonly [own: string, others: string]
  readonly done?: readonly number[]
}[] = [
  { says: 'nothing of nothing', entries: [], rows: [], counts: ['0 0 0', '0 0 0 of 0'] },
  {
    says: 'five rows, and all are counted; of those that were let through, five too',
    entries: [1, 2, 3, 4, 5, 6, 7].map((amount) => pay(amount)),
    rows: ['allow 1', 'allow 2', 'allow 3', 'allow 4', 'allow 5'],
    counts: ['7 0 0', '0 0 0 of 0'],
    done: [1, 2, 3, 4, 5],
  },
  {
    says: 'refusals in a row that are alike are one row; those between which something else was are not',
    entries: [no(1), no(1), no(2), no(1), pay(3), no(1, { refusal: 'grant.uses' }), no(1)],
    rows: ['deny 1 x2', 'deny 2', 'deny 1', 'allow 3', 'deny 1'],
    counts: ['1 0 6', '0 0 0 of 0'],
    done: [3],
  },
  {
    says: 'a refusal under another grant, or with a further argument, is not alike',
    entries: [no(1), no(1, { grant: other }), no(1, { grant: other, arguments: { amount: 1, force: true } })],
    rows: ['deny 1', 'deny 1', 'deny 1'],
    counts: ['0 0 1', '0 0 2 of 1'],
  },
  {
    says: 'what was let through is told one by one',
    entries: [pay(1), pay(1)],
    rows: ['allow 1', 'allow 1'],
    counts: ['2 0 0', '0 0 0 of 0'],
    done: [1, 1],
  },
  {
    says: 'rows behind the fifth that was let through are found although refusals stand before them',
    entries: [...[1, 2, 3, 4, 5, 6].map((amount) => no(amount)), pay(7), pay(8)],
    rows: ['deny 1', 'deny 2', 'deny 3', 'deny 4', 'deny 5'],
    counts: ['2 0 6', '0 0 0 of 0'],
    done: [7, 8],
  },
  {
    says: 'asked three times, approved and sent is one action; the hold that is asked about is none',
    entries: [
      pay(9, { outcome: 'held', hold: asked }),
      pay(1, { hold }),
      pay(1, { outcome: 'held', hold }),
      pay(1, { outcome: 'held', hold }),
      pay(9, { outcome: 'held', hold: asked }),
    ],
    rows: ['allow 1'],
    counts: ['1 0 0', '0 0 0 of 0'],
    done: [1],
  },
  {
    says: 'refused for want of a grant is counted with the others, and is no grant',
    entries: [{ ...no(1, { refusal: 'grant.missing' }), grant: null }],
    rows: ['deny 1'],
    counts: ['0 0 0', '0 0 1 of 0'],
  },
  {
    says: 'of others, of other operations, later, and unseen: nothing',
    entries: [
      pay(1, { chain: [person] }),
      pay(2, { chain: [person, agent] }),
      pay(3, { resource: 'bank/pay-back' }),
      pay(4, { at: 101 }),
      pay(5, { chain: [agent, person] }),
      pay(6, { type: 'outcome' }),
    ],
    wanted: { sees: (chain) => chain.length === 1 },
    rows: [],
    counts: ['0 0 0', '0 0 0 of 0'],
  },
  {
    says: 'what is not as Remit writes it: nothing',
    entries: [
      pay(1, { at: '50' }),
      pay(2, { outcome: 'yes' }),
      pay(3, { chain: 'idn_1' }),
      pay(4, { chain: [] }),
      pay(5, { arguments: [] }),
      pay(6, { arguments: { amount: { sha256: 1 } } }),
    ],
    rows: [],
    counts: ['0 0 0', '0 0 0 of 0'],
  },
]

for (const { says, entries, wanted: more, rows, counts, done = [] } of cases) {
  test(says, () => {
    const recent = new RecentRows<number>({ ...wanted, ...more })
    for (const [place, entry] of entries.entries()) recent.add(entry, place)
    const amountOf = (given: object) => ('amount' in given ? Number(given.amount) : Number.NaN)
    assert.deepEqual(
      recent.rows.map(({ action }) => `${action.outcome} ${amountOf(action.arguments)}${action.times === 1 ? '' : ` x${action.times}`}`),
      rows,
    )
    const { thisGrant, otherGrants } = recent.counts
    const told = ({ allowed, held, denied }: typeof thisGrant) => `${allowed} ${held} ${denied}`
    assert.deepEqual([told(thisGrant), `${told(otherGrants)} of ${otherGrants.grants}`], counts)
    assert.deepEqual(
      recent.done.map((action) => amountOf(action.arguments)),
      done,
    )
  })
}
