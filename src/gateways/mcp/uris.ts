/** URIs that a server could take for others: a pattern in a grant would speak of one, and the server read another. */

/**
 * Why a URI that a template was found for has another reading, or `undefined`. Held to what RFC 3986 § 6.2.2 would make of it: nothing
 * that a normalising reader changes or drops, no dot segments, no empty ones, no fragment.
 */
export function otherReading(uri: string, rest: string): string | undefined {
  if (/[\s\p{Cc}\p{Cf}\\]/u.test(uri)) return 'it has white space, a backslash or something unseen'
  if (uri.normalize('NFC') !== uri) return 'it is not in Unicode NFC'
  if (rest.includes('#') || rest.endsWith('?')) return 'it has a fragment, or a query of nothing'
  if (rest.includes('//')) return 'it has an empty segment'
  if (/(?:^|[/:?])\.{1,2}(?=$|[/?])/.test(uri)) return 'it has a . or .. between slashes'
  for (const [, pair] of uri.matchAll(/%(.{0,2})/gsu)) {
    if (!/^[0-9A-F]{2}$/.test(pair ?? '')) return 'it has a percent sign that no two hexadecimal digits in upper case follow'
    const character = String.fromCharCode(Number.parseInt(pair ?? '', 16))
    // Plain characters need no escape; an escaped slash, backslash, dot, colon or control would be a second way to write it.
    if (/[\w.~:\\/%\0-\x1f\x7f-]/.test(character)) return `it has %${pair}, which is read in two ways`
  }
  return undefined
}
