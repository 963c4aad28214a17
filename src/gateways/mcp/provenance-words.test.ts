/** The words that are kept of what was told: the quick way to them against the plain one, and that none is left out in silence. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Known, Memory, memoryLimits } from './provenance.ts'
import { addWords, isTelling, normalised, numberText, wholeMax, wordsOf } from './provenance-words.ts'

/** Forms, signs and blanks one after the other, as the definition has them. */
function plainly(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
    .toLowerCase()
    .replace(/\s+/gu, ' ')
    .trim()
}

function wordsPlainly(text: string): Set<string> {
  const words = new Set<string>()
  for (const run of text.split(' ')) {
    const [word] = /[\p{L}\p{N}](?:.*[\p{L}\p{N}])?/su.exec(run.slice(0, 128)) ?? []
    if (word === undefined) continue
    const whole = numberText(word)
    for (const each of [whole, ...(whole.match(/[\p{L}\p{N}]+/gu) ?? [])]) if (isTelling(each)) words.add(each.slice(0, 128))
  }
  return words
}

const blank = fc.constantFrom(
  ' ',
  '  ',
  '\t',
  '\n',
  '\r\n',
  '\v',
  '\f',
  '\u00a0',
  '\u2003',
  '\u2028',
  '\u3000',
  '\ufeff',
  '\u200b',
  '\u00ad',
  '\0',
  '\u001f',
)
const word = fc.oneof(
  fc.stringMatching(/^[a-z0-9]{1,9}$/),
  fc.constantFrom(
    'Eve@Evil.Example',
    '50.00',
    '-50.10',
    '1,000',
    '0',
    '007',
    '…',
    'ſtraße',
    'ΟΔΟΣ',
    'İstanbul',
    'Ｅｖｅ',
    'ﬁne',
    'e\u0301e\u0301',
    '\u0301x',
    '٣٤',
    '😀',
    '(a-b)',
    '--',
    'x_y',
    '½',
    '①',
  ),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.nat(200).map((length) => 'z'.repeat(length)),
)
const text = fc.array(fc.tuple(word, blank), { maxLength: 60 }).map((pieces) => pieces.flat().join(''))

test('a text is made one as the definition says, whatever it is made of', () => {
  fc.assert(
    fc.property(text, (given) => assert.equal(normalised(given), plainly(given))),
    { numRuns: 2_000 },
  )
})

test('what is kept of a value are its words, what they are made of, and a short one whole', () => {
  fc.assert(
    fc.property(text, (given) => {
      const kept = new Set<string>()
      assert.ok(addWords(given, kept, 10_000))
      const whole = plainly(given)
      const wanted = wordsPlainly(whole)
      if (whole !== '' && whole.length <= wholeMax) wanted.add(numberText(whole))
      assert.deepEqual([...kept].toSorted(), [...wanted].toSorted())
      const { whole: words, parts } = wordsOf(whole, 10_000)
      assert.deepEqual([...new Set([...words, ...parts])].toSorted(), [...wordsPlainly(whole)].toSorted())
    }),
    { numRuns: 2_000 },
  )
})

test('that not every word is kept is always said', () => {
  for (const last of ['plain', 'ab-cd', 'more-than-one-part', 'eve@evil.example'])
    for (const count of [98, 99, 100, 101]) {
      const told = `${Array.from({ length: count }, (_, place) => `word${place}`).join(' ')} ${last} secretword`
      const kept = new Set<string>()
      const isAll = addWords(told, kept, 100)
      assert.ok(kept.has('secretword') || !isAll, `${count} and ${last}`)
    }
})

test('whoever tells as many words as are kept, and one more, has told that one too', () => {
  const limits = { ...memoryLimits, wordsMax: 100 }
  const nothing = new Known({ kind: 'pay', statement: '', claimed: [], proved: [] }, [])
  for (const last of ['ab-cd', 'a.b-cd', 'plain', 'one-more'])
    for (const count of [97, 98, 99, 100]) {
      const memory = new Memory(limits)
      memory.saw(
        { operation: 'mail/read', trust: 'untrusted' },
        `${Array.from({ length: count }, (_, place) => `word${place}`).join(' ')} ${last} DE02`,
      )
      const { to } = memory.of({ to: 'de02' }, new Map([['to', { type: 'string' }]]), nothing)
      assert.equal(to?.kind, 'untrusted', `${count} and ${last}`)
    }
})
