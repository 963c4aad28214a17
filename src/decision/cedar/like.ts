/** `like`: texts in their order between wildcards. */
import { isObject, Unsupported, textAt } from './policy-json.ts'

/** The texts between the wildcards of a pattern; one alone has none. */
export function readPattern(pattern: readonly unknown[]): readonly string[] {
  const pieces = ['']
  for (const piece of pattern) {
    if (piece === 'Wildcard') pieces.push('')
    else if (isObject(piece)) pieces.push(`${pieces.pop() ?? ''}${textAt(piece, 'Literal')}`)
    else throw new Unsupported('"like" with something that is neither text nor *')
  }
  return pieces
}

/** Never slower than length of the pattern times length of the text. */
export function isLike(value: string, pieces: readonly string[]): boolean {
  const first = pieces[0] ?? ''
  if (pieces.length === 1) return value === first
  const last = pieces.at(-1) ?? ''
  if (value.length < first.length + last.length || !value.startsWith(first) || !value.endsWith(last)) return false
  const end = value.length - last.length
  let place = first.length
  for (const piece of pieces.slice(1, -1)) {
    const found = value.indexOf(piece, place)
    if (found < 0 || found + piece.length > end) return false
    place = found + piece.length
  }
  return true
}
