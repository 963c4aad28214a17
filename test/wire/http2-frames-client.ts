/** A client of HTTP/2 that sends frames byte for byte as it is told, and tells frame for frame what it hears. */
import { connect, type TLSSocket } from 'node:tls'
import { HpackDecoder } from '../../src/gateways/http/http2-hpack.ts'

export const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

const typeNames = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RST_STREAM',
  'SETTINGS',
  'PUSH_PROMISE',
  'PING',
  'GOAWAY',
  'WINDOW_UPDATE',
  'CONTINUATION',
]
const errorNames = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
]

export interface HeardFrame {
  readonly type: string
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** A frame with any type, flags and stream. */
export function frame(type: string | number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload
  const head = Buffer.alloc(9)
  head.writeUIntBE(bytes.byteLength, 0, 3)
  head[3] = typeof type === 'number' ? type : typeNames.indexOf(type)
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, bytes])
}

export function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Fields as literals that nobody keeps, without Huffman's code. */
export function fields(all: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(all.flatMap(([name, value]) => [Buffer.from([0]), string(name), string(value)]))
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  const head: number[] = []
  let left = bytes.byteLength
  if (left < 127) head.push(left)
  else {
    head.push(127)
    for (left -= 127; left >= 128; left >>>= 7) head.push((left & 127) | 128)
    head.push(left)
  }
  return Buffer.concat([Buffer.from(head), bytes])
}

export function requestFields(method: string, path: string, more: readonly (readonly [string, string])[] = [], token = 'live') {
  return fields([
    [':method', method],
    [':scheme', 'https'],
    [':authority', 'shop.test'],
    [':path', path],
    ['authorization', `Bearer ${token}`],
    ...more,
  ])
}

export const endStream = 1
export const endHeaders = 4

/** HEADERS of a request that is whole, unless `flags` says otherwise. */
export function request(
  stream: number,
  method: string,
  path: string,
  options: { readonly flags?: number; readonly more?: readonly (readonly [string, string])[]; readonly token?: string } = {},
): Buffer {
  return frame('HEADERS', options.flags ?? endHeaders | endStream, stream, requestFields(method, path, options.more, options.token))
}

export class FramesClient {
  readonly frames: HeardFrame[] = []
  readonly #socket: TLSSocket
  readonly #decoder = new HpackDecoder()
  readonly #heads = new Map<number, Map<string, string>[]>()
  #kept = Buffer.alloc(0)
  #listeners = new Set<() => void>()
  isClosed = false

  private constructor(socket: TLSSocket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => {
      this.#kept = Buffer.concat([this.#kept, bytes])
      this.#read()
      this.#tell()
    })
    socket.on('error', () => undefined)
    for (const event of ['end', 'close'])
      socket.on(event, () => {
        this.isClosed = true
        this.#tell()
      })
  }

  /** Connects, and says what every client says first unless `hello` is something else. */
  static open(port: number, hello: Buffer = Buffer.concat([Buffer.from(preface), frame('SETTINGS', 0, 0)])): Promise<FramesClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] })
      socket.once('error', reject)
      socket.once('secureConnect', () => {
        socket.off('error', reject)
        const client = new FramesClient(socket)
        client.send(hello)
        resolve(client)
      })
    })
  }

  send(...bytes: readonly Buffer[]): void {
    if (!this.#socket.destroyed) this.#socket.write(Buffer.concat(bytes))
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** The final status of a stream's answer, once it is there. */
  status(stream: number): number | undefined {
    const statuses = this.heads(stream).map((head) => Number(head.get(':status')))
    return statuses.find((status) => status >= 200)
  }

  /** Every head of the stream: interim ones, then the answer's. */
  heads(stream: number): readonly ReadonlyMap<string, string>[] {
    return this.#heads.get(stream) ?? []
  }

  body(stream: number): Buffer {
    return Buffer.concat(this.of(stream, 'DATA').map(({ payload }) => payload))
  }

  of(stream: number, type: string): readonly HeardFrame[] {
    return this.frames.filter((each) => each.stream === stream && each.type === type)
  }

  /** Whether the stream has ended, by its answer or by a reset. */
  isOver(stream: number): boolean {
    return this.frames.some(
      (each) =>
        each.stream === stream &&
        (each.type === 'RST_STREAM' || ((each.type === 'DATA' || each.type === 'HEADERS') && (each.flags & endStream) !== 0)),
    )
  }

  /** With which error a stream was reset. */
  reset(stream: number): string | undefined {
    const [first] = this.of(stream, 'RST_STREAM')
    return first === undefined ? undefined : errorNames[first.payload.readUInt32BE(0)]
  }

  /** With which error the connection was ended. */
  get goaway(): string | undefined {
    const last = this.of(0, 'GOAWAY').at(-1)
    return last === undefined ? undefined : errorNames[last.payload.readUInt32BE(4)]
  }

  /** Whether it became so, or the connection ended first, within the time. */
  until(isSo: () => boolean, milliseconds = 60_000): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (result: boolean) => {
        clearTimeout(timer)
        this.#listeners.delete(look)
        resolve(result)
      }
      const timer = setTimeout(() => settle(false), milliseconds)
      const look = () => {
        if (isSo()) settle(true)
        else if (this.isClosed) settle(false)
      }
      this.#listeners.add(look)
      look()
    })
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  #read(): void {
    while (this.#kept.byteLength >= 9) {
      const length = this.#kept.readUIntBE(0, 3)
      if (this.#kept.byteLength < 9 + length) return
      const [type = 0, flags = 0] = this.#kept.subarray(3, 5)
      const heard = {
        type: typeNames[type] ?? `${type}`,
        flags,
        stream: this.#kept.readUInt32BE(5),
        payload: Buffer.from(this.#kept.subarray(9, 9 + length)),
      }
      this.#kept = this.#kept.subarray(9 + length)
      this.frames.push(heard)
      if (heard.type === 'HEADERS') this.#readHead(heard)
    }
  }

  #readHead({ stream, payload }: HeardFrame): void {
    const decoded = this.#decoder.decode(payload, 1_000_000)
    if (decoded === undefined) throw new Error('a head that cannot be unpacked')
    const head = new Map<string, string>()
    for (let at = 0; at < decoded.fields.length; at += 2) head.set(decoded.fields[at] ?? '', decoded.fields[at + 1] ?? '')
    this.#heads.set(stream, [...(this.#heads.get(stream) ?? []), head])
  }
}
