/** The second reader: a real nginx that says what it understands of the bytes an upstream was sent. */
import { createHash } from 'node:crypto'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, createServer } from 'node:net'
import { type Lifetime, listen } from '../wire/upstreams.ts'
import { startNginx } from '../world/nginx.ts'
import { type OwnAddress, ownAddress } from '../world/own-address.ts'
import { readAnswers } from './hostile-client.ts'

/** One request as nginx understood it. */
export interface Understood {
  readonly method: string
  /** As it came. */
  readonly target: string
  /** Decoded and normalised, as nginx would look it up. */
  readonly path: string
  readonly host: string
  readonly bodyLength: number
  readonly bodySha256: string
  /** `name: value` in their order, names in lowercase, without those of the hop, framing and host. */
  readonly headers: readonly string[]
}

export interface SecondReading {
  readonly requests: readonly Understood[]
  /** Whether the bytes end where a request ends, as nginx reads them. */
  readonly isWhole: boolean
  /** What nginx would not take, in its words; absent where all is well. */
  readonly refusal?: string
}

/** An answer as nginx understood it. */
export interface UnderstoodAnswer {
  readonly status: number
  readonly body: Buffer
}

/** Headers that nginx answers for itself between it and the one it reports to. */
const own = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive', 'expect', 'te', 'upgrade'])
const sentinelTarget = '/the-end-of-the-bytes'
const sentinel = `GET ${sentinelTarget} HTTP/1.1\r\nHost: the-end\r\nConnection: close\r\n\r\n`
const patienceMs = 60_000

export class SecondReader {
  readonly #ports: Ports
  #reports: Understood[] = []
  #replayed: Buffer = Buffer.alloc(0)

  private constructor(ports: Ports) {
    this.#ports = ports
  }

  /** Starts nginx on an address of its own. Rejects where it does not start: Debian's package must be there. */
  static async start(test: Lifetime): Promise<SecondReader> {
    const echo = createHttpServer({ maxHeaderSize: 1_048_576 })
    const replay = createServer()
    const behind = { echo: await listen(echo, test), replay: await listen(replay, test) }
    const ports = { requests: ownAddress(), answers: ownAddress() }
    await startNginx(test, configuration(ports, behind), ports.requests)
    const reader = new SecondReader(ports)
    replay.on('connection', (socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end(reader.#replayed))
    })
    echo.on('request', (request, response) => void reader.#report(request, response))
    return reader
  }

  /** Sends the bytes over a connection of their own, a request that ends the connection behind them, and answers what nginx made of them. */
  async read(bytes: Buffer): Promise<SecondReading> {
    this.#reports = []
    const heard = await this.#send(Buffer.concat([bytes, Buffer.from(sentinel, 'latin1')]), { breaksOff: false })
    const reports = this.#reports
    const methods = reports.map(({ method }) => method)
    const bad = readAnswers(heard, methods, true).answers.find(({ status }) => status >= 400)
    const last = reports.at(-1)
    const isWhole = last?.target === sentinelTarget && last.host === 'the-end'
    return {
      requests: isWhole ? reports.slice(0, -1) : reports,
      isWhole,
      ...(bad === undefined ? {} : { refusal: `${bad.status} ${bad.body.toString('latin1').replaceAll(/\s+/g, ' ')}` }),
    }
  }

  /** How many whole requests nginx finds in what its sender broke off. One at a time, as `read`. */
  async countWhole(part: Buffer): Promise<number> {
    this.#reports = []
    await this.#send(part, { breaksOff: true })
    return this.#reports.length
  }

  /** What nginx makes of an answer to this method, as a proxy that hears it from its upstream; `undefined` where it hears none. One at a time. */
  async readAnswer(method: string, answer: Buffer): Promise<UnderstoodAnswer | undefined> {
    this.#replayed = answer
    const request = `${method} / HTTP/1.1\r\nHost: the-end\r\nConnection: close\r\n\r\n`
    const heard = await this.#send(Buffer.from(request, 'latin1'), { breaksOff: false, to: this.#ports.answers })
    return readAnswers(heard, [method], true).answers[0]
  }

  #send(
    bytes: Buffer,
    { breaksOff, to = this.#ports.requests }: { readonly breaksOff: boolean; readonly to?: OwnAddress },
  ): Promise<Buffer> {
    return new Promise((resolve) => {
      const heard: Buffer[] = []
      const socket = connect({ ...to, allowHalfOpen: true }, () => {
        if (breaksOff) socket.end(bytes)
        else socket.write(bytes)
      })
      socket.setTimeout(patienceMs, () => socket.destroy())
      socket.on('data', (chunk: Buffer) => heard.push(chunk))
      socket.on('end', () => socket.destroy())
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(Buffer.concat(heard)))
    })
  }

  async #report(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const hash = createHash('sha256')
    let bodyLength = 0
    for await (const chunk of request) {
      if (!(chunk instanceof Buffer)) continue
      hash.update(chunk)
      bodyLength += chunk.byteLength
    }
    const headers: string[] = []
    const seen = new Map<string, string>()
    for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
      const name = (request.rawHeaders[at] ?? '').toLowerCase()
      const value = request.rawHeaders[at + 1] ?? ''
      if (name.startsWith('seen-by-nginx-')) seen.set(name.slice('seen-by-nginx-'.length), value)
      else if (!own.has(name)) headers.push(`${name}: ${value}`)
    }
    this.#reports.push({
      method: seen.get('method') ?? '',
      target: seen.get('target') ?? '',
      // In brackets, because a header loses the white space around it.
      path: Buffer.from(seen.get('path')?.slice(1, -1) ?? '', 'latin1').toString('utf8'),
      host: seen.get('host') ?? '',
      bodyLength,
      bodySha256: hash.digest('hex'),
      headers,
    })
    response.writeHead(200, { 'Content-Length': 0 })
    response.end()
  }
}

/** What the headers of a forwarded request come to without those that nginx answers for itself: comparable with `Understood`. */
export function comparableHeaders(head: string): readonly string[] {
  return head
    .split('\r\n')
    .slice(1)
    .map(
      (line) =>
        `${line.slice(0, line.indexOf(':')).toLowerCase()}: ${line.slice(line.indexOf(':') + 1).replaceAll(/^[ \t]+|[ \t]+$/g, '')}`,
    )
    .filter((line) => !own.has(line.slice(0, line.indexOf(':'))))
}

interface Ports {
  readonly requests: OwnAddress
  readonly answers: OwnAddress
}

interface PortsBehind {
  readonly echo: number
  readonly replay: number
}

function configuration(ports: Ports, behind: PortsBehind): string {
  return `
  keepalive_requests 1000000;
  client_max_body_size 16m;
  client_body_buffer_size 16m;
  client_header_buffer_size 64k;
  large_client_header_buffers 4 64k;
  proxy_buffer_size 64k;
  proxy_buffers 4 64k;
  server {
    listen ${ports.requests.host}:${ports.requests.port};
    location / {
      proxy_pass http://127.0.0.1:${behind.echo};
      proxy_http_version 1.1;
      proxy_ignore_client_abort on;
      proxy_set_header Connection "";
      proxy_set_header Seen-By-Nginx-Method $request_method;
      proxy_set_header Seen-By-Nginx-Target $request_uri;
      proxy_set_header Seen-By-Nginx-Path "[$uri]";
      proxy_set_header Seen-By-Nginx-Host $http_host;
    }
  }
  server {
    listen ${ports.answers.host}:${ports.answers.port};
    location / {
      proxy_pass http://127.0.0.1:${behind.replay};
      proxy_http_version 1.1;
    }
  }`
}
