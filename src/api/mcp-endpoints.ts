/** The MCP endpoints of this Remit, under every address that clients reach them by: what a resource indicator may name (RFC 8707). */
import type { McpEndpoint } from '../control/authorization-code-request.ts'
import type { ApiParts } from './parts.ts'

const path = '/mcp'
const loopbackNames = ['localhost', '127.0.0.1', '[::1]']

/**
 * Those that are served now, here and at gateways elsewhere. Only addresses that are ours: whoever could name another of our endpoints by
 * an address of their own would be sent its tokens.
 */
export function mcpEndpoints(api: Pick<ApiParts, 'desk' | 'serviceUrl' | 'feed' | 'hosts'>): readonly McpEndpoint[] {
  const page = new URL(api.desk.pages().origin).hostname
  const names = [page, ...(api.hosts ?? []).map((host) => host.replace(/:\d+$/, ''))]
  return [...api.desk.facts.services()]
    .filter((service) => service.protocol === 'mcp')
    .flatMap((service) => {
      const here = api.serviceUrl(service.id)
      const urls = [...(here === undefined ? [] : namesOf(here, names)), ...(api.feed?.urls(service.id) ?? [])]
      return urls.map((url) => ({ url: withPath(url).href, service }))
    })
}

/** One that listens on this machine alone is reached by all names of the machine; others by theirs, and where they listen everywhere by ours. */
function namesOf(url: string, names: readonly string[]): readonly string[] {
  const { hostname } = new URL(url)
  if (loopbackNames.includes(hostname)) return [...new Set([...loopbackNames, ...names])].map((name) => named(url, name))
  const isEverywhere = hostname === '0.0.0.0' || hostname === '[::]'
  const further = names.flatMap((name) => (loopbackNames.includes(name) ? loopbackNames : [name]))
  return [...(isEverywhere ? [] : [hostname]), ...further].map((name) => named(url, name))
}

function withPath(text: string): URL {
  const url = new URL(text)
  if (url.pathname === '/') url.pathname = path
  return url
}

function named(text: string, name: string): string {
  const url = new URL(text)
  url.hostname = name
  return url.href
}
