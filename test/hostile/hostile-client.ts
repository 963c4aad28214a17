/** A client that sends bytes as it is told, and reads what comes back by the letter of RFC 9112. */
import { connect, type Socket } from 'node:net'
import type { ClientStep } from './exchange-text.ts'

export interface HeardAnswer {
  readonly status: number
  /** Names in lowercase; values of the same name joined by ` | `. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
  readonly interim: readonly number[]
  /** As it came, without the interim answers before it. */
  readonly bytes: Buffer
}

export interface HeardBytes {
  readonly answers: readonly HeardAnswer[]
  /** What is there behind the last whole answer. */
  readonly rest: Buffer
  /** What is wrong with the bytes, if they are not what RFC 9112 calls answers. */
  readonly flaw?: string
}

export class HostileClient {
  readonly #socket: Socket
  readonly #methods: string[]
  #heard = Buffer.alloc(0)
  #listeners = new Set<() => void>()
  isClosed = false

  private constructor(socket: Socket, methods: readonly string[]) {
    this.#socket = socket
    this.#methods = [...methods]
    socket.setNoDelay(true)
    const tell = () => {
      for (const listener of this.#listeners) listener()
    }
    socket.on('data', (bytes: Buffer) => {
      this.#heard = Buffer.concat([this.#heard, bytes])
      tell()
    })
    socket.on('error', () => undefined)
    for (const event of ['end', 'close'])
      socket.on(event, () => {
        this.isClosed = true
        tell()
      })
  }

  /** `methods` are those of the requests that will be answered, in order: an answer to HEAD has no body. */
  static open(port: number, methods: readonly string[] = []): Promise<HostileClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new HostileClient(socket, methods))
      })
    })
  }

  get heard(): HeardBytes {
    return readAnswers(this.#heard, this.#methods, this.isClosed)
  }

  get heardBytes(): Buffer {
    return this.#heard
  }

  /** Sends each piece in a tick of its own, so that the peer reads them apart. */
  async send(all: readonly Buffer[]): Promise<void> {
    for (const piece of all) {
      if (this.isClosed || this.#socket.destroyed) return
      this.#socket.write(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async take(step: ClientStep, cut: (bytes: Buffer) => readonly Buffer[]): Promise<void> {
    if (step.does === 'send') await this.send(cut(step.bytes))
    else if (step.does === 'end') this.#socket.end()
    else if (typeof step.what === 'number') {
      const { what } = step
      await this.until(() => this.heard.answers.length >= what)
    } else await this.until(() => this.#heard.includes('HTTP/1.1 100 '))
  }

  /** One more request, whole, whose answer is read as one to this method. */
  async ask(method: string, bytes: Buffer): Promise<void> {
    const { answers } = this.heard
    this.#methods[answers.length] = method
    await this.send([bytes])
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
        if (this.isClosed || isSo()) settle(true)
      }
      this.#listeners.add(look)
      look()
    })
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

const statusLine = /^HTTP\/1\.1 ([1-5]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/
const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/

/** The whole answers at the start of the bytes. */
export function readAnswers(bytes: Buffer, methods: readonly string[], isClosed: boolean): HeardBytes {
  const answers: HeardAnswer[] = []
  let interim: number[] = []
  let at = 0
  const rest = (flaw?: string): HeardBytes => ({ answers, rest: bytes.subarray(at), ...(flaw === undefined ? {} : { flaw }) })
  while (at < bytes.byteLength) {
    const end = bytes.indexOf('\r\n\r\n', at)
    if (end === -1) return rest()
    const [first = '', ...lines] = bytes.toString('latin1', at, end).split('\r\n')
    const [, digits] = statusLine.exec(first) ?? []
    if (digits === undefined) return rest(`not a status line: ${JSON.stringify(first)}`)
    const headers = new Map<string, string>()
    for (const line of lines) {
      const [, name, value = ''] = fieldLine.exec(line) ?? []
      if (name === undefined) return rest(`not a header: ${JSON.stringify(line)}`)
      const lower = name.toLowerCase()
      headers.set(lower, headers.has(lower) ? `${headers.get(lower)} | ${value}` : value)
    }
    const status = Number(digits)
    if (status < 200) {
      interim.push(status)
      at = end + 4
      continue
    }
    const isBare = methods[answers.length] === 'HEAD' || status === 204 || status === 304
    const body = isBare ? { from: Buffer.alloc(0), to: end + 4 } : readBody(bytes, end + 4, { headers, isClosed })
    if (typeof body === 'string') return rest(body)
    if (body === undefined) return rest()
    answers.push({ status, headers, body: body.from, interim, bytes: bytes.subarray(at, body.to) })
    interim = []
    at = body.to
  }
  return rest()
}

function readBody(
  bytes: Buffer,
  at: number,
  { headers, isClosed }: { readonly headers: ReadonlyMap<string, string>; readonly isClosed: boolean },
): { readonly from: Buffer; readonly to: number } | string | undefined {
  const length = headers.get('content-length')
  const coding = headers.get('transfer-encoding')
  if (length !== undefined && coding !== undefined) return 'a length and a coding'
  if (coding !== undefined) return coding === 'chunked' ? readChunks(bytes, at) : `the coding ${coding}`
  if (length === undefined) return isClosed ? { from: bytes.subarray(at), to: bytes.byteLength } : undefined
  if (!/^\d+$/.test(length)) return `the length ${length}`
  const to = at + Number(length)
  return to <= bytes.byteLength ? { from: bytes.subarray(at, to), to } : undefined
}

function readChunks(bytes: Buffer, from: number): { readonly from: Buffer; readonly to: number } | string | undefined {
  const parts: Buffer[] = []
  for (let at = from; ; ) {
    const end = bytes.indexOf('\r\n', at)
    if (end === -1) return undefined
    const line = bytes.toString('latin1', at, end)
    if (!/^[0-9a-fA-F]{1,8}$/.test(line)) return `the chunk size ${JSON.stringify(line)}`
    const size = Number.parseInt(line, 16)
    const next = end + 2 + size
    if (next + 2 > bytes.byteLength) return undefined
    if (bytes.toString('latin1', next, next + 2) !== '\r\n') return 'no line end behind a chunk'
    if (size === 0) return { from: Buffer.concat(parts), to: next + 2 }
    parts.push(bytes.subarray(end + 2, next))
    at = next + 2
  }
}
