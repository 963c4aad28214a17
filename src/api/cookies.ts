/** The one cookie of the pages: a person signed in, for an hour, on this site only. */
import type { Instant } from '../kernel/instants.ts'

const name = 'remit-person'

/** The cookie's value; nothing where it is missing, or there twice and so ambiguous. */
export function readPersonCookie(header: string | undefined): string | undefined {
  const values = (header ?? '')
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part.startsWith(`${name}=`))
    .map((part) => part.slice(name.length + 1))
  const [value] = values
  return values.length === 1 && value !== undefined && /^[A-Za-z0-9_-]{20,128}$/.test(value) ? value : undefined
}

export function personCookie(value: string, ends: { readonly expiresAt: Instant; readonly now: Instant; readonly origin: string }): string {
  const seconds = Math.max(0, Math.floor((ends.expiresAt - ends.now) / 1_000))
  return `${name}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${seconds}${ends.origin.startsWith('https:') ? '; Secure' : ''}`
}

export function endedCookie(origin: string): string {
  return personCookie('', { expiresAt: 0, now: 0, origin })
}
