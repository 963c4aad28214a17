/** Which names of its own a port answers to: without that, a page that a browser was lured to could speak to servers on its machine (DNS rebinding). */
import { isIP } from 'node:net'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'

/**
 * `Host` must be an address, which no name server can move, or a name that is served here. `Origin`, where a browser sends one, must be
 * this machine's, one of the names, or the very host that was asked. Refuses `host.unknown`.
 */
export function checkNames(
  headers: { readonly host?: string | undefined; readonly origin?: string | undefined },
  names: ReadonlySet<string>,
): Result<undefined> {
  const host = hostnameOf(`http://${headers.host ?? ''}`)
  if (host === undefined || !(isAddress(host) || isOwn(host, names))) return refuse('host.unknown')
  if (headers.origin === undefined) return done(undefined)
  const origin = hostnameOf(headers.origin)
  return origin !== undefined && (origin === host || isOwn(origin, names))
    ? done(undefined)
    : refuse('host.unknown', { detail: 'by its Origin' })
}

function hostnameOf(url: string): string | undefined {
  return /^https?:\/\/[^/\\@?#\s]+$/.test(url) && URL.canParse(url) ? new URL(url).hostname : undefined
}

function isAddress(host: string): boolean {
  return isIP(host.replace(/^\[|\]$/g, '')) !== 0
}

function isOwn(host: string, names: ReadonlySet<string>): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host) || names.has(host)
}
