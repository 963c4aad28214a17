/** One connection of the feed over TLS: whole messages, each behind its length, and a peer that is not heard of for too long is gone. */
import type { Milliseconds } from '../kernel/instants.ts'
import type { TLSSocket } from 'node:tls'

/** The name that control's certificate is for, wherever control is: gateways dial addresses, and know control by its authority. */
export const controlName = 'control.remit.internal'
/** What is spoken, so that nothing else is taken for it (RFC 7301). */
export const feedProtocol = 'remit-feed'

export interface WireLimits {
  readonly messageBytesMax: number
  readonly waitingBytesMax: number
  /** A peer from which nothing came for this long is gone. */
  readonly silenceMs: Milliseconds
}

const headBytes = 4
/** What was handed over before a link is closed may still leave in this time. */
const lastWordsMs: Milliseconds = 500

/** A link of the feed, as `feed/link.ts` wants it. */
export class FeedWire {
  readonly #socket: TLSSocket
  readonly #limits: WireLimits
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  readonly #messages: string[] = []
  readonly #closers: ((reason: string) => void)[] = []
  readonly #watch: NodeJS.Timeout
  #chunks: Buffer[] = []
  #bytes = 0
  /** With fewer bytes than these there is no whole message. */
  #wanted = headBytes
  #listener: ((message: string) => void) | undefined
  #closed: string | undefined
  #heardAt = performance.now()

  constructor(socket: TLSSocket, limits: WireLimits) {
    this.#socket = socket
    this.#limits = limits
    socket.setNoDelay(true)
    socket.setKeepAlive(true, limits.silenceMs)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('end', () => this.close('the peer closed it'))
    socket.on('error', (error) => this.#shut(`the connection broke: ${error.message}`))
    socket.on('close', () => this.#shut('the connection broke'))
    this.#watch = setInterval(() => this.#look(), Math.max(10, limits.silenceMs / 4)).unref()
    if (socket.destroyed) this.#shut('the connection broke')
  }

  send(message: string): void {
    if (this.#closed !== undefined) return
    const bytes = Buffer.byteLength(message)
    if (bytes > this.#limits.messageBytesMax) return this.#cut('a message is too long to be sent')
    const framed = Buffer.allocUnsafe(headBytes + bytes)
    framed.writeUInt32BE(bytes)
    framed.write(message, headBytes)
    this.#socket.write(framed)
    if (this.waitingBytes > this.#limits.waitingBytesMax) this.#cut('the peer does not read')
  }

  onMessage(listener: (message: string) => void): void {
    this.#listener = listener
    this.#deliver()
    if (this.#closed === undefined) this.#socket.resume()
  }

  onClose(listener: (reason: string) => void): void {
    if (this.#closed === undefined) this.#closers.push(listener)
    else listener(this.#closed)
  }

  /** What was handed over still leaves, if the peer takes it at once; nothing more comes in. */
  close(reason: string): void {
    if (this.#closed !== undefined) return
    this.#socket.end()
    setTimeout(() => this.#socket.destroy(), lastWordsMs).unref()
    this.#shut(reason)
  }

  get waitingBytes(): number {
    return this.#socket.writableLength
  }

  #cut(reason: string): void {
    this.#shut(reason)
    this.#socket.destroy()
  }

  #shut(reason: string): void {
    if (this.#closed !== undefined) return
    this.#closed = reason
    clearInterval(this.#watch)
    this.#chunks = []
    this.#messages.length = 0
    for (const closer of this.#closers.splice(0)) closer(reason)
  }

  #look(): void {
    const silent = performance.now() - this.#heardAt
    // Nobody listens yet, so nothing is read: that is not the peer's silence.
    if (this.#listener !== undefined && silent > this.#limits.silenceMs) this.#cut(`nothing came for ${Math.round(silent)} ms`)
  }

  #take(chunk: Buffer): void {
    if (this.#closed !== undefined) return
    this.#heardAt = performance.now()
    this.#chunks.push(chunk)
    this.#bytes += chunk.byteLength
    if (this.#bytes >= this.#wanted && !this.#cutUp()) return
    this.#deliver()
    if (this.#listener === undefined) this.#socket.pause()
  }

  /** One by one: whoever hears one may close the link, and hears no other then. */
  #deliver(): void {
    while (this.#listener !== undefined && this.#closed === undefined) {
      const message = this.#messages.shift()
      if (message === undefined) return
      this.#listener(message)
    }
  }

  /** Takes whole messages out of what came. False where that cannot be done, and the link is over. */
  #cutUp(): boolean {
    const all = this.#chunks.length === 1 && this.#chunks[0] !== undefined ? this.#chunks[0] : Buffer.concat(this.#chunks)
    let at = 0
    this.#wanted = headBytes
    while (all.byteLength - at >= headBytes) {
      const bytes = all.readUInt32BE(at)
      if (bytes > this.#limits.messageBytesMax) return this.#refuse('a message is too long')
      const from = at + headBytes
      if (all.byteLength - from < bytes) {
        this.#wanted = headBytes + bytes
        break
      }
      at = from + bytes
      const text = this.#read(all, from, at)
      if (text === undefined) return this.#refuse('a message is not UTF-8')
      this.#messages.push(text)
    }
    const rest = all.subarray(at)
    this.#chunks = rest.byteLength === 0 ? [] : [rest]
    this.#bytes = rest.byteLength
    return true
  }

  #refuse(reason: string): false {
    this.#cut(reason)
    return false
  }

  #read(all: Buffer, from: number, to: number): string | undefined {
    const text = all.toString('utf8', from, to)
    // It stands for what is not UTF-8, and may have been sent as well.
    if (!text.includes('\ufffd')) return text
    try {
      return this.#decoder.decode(all.subarray(from, to))
    } catch {
      return undefined
    }
  }
}
