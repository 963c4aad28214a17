/** Reads the text of a JWT in one way only, before any library looks at it. */
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'

/** Longer tokens are not looked at. */
export const tokenBytesMax = 8_192

export interface JwtText {
  readonly header: JsonObject
  readonly payload: JsonObject
}

/**
 * The header and claims of a compact JWT, not verified in any way. Nothing at all for what is too long, is not three parts of
 * canonical base64url, or holds JSON that could be read in two ways: a library would take the last of two keys, another the first.
 */
export function readJwtText(token: string): JwtText | undefined {
  if (token.length > tokenBytesMax || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined
  const parts = token.split('.').map(decodeBase64url)
  if (parts.includes(undefined)) return undefined
  const header = parsePart(parts[0])
  const payload = parsePart(parts[1])
  return header === undefined || payload === undefined ? undefined : { header, payload }
}

/** The bytes, if this is the one way of writing them (RFC 4648 §3.5: no stray bits at the end). */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}

function parsePart(bytes: Buffer | undefined): JsonObject | undefined {
  if (bytes === undefined) return undefined
  const read = parseJson(bytes, { bytesMax: tokenBytesMax, depthMax: 16 })
  return read.ok && isJsonObject(read.value) ? read.value : undefined
}
