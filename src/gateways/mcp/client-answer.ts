/** The answer to one request of a client: written once, as its client takes it, or broken off so that the client can tell. */
import type { ClientStream, StreamHead } from '../shared/client-stream.ts'

export type Headers = readonly (readonly [string, string])[]

export interface AnswerListener {
  /** The client takes more. */
  onDrain(): void
  /** `finished`: after the whole answer was handed to the system. */
  onClosed(finished: boolean): void
}

/** Nothing after its end or its connection's has an effect. */
export class ClientAnswer {
  readonly #stream: ClientStream
  #isClosed = false

  constructor(stream: ClientStream, listener: AnswerListener) {
    this.#stream = stream
    stream.attach({
      onDrain: () => listener.onDrain(),
      onClosed: (finished) => {
        this.#isClosed = true
        listener.onClosed(finished)
      },
    })
  }

  get isAnswered(): boolean {
    return this.#stream.isAnswered
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Status and headers go out with the first bytes, or at once where they may be long in coming. */
  head(status: number, headers: Headers, isSlow: boolean): void {
    if (this.#isClosed || this.isAnswered) return
    this.#stream.writeHead({ status, ...framed(status, headers) })
    if (isSlow) this.#stream.flush()
  }

  /** False where too much waits that the client has not taken: `onDrain` follows. */
  write(bytes: Uint8Array): boolean {
    return this.#isClosed || bytes.byteLength === 0 || this.#stream.write(bufferOf(bytes))
  }

  /** Whether bytes that were written are needed until the system has taken them. */
  get isBehind(): boolean {
    return this.#stream.isBehind
  }

  end(bytes?: Uint8Array): void {
    if (!this.#isClosed) this.#stream.end(bytes === undefined ? undefined : bufferOf(bytes))
  }

  /** A whole answer. */
  whole(status: number, headers: Headers, body: Uint8Array): void {
    if (this.#isClosed || this.isAnswered) return
    const length = body.byteLength
    this.#stream.writeHead({ status, headers: [...headers.flat(), 'Content-Length', `${length}`], length })
    this.#stream.end(bufferOf(body))
  }

  /** Ends the connection at once; what the kernel had not sent yet is thrown away with it. */
  abort(): void {
    // Once it is over, the connection is at another request of its client.
    if (!this.#isClosed) this.#stream.abort()
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** RFC 9110 § 8.6: a 204 has no length, or somebody would wait for what it says; what cannot have a body has no framing either. */
function framed(status: number, headers: Headers): Pick<StreamHead, 'headers' | 'length'> {
  const flat: string[] = []
  let length: number | 'unknown' = status === 204 || status === 304 ? 0 : 'unknown'
  for (const [name, value] of headers) {
    const isLength = name.length === 14 && name.toLowerCase() === 'content-length'
    if (isLength && length === 'unknown') length = Number(value)
    if (!(isLength && status === 204)) flat.push(name, value)
  }
  return { headers: flat, length }
}
