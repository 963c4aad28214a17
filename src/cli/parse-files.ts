/** Reads what files hold into the shapes that the command line knows. */
import type { Login } from './stored-login.ts'

/** JSON, or `undefined`. */
export function parseText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

export function isLogin(value: unknown): value is Login {
  if (typeof value !== 'object' || value === null) return false
  const members = value as Readonly<Record<string, unknown>>
  return ['url', 'token', 'expiresAt', 'name'].every((name) => typeof members[name] === 'string')
}
