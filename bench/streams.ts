/** Revoke to cut: many long answers through one gateway, a revocation, and the instant at which each of them fell silent. */
import { createServer, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Remit } from '../src/sdk/remit.ts'

const chunkEveryMs = 50
const chunk = `${'x'.repeat(63)}\n`

export interface Feed {
  readonly origin: string
  close(): void
}

/** An upstream whose answers never end: a line every 50 ms on each. */
export function startFeed(): Promise<Feed> {
  const open = new Set<ServerResponse>()
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.write(chunk)
    open.add(response)
    response.on('close', () => open.delete(response))
  })
  const timer = setInterval(() => {
    for (const response of open) response.write(chunk)
  }, chunkEveryMs)
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      resolve({
        origin: `http://127.0.0.1:${port}`,
        close: () => {
          clearInterval(timer)
          server.closeAllConnections()
          server.close()
        },
      })
    })
  })
}

export interface Cut {
  /** Milliseconds from sending the revocation to the last byte received; below nothing where the last byte had come before. */
  readonly lastByte: number
  /** Milliseconds from sending the revocation until the client saw its connection end: no byte can come after it. */
  readonly closed: number
}

export interface CutRound {
  readonly cuts: readonly Cut[]
  /** Milliseconds until the revocation was confirmed to whoever asked for it. */
  readonly confirmed: number
}

/** What a stream is asked for with, as its bytes, how it is known to flow, and how often something comes on it. */
export interface Streams {
  readonly count: number
  readonly asks: string
  readonly sign: string
  readonly noticeEveryMs: number
}

/** Streams of `startFeed`'s. */
export function feedStreams(gateway: string, token: string, count: number): Streams {
  const asks = `GET /streams/1 HTTP/1.1\r\nHost: ${new URL(gateway).host}\r\nAuthorization: Bearer ${token}\r\n\r\n`
  return { count, asks, sign: chunk, noticeEveryMs: chunkEveryMs }
}

/** Opens the streams under one grant, revokes it, and waits for the last of them. */
export async function revokeUnderStreams(
  gateway: string,
  grant: { readonly id: string },
  by: Remit,
  { count, asks, sign, noticeEveryMs }: Streams,
): Promise<CutRound> {
  const streams = Array.from({ length: count }, () => new Stream(gateway, asks, sign))
  await Promise.all(streams.map((stream) => stream.flowing))
  // A token for control is at hand before the clock starts.
  await by.whoami()
  await new Promise((resolve) => setTimeout(resolve, 3 * noticeEveryMs))
  const sent = performance.now()
  await by.revoke(grant.id, 'the bench revokes what it was given')
  const confirmed = performance.now() - sent
  await Promise.all(streams.map((stream) => stream.closed))
  return { confirmed, cuts: streams.map((stream) => ({ lastByte: stream.lastByteAt - sent, closed: stream.closedAt - sent })) }
}

const patienceMs = 10_000

class Stream {
  lastByteAt = 0
  closedAt = 0
  readonly flowing: Promise<void>
  readonly closed: Promise<void>

  constructor(gateway: string, asks: string, sign: string) {
    const { hostname, port } = new URL(gateway)
    const socket = connect({ host: hostname, port: Number(port) })
    socket.write(asks)
    // A cut is a reset: what matters is when.
    socket.on('error', () => undefined)
    this.flowing = new Promise((resolve, reject) => {
      let text = ''
      socket.on('data', (bytes: Buffer) => {
        this.lastByteAt = performance.now()
        if (text.length > 4_096) return
        text += bytes.toString('latin1')
        if (!text.startsWith('HTTP/1.1 200 ')) reject(new Error(`a stream was answered ${text.slice(0, 300)}`))
        else if (text.includes(sign)) resolve()
      })
      socket.on('close', () => reject(new Error('a stream ended before it was cut')))
    })
    this.closed = new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        socket.destroy()
        reject(new Error(`a stream was not cut ${patienceMs / 1_000} s after it had been opened`))
      }, patienceMs)
      socket.on('close', () => {
        clearTimeout(late)
        this.closedAt = performance.now()
        resolve()
      })
    })
  }
}
