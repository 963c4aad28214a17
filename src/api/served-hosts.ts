/** Which Host headers are answered: a page of somebody else's that made its name point here must not be served (DNS rebinding). */

const loopbackNames = ['localhost', '127.0.0.1', '[::1]']

/** Whether this Host header names what is served here: loopback with the port that listens, the origin of the pages, or a configured name. */
export function isServedHost(
  host: string | undefined,
  served: { readonly origin: string; readonly port: number; readonly hosts: readonly string[] },
): boolean {
  if (host === undefined) return false
  const named = host.toLowerCase()
  if (named === new URL(served.origin).host) return true
  if (served.hosts.some((each) => each.toLowerCase() === named)) return true
  return loopbackNames.some((name) => named === `${name}:${served.port}` || (served.port === 80 && named === name))
}
