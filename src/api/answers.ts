/** What an endpoint answers when all is well: JSON, a page, a redirect, or a stream. */
import type { OAuthError } from '../wire/problems.ts'
import type { Html } from './pages/html.ts'

export type Answer =
  | { readonly kind: 'json'; readonly status: 200 | 201 | 202; readonly value: unknown; readonly cookie?: string }
  | { readonly kind: 'page'; readonly html: Html }
  | { readonly kind: 'text'; readonly type: string; readonly text: string }
  /** `isForEver`: the same under this address whenever it is asked for. `isGzipped`: packed for whoever takes that; few enough to wait for. */
  | { readonly kind: 'bytes'; readonly type: string; readonly bytes: Uint8Array; readonly isForEver: boolean; readonly isGzipped?: boolean }
  | { readonly kind: 'lines'; readonly type: string; readonly lines: AsyncIterable<string> }
  /** What RFC 6749 and RFC 8628 call an error, and is an expected answer: not yet, slower, over. */
  | { readonly kind: 'oauth-error'; readonly error: OAuthError }
  /** To an address of an OAuth client, which its own metadata document names. */
  | { readonly kind: 'leave'; readonly to: string }
  /** Only ever to a path of our own. */
  | { readonly kind: 'redirect'; readonly to: `/${string}`; readonly cookie?: string }

export function json(value: unknown, more: { readonly status?: 200 | 201 | 202; readonly cookie?: string } = {}): Answer {
  const { status = 200, cookie } = more
  return { kind: 'json', status, value, ...(cookie === undefined ? {} : { cookie }) }
}

export function page(html: Html): Answer {
  return { kind: 'page', html }
}
