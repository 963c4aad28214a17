/** Pages of a search: an opaque token that says where to go on, and of which search. Nothing is kept for it, and it gives no right. */
import { createHash } from 'node:crypto'
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { AccessFound, AccessSearch } from '../model/access.ts'

/** Results in one answer, where fewer are not asked for. */
export const pageMax = 1_000
const tokenCharactersMax = 12_000

export interface Page {
  readonly limit: number
  readonly after: string | undefined
}

export type Searched = Pick<AccessSearch, 'looksFor' | 'question'>

/**
 * Reads `page` of a search (AuthZEN 1.0, 8.2): with a token everything else must be as it was in the first request. Refuses
 * `input.malformed` for a token that is none of this search's.
 */
export function readPage(page: JsonValue | undefined, about: string, searched: Searched): Result<Page> {
  if (page === undefined) return done({ limit: pageMax, after: undefined })
  if (!isJsonObject(page)) return malformed('page: an object is wanted')
  const { token, limit } = page
  if (limit !== undefined && (typeof limit !== 'number' || limit < 0)) return malformed('page.limit: a whole number from 0 is wanted')
  if (token !== undefined && typeof token !== 'string') return malformed('page.token: a string is wanted')
  const wanted = typeof limit === 'number' ? Math.min(limit, pageMax) : undefined
  if (typeof token !== 'string' || token === '') return done({ limit: wanted ?? pageMax, after: undefined })
  const read = readToken(token)
  if (read === undefined || read.of !== digestOf(about, searched)) return malformed('page.token: it is of another search')
  if (wanted !== undefined && wanted !== read.limit) return malformed('page.limit: it was otherwise in the first request')
  return done({ limit: read.limit, after: read.after })
}

/** The empty text where there is nothing more. */
export function nextToken({ isAll, last }: AccessFound, limit: number, about: string, searched: Searched): string {
  if (isAll) return ''
  const written = canonicalJson({ v: 1, limit, of: digestOf(about, searched), ...(last === undefined ? {} : { after: last }) })
  return Buffer.from(written).toString('base64url')
}

interface Token {
  readonly limit: number
  readonly of: string
  readonly after: string | undefined
}

function readToken(token: string): Token | undefined {
  if (token.length > tokenCharactersMax || !/^[\w-]+$/.test(token)) return undefined
  const bytes = Buffer.from(token, 'base64url')
  // A text with something more at its end would be a second one for the same.
  if (bytes.toString('base64url') !== token) return undefined
  const read = parseJson(bytes, { bytesMax: tokenCharactersMax, depthMax: 2 })
  if (!read.ok || !isJsonObject(read.value)) return undefined
  const { v, limit, of, after }: JsonObject = read.value
  if (v !== 1 || typeof limit !== 'number' || limit < 0 || limit > pageMax || typeof of !== 'string') return undefined
  return after === undefined || typeof after === 'string' ? { limit, of, after } : undefined
}

function digestOf(about: string, searched: Searched): string {
  return createHash('sha256')
    .update(canonicalJson({ about, ...searched }))
    .digest('base64url')
    .slice(0, 22)
}

function malformed(detail: string): Result<never> {
  return refuse('input.malformed', { detail })
}
