/** A server that speaks as HashiCorp Vault's KV engine, version 2, does by its documentation: reading, AppRole, namespaces, its errors. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'

export interface KvServer {
  readonly url: string
  readonly port: number
  /** Path below the mount → its fields. A path with `null` has a deleted version. */
  readonly secrets: Map<string, Readonly<Record<string, unknown>> | null>
  /** What it takes as X-Vault-Token. */
  readonly tokens: Set<string>
  /** Requests so far: method, path, namespace. */
  readonly asked: string[]
  /** Answers in place of everything else. */
  readonly fault: { status?: number; body?: string; silent?: boolean; leaseSeconds?: number; tokenSeconds?: number }
  close(): Promise<void>
}

export async function startKvServer(tls?: { readonly cert: string; readonly key: string }): Promise<KvServer> {
  const secrets: KvServer['secrets'] = new Map()
  const tokens = new Set(['root-token'])
  const asked: string[] = []
  const fault: KvServer['fault'] = {}
  let issued = 0
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url = '' } = request
    asked.push(`${method} ${url} ${String(request.headers['x-vault-namespace'] ?? '-')}`)
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    }
    const signIn = async (asking: IncomingMessage) => {
      const text = await readText(asking)
      if (!text.includes('"role_id":"remit"') || !text.includes('"secret_id":"role-secret"'))
        return answer(400, { errors: ['invalid role or secret ID'] })
      issued += 1
      const token = `hvs.issued-${issued}`
      tokens.add(token)
      const auth = { client_token: token, lease_duration: fault.tokenSeconds ?? 3_600, renewable: true, policies: ['remit'] }
      answer(200, envelope({ auth }))
    }
    if (fault.silent === true) return
    if (fault.status !== undefined) return answer(fault.status, fault.body ?? { errors: ['Vault is sealed'] })
    if (method === 'POST' && url === '/v1/auth/approle/login') {
      void signIn(request)
      return
    }
    if (!tokens.has(String(request.headers['x-vault-token']))) return answer(403, { errors: ['permission denied'] })
    const found = url.startsWith('/v1/secret/data/') ? secrets.get(url.slice('/v1/secret/data/'.length)) : undefined
    if (found === undefined) return answer(404, { errors: [] })
    const metadata = {
      created_time: '2026-03-22T02:24:06.945319214Z',
      custom_metadata: null,
      deletion_time: '',
      destroyed: false,
      version: 2,
    }
    if (found === null)
      return answer(404, envelope({ data: { data: null, metadata: { ...metadata, deletion_time: '2026-03-22T02:36:43Z' } } }))
    return answer(200, envelope({ lease_duration: fault.leaseSeconds ?? 0, data: { data: found, metadata } }))
  }
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    secrets,
    tokens,
    asked,
    fault,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function envelope(more: Readonly<Record<string, unknown>>): object {
  return {
    request_id: 'f9c6a1a8',
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data: null,
    wrap_info: null,
    warnings: null,
    auth: null,
    ...more,
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

/** Waits until it is so. */
export async function until(says: string, isSo: () => boolean, withinMs = 60_000): Promise<void> {
  for (const end = Date.now() + withinMs; !isSo(); await pause(5))
    if (Date.now() > end) throw new Error(`it did not come to be that ${says}`)
}
