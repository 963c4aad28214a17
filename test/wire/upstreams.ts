/** Real upstreams on loopback for the wire tests. */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createRawServer, type Server, type Socket } from 'node:net'
import { inspect } from 'node:util'
import type { Log } from '../../src/gateways/shared/log.ts'

/** A test, or a whole file of them. */
export interface Lifetime {
  after(work: () => void | Promise<void>): void
}

export interface Received {
  readonly line: string
  /** Flat, as they came. */
  readonly headers: readonly string[]
  readonly body: string
}

/** Listens on a free port until the test is over. */
export async function listen(server: Server, test: Lifetime): Promise<number> {
  const open = new Set<Socket>()
  server.on('connection', (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  test.after(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('it does not listen')
  return address.port
}

/** Answers `{}` to everything and remembers what it received. */
export async function recordingUpstream(test: Lifetime): Promise<{ readonly port: number; readonly received: Received[] }> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const body = await wholeBody(request)
      received.push({ line: `${request.method} ${request.url}`, headers: request.rawHeaders, body })
      response.writeHead(200, [
        'Content-Type',
        'application/json',
        'Content-Length',
        '2',
        'Set-Cookie',
        'sid=upstream',
        'X-Upstream',
        'yes',
        'Connection',
        'keep-alive, X-Hop',
        'X-Hop',
        '1',
      ])
      response.end('{}')
    })()
  })
  return { port: await listen(server, test), received }
}

export function httpUpstream(test: Lifetime, handler: RequestListener): Promise<number> {
  return listen(createServer(handler), test)
}

/** An upstream that speaks bytes. */
export function rawUpstream(test: Lifetime, handler: (socket: Socket) => void): Promise<number> {
  return listen(
    createRawServer((socket) => {
      socket.on('error', () => socket.destroy())
      handler(socket)
    }),
    test,
  )
}

export async function wholeBody(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of message) if (chunk instanceof Buffer) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** Keeps every line, as text, so that a test can look for what must not be in there. */
export function keepingLog(): Log & { readonly lines: string[] } {
  const lines: string[] = []
  const keep = (level: string) => (facts: object, says: string) => {
    lines.push(`${level} ${says} ${inspect(facts)}`)
  }
  return { lines, info: keep('info'), warn: keep('warn'), error: keep('error') }
}
