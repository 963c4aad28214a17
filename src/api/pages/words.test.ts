/** What a person reads of a scope line before they sign: everything that bounds it, in words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mustBe } from '../../kernel/result.ts'
import { parseScopeLine } from '../../model/scope.ts'
import { limitsInWords, scopeInWords } from './words.ts'

const rows: readonly { readonly line: string; readonly words: string; readonly limits: readonly string[] }[] = [
  { line: 'read|execute:shop', words: 'execute and read: anything on shop', limits: [] },
  { line: 'shop/restart,uses=1', words: 'the operation restart of shop', limits: ['once'] },
  {
    line: 'shop/refund,amount<=50,uses=3,sum(amount)<=500,rate=10/1m',
    words: 'the operation refund of shop, where amount is at most 50',
    limits: ['3 times', 'amount up to 500 in all', 'at most 10 in any 1m'],
  },
]

for (const { line, words, limits } of rows)
  test(`${line} is told in words`, () => {
    const entry = mustBe(parseScopeLine(line))
    assert.equal(scopeInWords(entry), words)
    assert.deepEqual(limitsInWords(entry), limits)
  })
