/** Which headers of a server's answer reach the client: those that MCP and streams need, and no others. */
import type { Headers } from './client-answer.ts'

const passing = new Set(['content-type', 'content-length', 'cache-control', 'retry-after', 'x-accel-buffering', 'traceresponse'])

/**
 * What passes of an answer's headers; `undefined` where one shows the server's own secret. Cookies, challenges and addresses stay behind:
 * they would be a way around the gateway. `session` is what becomes of `Mcp-Session-Id`.
 */
export function answerHeaders(headers: Headers, secret: string | undefined, session: (id: string) => boolean): Headers | undefined {
  const found: (readonly [string, string])[] = []
  for (const [name, value] of headers) {
    const lower = name.toLowerCase()
    if (secret !== undefined && value.includes(secret)) return undefined
    const isOurs = passing.has(lower) || (lower.startsWith('mcp-') && lower !== 'mcp-session-id')
    if (isOurs || (lower === 'mcp-session-id' && session(value))) found.push([name, value])
  }
  return found
}
