import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { anyPoint } from '../../../test/world/any-point.ts'
import { writeHtml } from './html.ts'
import { asCodePoints, hasOtherLetters, visible, visibleBlock } from './visible.ts'

const shown = (text: string) => writeHtml(visible(text)).replace(/^<!doctype html>\n<bdi class="said">|<\/bdi>$/g, '')
const spelt = (code: string) => `<span class="odd" title="a character that cannot be seen">U+${code}</span>`

const cases: readonly { readonly says: string; readonly text: string; readonly want: string }[] = [
  { says: 'plain text stays', text: 'restart checkout', want: 'restart checkout' },
  { says: 'other scripts stay', text: 'Größe 大 ελ', want: 'Größe 大 ελ' },
  { says: 'a right-to-left override is spelt out', text: 'a\u202eb', want: `a${spelt('202E')}b` },
  { says: 'isolates are spelt out', text: '\u2066x\u2069', want: `${spelt('2066')}x${spelt('2069')}` },
  { says: 'a zero-width space is spelt out', text: 'ch\u200beckout', want: `ch${spelt('200B')}eckout` },
  { says: 'a byte order mark is spelt out', text: '\ufeffx', want: `${spelt('FEFF')}x` },
  { says: 'a soft hyphen is spelt out', text: 'a\u00adb', want: `a${spelt('00AD')}b` },
  { says: 'a NUL and an escape are spelt out', text: '\u0000\u001b[2J', want: `${spelt('0000')}${spelt('001B')}[2J` },
  { says: 'a line break on a line is spelt out', text: 'a\nb', want: `a${spelt('000A')}b` },
  { says: 'a line separator is spelt out', text: 'a\u2028b', want: `a${spelt('2028')}b` },
  { says: 'a no-break space is spelt out', text: 'a\u00a0b', want: `a${spelt('00A0')}b` },
  { says: 'a Hangul filler is spelt out', text: '\u3164', want: spelt('3164') },
  { says: 'a tag character is spelt out', text: '\u{e0041}', want: spelt('E0041') },
  { says: 'a variation selector is spelt out', text: 'a\ufe0f', want: `a${spelt('FE0F')}` },
  { says: 'marks piled on one letter are spelt out', text: `a${'\u0301'.repeat(4)}`, want: `a${spelt('0301').repeat(4)}` },
  { says: 'an accent stays', text: 'e\u0301', want: 'e\u0301' },
  { says: 'HTML is escaped', text: '<b>', want: '&lt;b&gt;' },
]
for (const { says, text, want } of cases) test(says, () => assert.equal(shown(text), want))

test('a block keeps its lines and tabs, and nothing else that cannot be seen', () => {
  assert.equal(writeHtml(visibleBlock('a\n\tb\r')).includes(`a\n\tb${spelt('000D')}`), true)
})

test('whatever the text, nothing that steers or hides is left in it, and nothing is lost', () => {
  fc.assert(
    fc.property(fc.string({ unit: anyPoint, maxLength: 40 }), (text) => {
      const made = shown(text)
      assert.doesNotMatch(made, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u00a0]/u)
      const back = made
        .replace(/<span class="odd"[^>]*>U\+([0-9A-F]+)<\/span>/g, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)))
        .replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&quot;', '"')
        .replaceAll('&#39;', "'")
        .replaceAll('&amp;', '&')
      assert.equal(back, text)
    }),
  )
})

test('letters that look like others are told apart by their code points', () => {
  assert.equal(hasOtherLetters('checkout\n'), false)
  assert.equal(hasOtherLetters('сheckout'), true)
  assert.equal(asCodePoints('сheckout'), '\\u{0441}heckout')
})
