/** One check for the same bytes, another one for any others, and none kept that found a fault. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PoliciesChecked, type PolicyTexts, checkedOnce } from './checked-policies.ts'
import { readRules } from '../decision/rules.ts'
import type { PolicyChecker } from './policy-checking.ts'

const checker: PolicyChecker = {
  check: () => Promise.reject(new Error('the check is handed in')),
  checkApplication: () => Promise.reject(new Error('the check is handed in')),
}

const base: PolicyTexts = {
  files: [
    { name: 'a.cedar', text: 'one' },
    { name: 'b.cedar', text: 'two' },
  ],
  schema: 'schema',
  known: new Map([['Role', new Set(['sre', 'ops'])]]),
}

const [a, b] = [base.files[0] ?? { name: '', text: '' }, base.files[1] ?? { name: '', text: '' }]

const others: readonly { readonly says: string; readonly texts: PolicyTexts }[] = [
  { says: 'another text', texts: { ...base, files: [a, { ...b, text: 'twp' }] } },
  { says: 'another name of a file', texts: { ...base, files: [a, { ...b, name: 'c.cedar' }] } },
  { says: 'another order of files', texts: { ...base, files: [b, a] } },
  {
    says: 'a letter slid from one file into the next',
    texts: {
      ...base,
      files: [
        { ...a, text: 'oneb' },
        { ...b, name: '.cedar' },
      ],
    },
  },
  { says: 'a file less', texts: { ...base, files: [a] } },
  { says: 'another schema', texts: { ...base, schema: 'schemb' } },
  { says: 'a name more', texts: { ...base, known: new Map([['Role', new Set(['sre', 'ops', 'dev'])]]) } },
  { says: 'a name less', texts: { ...base, known: new Map([['Role', new Set(['sre'])]]) } },
  { says: 'names of another type', texts: { ...base, known: new Map([['Service', new Set(['sre', 'ops'])]]) } },
  { says: 'two names instead of one', texts: { ...base, known: new Map([['Role', new Set(['sre', 'op', 's'])]]) } },
]

/** Answers each time something of its own. */
function counting(answer: () => PoliciesChecked | Promise<PoliciesChecked> = sound) {
  let calls = 0
  const check = async () => {
    calls += 1
    return answer()
  }
  return { check, calls: () => calls }
}

function sound(): PoliciesChecked {
  const read = readRules({ policies: [], files: [], schema: '' })
  assert.ok(read.ok)
  return { policies: [], rules: read.rules }
}

const fault: PoliciesChecked = { problems: [{ file: 'a.cedar', line: 1, column: 1, message: 'it broke off', remedy: 'again' }] }

/** Every test has a checker of its own, and with it what is kept. */
const fresh = () => ({ ...checker })

test('what was found sound is answered again, the very same', async () => {
  const own = fresh()
  const { check, calls } = counting()
  const first = await checkedOnce(own, base, check)
  const same = { ...base, files: base.files.map((each) => ({ ...each })), known: new Map([['Role', new Set(['ops', 'sre'])]]) }
  assert.equal(await checkedOnce(own, same, check), first)
  assert.equal(calls(), 1)
  assert.notEqual(await checkedOnce(fresh(), base, check), first)
  assert.equal(calls(), 2)
})

for (const { says, texts } of others)
  test(`${says} is checked by itself`, async () => {
    const own = fresh()
    const { check, calls } = counting()
    const first = await checkedOnce(own, base, check)
    assert.notEqual(await checkedOnce(own, texts, check), first)
    assert.equal(calls(), 2)
  })

test('who asks while it is being checked waits for that check', async () => {
  const own = fresh()
  const { promise, resolve } = Promise.withResolvers<PoliciesChecked>()
  const { check, calls } = counting(() => promise)
  const all = [1, 2, 3].map(() => checkedOnce(own, base, check))
  resolve(sound())
  const [first, ...rest] = await Promise.all(all)
  for (const each of rest) assert.equal(each, first)
  assert.equal(calls(), 1)
})

test('a fault is not kept, nor a check that threw', async () => {
  const own = fresh()
  const faulty = counting(() => fault)
  for (const _ of [1, 2]) assert.equal(await checkedOnce(own, base, faulty.check), fault)
  assert.equal(faulty.calls(), 2)
  const failing = counting(() => Promise.reject(new Error('no process')))
  for (const _ of [1, 2]) await assert.rejects(checkedOnce(own, base, failing.check), /no process/)
  assert.equal(failing.calls(), 2)
  const { check, calls } = counting()
  assert.ok('rules' in (await checkedOnce(own, base, check)))
  assert.equal(calls(), 1)
})

test('a few sets are kept, those asked for last, and of large ones fewer', async () => {
  const own = fresh()
  const { check, calls } = counting()
  const small = (text: string): PolicyTexts => ({ ...base, files: [{ name: 'a.cedar', text }] })
  for (const text of ['1', '2', '3', '4', '1', '5']) await checkedOnce(own, small(text), check)
  assert.equal(calls(), 5)
  await checkedOnce(own, small('1'), check)
  assert.equal(calls(), 5, 'the first was asked for again, and stayed')
  await checkedOnce(own, small('2'), check)
  assert.equal(calls(), 6, 'the second went')
  const large = (letter: string) => small(letter.repeat(1_500_000))
  await checkedOnce(own, large('x'), check)
  await checkedOnce(own, large('x'), check)
  assert.equal(calls(), 7, 'a large one is kept')
  await checkedOnce(own, large('y'), check)
  await checkedOnce(own, large('x'), check)
  assert.equal(calls(), 9, 'and not two of them')
})
