/** The answer to one request of a client: written once, as its client takes it, or broken off so that the client can tell. */
import type { ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'

export type Headers = readonly (readonly [string, string])[]

export interface AnswerListener {
  /** The client takes more. */
  onDrain(): void
  /** `finished`: after the whole answer was handed to the system. */
  onClosed(finished: boolean): void
}

/** Bytes that wait for a client, above which its server waits too: more than one read, so that not every piece of an answer stops the next one. */
const aheadBytesMax = 131_072

/** Over `node:http`; nothing after its end or its connection's has an effect. */
export class ClientAnswer {
  readonly #response: ServerResponse
  #isClosed = false

  constructor(response: ServerResponse, listener: AnswerListener) {
    this.#response = response
    response.on('drain', () => listener.onDrain())
    response.on('error', () => {})
    response.on('close', () => {
      this.#isClosed = true
      listener.onClosed(response.writableFinished)
    })
  }

  get isAnswered(): boolean {
    return this.#response.headersSent
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Status and headers go out with the first bytes, or at once where they may be long in coming. */
  head(status: number, headers: Headers, isSlow: boolean): void {
    if (this.#isClosed || this.isAnswered) return
    this.#response.writeHead(status, headers.flat())
    if (isSlow) this.#response.flushHeaders()
  }

  /** False where too much waits that the client has not taken: `onDrain` follows. */
  write(bytes: Uint8Array): boolean {
    return this.#isClosed || this.#response.write(bytes) || this.#response.writableLength < aheadBytesMax
  }

  end(bytes?: Uint8Array): void {
    if (this.#isClosed) return
    if (bytes === undefined) this.#response.end()
    else this.#response.end(bytes)
  }

  /** A whole answer. */
  whole(status: number, headers: Headers, body: Uint8Array): void {
    if (this.#isClosed || this.isAnswered) return
    this.#response.writeHead(status, [...headers.flat(), 'Content-Length', `${body.byteLength}`])
    this.#response.end(body)
  }

  /** Ends the connection at once; what the kernel had not sent yet is thrown away with it. */
  abort(): void {
    const { socket } = this.#response
    if (socket === null) this.#response.destroy()
    // Only a bare TCP socket can be reset, and not one whose orderly end has begun.
    else if (!(socket instanceof TLSSocket) && !socket.connecting && !socket.writableEnded) socket.resetAndDestroy()
    else socket.destroy()
  }
}
