/** The MCP endpoints of this Remit, under every address that clients reach them by: what a resource indicator may name (RFC 8707). */
import type { McpEndpoint } from '../control/authorization-code-request.ts'
import type { ApiParts } from './parts.ts'

const path = '/mcp'
const loopbackNames = ['localhost', '127.0.0.1', '[::1]']

/** Those that are served now, here and at gateways elsewhere. */
export function mcpEndpoints(api: Pick<ApiParts, 'desk' | 'serviceUrl' | 'feed' | 'hosts'>): readonly McpEndpoint[] {
  const names = (api.hosts ?? []).map((host) => host.replace(/:\d+$/, ''))
  return [...api.desk.facts.services()]
    .filter((service) => service.protocol === 'mcp')
    .flatMap((service) => {
      const here = api.serviceUrl(service.id)
      const urls = [...(here === undefined ? [] : [here, ...names.map((name) => named(here, name))]), ...(api.feed?.urls(service.id) ?? [])]
      return urls.flatMap(ofLoopback).map((url) => ({ url, service }))
    })
}

/** The machine's own names are one machine. */
function ofLoopback(text: string): readonly string[] {
  const url = withPath(text)
  return loopbackNames.includes(url.hostname) ? loopbackNames.map((name) => named(url.href, name)) : [url.href]
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
