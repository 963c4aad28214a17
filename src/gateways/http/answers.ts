/** Answers the gateway gives itself: refusals as problem+json, over a response or a bare socket. */
import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { describeProblem, type Problem, problemMediaType } from '../../kernel/problems.ts'
import type { Refusal } from '../../kernel/refusals.ts'

export interface RefusalAnswer {
  readonly refusal: Refusal
  readonly more: Pick<Problem, 'decision' | 'hold' | 'page'>
  /** Flat, beyond those that every refusal has. */
  readonly headers?: readonly string[]
}

const busyRetrySeconds = 1

/** Writes a refusal as a whole response. Node ends the connection after it where the client still waits for `100 Continue`. */
export function answerRefusal(response: ServerResponse, answer: RefusalAnswer): void {
  const { status, headers, body } = compose(answer)
  response.writeHead(status, headers)
  response.end(body)
}

/** The same where there is no response object: what came was not a request. Ends the connection. */
export function answerRaw(socket: Socket, answer: RefusalAnswer): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const { status, headers, body } = compose(answer)
  let head = `HTTP/1.1 ${status} Refused\r\n`
  for (let at = 0; at + 1 < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`
  socket.end(`${head}Connection: close\r\n\r\n${body}`, () => socket.destroy())
}

/** Ends a connection at once, so that its peer can tell; what the kernel had not sent yet is thrown away with it. */
export function abort(socket: Socket | null | undefined): void {
  // Only a bare TCP socket can be reset, and not one whose orderly end has begun: the system would refuse that and leave it open.
  if (socket instanceof Socket && !(socket instanceof TLSSocket) && !socket.connecting && !socket.writableEnded) socket.resetAndDestroy()
  else socket?.destroy()
}

function compose({ refusal, more, headers = [] }: RefusalAnswer): {
  readonly status: number
  readonly headers: string[]
  readonly body: string
} {
  const problem = describeProblem(refusal, more)
  const body = JSON.stringify(problem)
  const all = ['Content-Type', problemMediaType, 'Content-Length', `${Buffer.byteLength(body)}`, 'Cache-Control', 'no-store', ...headers]
  // RFC 6750 §3: no error code where no credential was presented.
  if (problem.status === 401)
    all.push('WWW-Authenticate', `Bearer realm="remit"${refusal.code === 'credential.missing' ? '' : ', error="invalid_token"'}`)
  if (problem.status === 429 || problem.status === 503) all.push('Retry-After', `${busyRetrySeconds}`)
  return { status: problem.status, headers: all, body }
}
