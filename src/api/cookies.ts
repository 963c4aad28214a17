/** The one cookie of a space's pages: a person signed in, for an hour, on this site only. */
import type { Instant } from '../kernel/instants.ts'

/** Cookies know no ports: two spaces under one host name must not overwrite each other's. */
function nameIn(space: string): string {
  return `remit-person-${space}`
}

/** The cookie's value; nothing where it is missing, or there twice and so ambiguous. */
export function readPersonCookie(header: string | undefined, space: string): string | undefined {
  const name = nameIn(space)
  const values = (header ?? '')
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part.startsWith(`${name}=`))
    .map((part) => part.slice(name.length + 1))
  const [value] = values
  return values.length === 1 && value !== undefined && /^[A-Za-z0-9_-]{20,128}$/.test(value) ? value : undefined
}

interface CookieOf {
  readonly space: string
  readonly origin: string
}

export function personCookie(value: string, ends: CookieOf & { readonly expiresAt: Instant; readonly now: Instant }): string {
  const seconds = Math.max(0, Math.floor((ends.expiresAt - ends.now) / 1_000))
  return `${nameIn(ends.space)}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${seconds}${ends.origin.startsWith('https:') ? '; Secure' : ''}`
}

export function endedCookie(of: CookieOf): string {
  return personCookie('', { expiresAt: 0, now: 0, ...of })
}
