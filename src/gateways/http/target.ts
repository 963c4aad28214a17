/** Strict reading of a request target (RFC 9112 §3.2.1, RFC 3986): what two readers could read differently is refused. */
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'

export interface Target {
  /** Decoded; the last is empty where the path ends with a slash. */
  readonly segments: readonly string[]
  /** Decoded names and values, in their order. */
  readonly parameters: readonly (readonly [name: string, value: string])[]
}

const inPath = 1
const inQuery = 2
const unreserved = 4
const digit = 8

/** What each character may be, by its code. */
const classes = new Uint8Array(128)
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~')
  classes[character.charCodeAt(0)] = inPath | inQuery | unreserved
for (const character of "!$&'()*,=:@/%") classes[character.charCodeAt(0)] = inPath | inQuery
classes['+'.charCodeAt(0)] = inPath
classes['?'.charCodeAt(0)] = inQuery
// Uppercase only: RFC 3986 §6.2.2.1 gives that as the normal form.
for (const character of '0123456789ABCDEF') classes[character.charCodeAt(0)] = (classes[character.charCodeAt(0)] ?? 0) | digit

const percent = 0x25
const semicolon = 0x3b
const noParameters: Target['parameters'] = []

/**
 * Reads an origin-form target in canonical form. Refuses `action.ambiguous`, naming the part: absolute and asterisk form, a fragment,
 * dot segments, empty segments, backslashes, path parameters (`;`), characters that RFC 3986 does not allow, percent-encoding of
 * unreserved characters, in lowercase or of bytes that are no UTF-8; in the path also of `/`, `\`, `%`, `;` and control characters; in the query also
 * NUL, anything encoded twice, `+` (a space to some, a plus to others), `;` (a separator to some), names without `=` and empty pieces.
 */
export function readTarget(target: string): Result<Target> {
  if (target.charCodeAt(0) !== 0x2f) return ambiguous('the target is not a path')
  const mark = target.indexOf('?')
  const path = mark === -1 ? target : target.slice(0, mark)
  const segments = readPath(path)
  if (!segments.ok) return segments
  if (mark === -1) return done({ segments: segments.value, parameters: noParameters })
  const parameters = readQuery(target.slice(mark + 1))
  return parameters.ok ? done({ segments: segments.value, parameters: parameters.value }) : parameters
}

function readPath(path: string): Result<readonly string[]> {
  let encoded = false
  for (let at = 0; at < path.length; at += 1) {
    const code = path.charCodeAt(at)
    if (((classes[code] ?? 0) & inPath) === 0) return strange('path', path, at)
    if (code === percent) encoded = true
  }
  const segments = path.slice(1).split('/')
  for (let place = 0; place < segments.length; place += 1) {
    const segment = segments[place] ?? ''
    if (segment === '' && place < segments.length - 1) return ambiguous('the path has an empty segment')
    if (segment === '.' || segment === '..') return ambiguous('the path has a dot segment')
    if (!encoded || !segment.includes('%')) continue
    const decoded = decode(segment, 'path')
    if (!decoded.ok) return decoded
    segments[place] = decoded.value
  }
  return done(segments)
}

function readQuery(query: string): Result<Target['parameters']> {
  if (query === '') return ambiguous('the query is empty')
  for (let at = 0; at < query.length; at += 1)
    if (((classes[query.charCodeAt(at)] ?? 0) & inQuery) === 0) return strange('query', query, at)
  const parameters: (readonly [string, string])[] = []
  for (const piece of query.split('&')) {
    const equals = piece.indexOf('=')
    if (equals < 1) return ambiguous('the query has a piece that is not name=value')
    const name = decode(piece.slice(0, equals), 'query')
    if (!name.ok) return name
    const value = decode(piece.slice(equals + 1), 'query')
    if (!value.ok) return value
    parameters.push([name.value, value.value])
  }
  return done(parameters)
}

function decode(text: string, part: 'path' | 'query'): Result<string> {
  for (let at = text.indexOf('%'); at !== -1; at = text.indexOf('%', at + 1)) {
    if (!isDigit(text, at + 1) || !isDigit(text, at + 2))
      return ambiguous(`the ${part} has a percent sign without two uppercase hexadecimal digits`)
    const byte = Number.parseInt(text.slice(at + 1, at + 3), 16)
    if (((classes[byte] ?? 0) & unreserved) !== 0) return ambiguous(`the ${part} encodes a character that needs no encoding`)
    if (byte === 0) return ambiguous(`the ${part} holds a NUL`)
    if (part === 'path' && isForbiddenInPath(byte))
      return ambiguous('the path encodes a slash, backslash, percent sign, semicolon or control character')
    if (byte === percent && /^[0-9A-Fa-f]{2}/.test(text.slice(at + 3))) return ambiguous(`the ${part} is encoded twice`)
  }
  try {
    return done(decodeURIComponent(text))
  } catch {
    return ambiguous(`the ${part} is not UTF-8`)
  }
}

/** The list of Spring's StrictHttpFirewall: each of these was a bypass somewhere. */
function isForbiddenInPath(byte: number): boolean {
  return byte === 0x2f || byte === 0x5c || byte === percent || byte === semicolon || byte < 0x20 || byte === 0x7f
}

function isDigit(text: string, at: number): boolean {
  return ((classes[text.charCodeAt(at)] ?? 0) & digit) !== 0
}

function strange(part: 'path' | 'query', text: string, at: number): Result<never> {
  switch (text[at]) {
    case '#':
      return ambiguous('the target has a fragment')
    case '\\':
      return ambiguous(`the ${part} has a backslash`)
    case ';':
      return ambiguous(part === 'path' ? 'the path has parameters after a semicolon' : 'the query has a semicolon: write %3B')
    case '+':
      return ambiguous('the query has a plus sign: write %20 or %2B')
    default:
      return ambiguous(`the ${part} has a character that must be percent-encoded`)
  }
}

function ambiguous(detail: string): Result<never> {
  return refuse('action.ambiguous', { detail })
}
