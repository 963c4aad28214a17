/** Request targets: what has one reading is read, everything else is refused and says why. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { readTarget } from './target.ts'

const refused: readonly (readonly [says: string, target: string, detail: RegExp])[] = [
  ['nothing', '', /not a path/],
  ['an asterisk', '*', /not a path/],
  ['absolute form', 'http://shop/incidents', /not a path/],
  ['authority form', 'shop:80', /not a path/],
  ['a dot segment', '/a/./b', /dot segment/],
  ['a dot segment at the end', '/a/.', /dot segment/],
  ['a double dot segment', '/a/../b', /dot segment/],
  ['a double dot segment at the end', '/a/..', /dot segment/],
  ['an encoded dot', '/a/%2E%2E/b', /needs no encoding/],
  ['a half-encoded dot', '/a/.%2E/b', /needs no encoding/],
  ['an encoded dot in lowercase', '/a/%2e%2e/b', /two uppercase/],
  ['an encoded letter', '/%69ncidents', /needs no encoding/],
  ['an encoded tilde', '/%7Eana', /needs no encoding/],
  ['an encoded slash', '/a%2Fb', /slash/],
  ['an encoded slash in lowercase', '/a%2fb', /two uppercase/],
  ['an encoded backslash', '/a%5Cb', /backslash/],
  ['a backslash', '/a\\b', /backslash/],
  ['an encoded NUL', '/a%00', /NUL/],
  ['an encoded line feed', '/a%0Ab', /control character/],
  ['an encoded DEL', '/a%7Fb', /control character/],
  ['double encoding', '/a%252Fb', /percent sign/],
  ['an encoded percent sign', '/a%25', /percent sign/],
  ['an encoded semicolon', '/a%3Bb', /semicolon/],
  ['path parameters', '/admin;x=1/users', /semicolon/],
  ['an empty segment', '/a//b', /empty segment/],
  ['an empty first segment', '//a', /empty segment/],
  ['overlong UTF-8', '/a%C0%AFb', /not UTF-8/],
  ['an encoded surrogate', '/%ED%A0%80', /not UTF-8/],
  ['a lone continuation byte', '/%80', /not UTF-8/],
  ['a character cut off', '/%E2%82', /not UTF-8/],
  ['a percent sign alone', '/100%', /two uppercase/],
  ['a percent sign and one digit', '/a%2', /two uppercase/],
  ['a percent sign and no digits', '/a%GG', /two uppercase/],
  ['IIS encoding', '/a%u002F', /two uppercase/],
  ['a fragment', '/a#b', /fragment/],
  ['a fragment in the query', '/a?b=c#d', /fragment/],
  ['a space', '/a b', /must be percent-encoded/],
  ['a quotation mark', '/a"b', /must be percent-encoded/],
  ['braces', '/{a}', /must be percent-encoded/],
  ['a pipe', '/a|b', /must be percent-encoded/],
  ['a bare byte above ASCII', '/caf\u00e9', /must be percent-encoded/],
  ['an empty query', '/a?', /empty/],
  ['a query without names', '/a?b', /name=value/],
  ['a parameter without a name', '/a?=b', /name=value/],
  ['an empty piece', '/a?b=1&&c=2', /name=value/],
  ['an empty piece at the end', '/a?b=1&', /name=value/],
  ['a plus sign in the query', '/a?b=c+d', /plus sign/],
  ['a semicolon in the query', '/a?b=1;c=2', /semicolon/],
  ['a bracket in the query', '/a?b[]=1', /must be percent-encoded/],
  ['an encoded letter in the query', '/a?%62=1', /needs no encoding/],
  ['lowercase hex in the query', '/a?b=%c3%a9', /two uppercase/],
  ['double encoding in the query', '/a?b=%2541', /encoded twice/],
  ['a NUL in the query', '/a?b=%00', /NUL/],
  ['a query that is not UTF-8', '/a?b=%FF', /not UTF-8/],
]

for (const [says, target, detail] of refused) {
  test(`refused: ${says}`, () => {
    const result = readTarget(target)
    assert.ok(!result.ok, JSON.stringify(result))
    assert.equal(result.refusal.code, 'action.ambiguous')
    assert.match(result.refusal.detail ?? '', detail)
  })
}

const read: readonly (readonly [target: string, segments: readonly string[], parameters: readonly (readonly [string, string])[]])[] = [
  ['/', [''], []],
  ['/a', ['a'], []],
  ['/a/', ['a', ''], []],
  ['/a...b/.well-known/..c', ['a...b', '.well-known', '..c'], []],
  ['/caf%C3%A9', ['café'], []],
  ["/a:b@c!$&'()*+,=", ["a:b@c!$&'()*+,="], []],
  ['/a%20b/%F0%9F%98%80', ['a b', '😀'], []],
  ['/a?b=c', ['a'], [['b', 'c']]],
  ['/a?b=', ['a'], [['b', '']]],
  [
    '/a?b=1&b=2',
    ['a'],
    [
      ['b', '1'],
      ['b', '2'],
    ],
  ],
  ['/a?b=c=d', ['a'], [['b', 'c=d']]],
  ['/a?b=%2B%20%3B%26%3D%23%2F%5C', ['a'], [['b', '+ ;&=#/\\']]],
  ['/a?b=100%25', ['a'], [['b', '100%']]],
  ['/a?path=/x/../y?z', ['a'], [['path', '/x/../y?z']]],
]

for (const [target, segments, parameters] of read) {
  test(`read: ${target}`, () => assert.deepEqual(readTarget(target), { ok: true, value: { segments, parameters } }))
}

test('what is read is what the URL standard reads, and its canonical form is the target itself', () => {
  const piece = fc.string({
    unit: fc.constantFrom(
      'a',
      'B',
      '7',
      '.',
      '-',
      '~',
      '/',
      '?',
      '&',
      '=',
      ':',
      '@',
      '%20',
      '%2E',
      '%2F',
      '%C3%A9',
      '%c3',
      '%25',
      '+',
      ';',
      '\\',
      '#',
      '*',
      '(',
    ),
  })
  fc.assert(
    fc.property(piece, (text) => {
      const target = `/${text}`
      const result = readTarget(target)
      if (!result.ok) return
      const url = new URL(`http://shop.test${target}`)
      assert.equal(`${url.pathname}${url.search}`, target)
      assert.deepEqual(url.pathname.slice(1).split('/').map(decodeURIComponent), result.value.segments)
      assert.deepEqual([...url.searchParams], result.value.parameters)
    }),
    { numRuns: 20_000 },
  )
})
