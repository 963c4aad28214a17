/** A raw upstream that keeps every byte it received, by connection, and answers what it saw or what an exchange tells it to. */
import { createServer, type Socket } from 'node:net'
import { type Lifetime, listen } from '../wire/upstreams.ts'
import type { UpstreamAnswer } from './exchange-text.ts'
import { pieces } from './pieces.ts'

/** What one connection received since a mark. */
export interface ReceivedBytes {
  /** Whole requests, as far as the upstream can tell. */
  readonly whole: Buffer
  /** The beginning of one that has not come to its end. */
  readonly part: Buffer
}

export interface PlannedAnswer extends UpstreamAnswer {
  /** Into how many pieces it is cut, each sent in a tick of its own. */
  readonly pieces: number
}

interface Connection {
  readonly socket: Socket
  received: Buffer
  /** Where the request begins that is being read. */
  at: number
  marked: number
  hasAnswered: boolean
}

interface ReadRequest {
  readonly line: string
  /** Where the head ends. */
  readonly bodyAt: number
  /** Where the request ends; `undefined` while some of it is to come. */
  readonly end: number | undefined
}

export class ReportingUpstream {
  readonly port: number
  #connections: Connection[] = []
  #plan: PlannedAnswer | undefined

  private constructor(port: number) {
    this.port = port
  }

  static async open(test: Lifetime): Promise<ReportingUpstream> {
    const server = createServer()
    const upstream = new ReportingUpstream(await listen(server, test))
    server.on('connection', (socket) => upstream.#take(socket))
    return upstream
  }

  /** Forgets what has been received, and how the first request from now on is to be answered. */
  mark(plan?: PlannedAnswer): void {
    this.#plan = plan
    this.#connections = this.#connections.filter(({ socket }) => !socket.destroyed)
    for (const each of this.#connections) each.marked = each.received.byteLength
  }

  /** Every connection that received something since the mark. */
  received(): readonly ReceivedBytes[] {
    return this.#connections
      .map(({ received, at, marked }) => ({ whole: received.subarray(marked, at), part: received.subarray(Math.max(at, marked)) }))
      .filter(({ whole, part }) => whole.byteLength + part.byteLength > 0)
  }

  #take(socket: Socket): void {
    const connection: Connection = { socket, received: Buffer.alloc(0), at: 0, marked: 0, hasAnswered: false }
    this.#connections.push(connection)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes: Buffer) => {
      connection.received = Buffer.concat([connection.received, bytes])
      this.#read(connection)
    })
  }

  #read(connection: Connection): void {
    for (;;) {
      const request = readRequest(connection.received, connection.at)
      if (request === undefined) return
      if (!connection.hasAnswered && (request.end !== undefined || this.#plan?.isEarly === true)) {
        connection.hasAnswered = true
        void this.#answer(connection.socket, request.line)
      }
      if (request.end === undefined) return
      connection.at = request.end
      connection.hasAnswered = false
    }
  }

  async #answer(socket: Socket, line: string): Promise<void> {
    const plan = this.#plan
    if (plan === undefined) {
      const body = JSON.stringify({ saw: line })
      const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`
      socket.write(line.startsWith('HEAD ') ? head : head + body)
      return
    }
    this.#plan = undefined
    for (const piece of pieces(plan.bytes, plan.pieces)) {
      if (socket.destroyed) return
      socket.write(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (plan.ending === 'close') socket.end()
    else if (plan.ending === 'reset') socket.resetAndDestroy()
  }
}

/** Just enough to know when to answer; whether it is right, nginx says. `undefined` while the head is not whole. */
function readRequest(bytes: Buffer, at: number): ReadRequest | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n', at)
  if (headEnd === -1) return undefined
  const bodyAt = headEnd + 4
  const head = bytes.toString('latin1', at, headEnd)
  const line = head.split('\r\n')[0]?.replace(/ HTTP\/1\.1$/, '') ?? ''
  if (/^transfer-encoding:/im.test(head)) return { line, bodyAt, end: chunkedEnd(bytes, bodyAt) }
  const end = bodyAt + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
  return { line, bodyAt, end: end <= bytes.byteLength ? end : undefined }
}

function chunkedEnd(bytes: Buffer, from: number): number | undefined {
  for (let at = from; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    at = lineEnd + 2 + size + 2
    if (Number.isNaN(size) || at > bytes.byteLength) return undefined
    if (size === 0) return at
  }
}
