/** Between an MCP client over stdio and an MCP service at a gateway: each line is one message there and back, and nothing else is written. */
import type { IncomingMessage } from 'node:http'
import { pause } from '../sdk/pause.ts'
import type { Io } from './io.ts'
import {
  errorOf,
  events,
  isObject,
  lastEvent,
  type JsonObject,
  McpEndpoint,
  type Mirrored,
  messageLengthMax,
  mirroredOf,
  mirrors,
  objectIn,
  type RpcError,
  readJson,
  textIn,
  wholeBody,
} from './mcp-shim-wire.ts'

/** The caller's right to act, as it is now. */
export interface Access {
  token(): Promise<string>
  /** It was refused: the next one is another. */
  forget(): void
  /** Why nothing can be done yet or any more, for the one who reads an agent's log. */
  readonly why: string | undefined
  /** Resolves when that is known, where no person is waited for. */
  readonly soon?: Promise<void>
}

export interface ShimInput {
  readonly url: URL
  readonly access: Access
  readonly io: Pick<Io, 'stdin' | 'stdout'>
  readonly note: (line: string) => void
  /** Breaks it off. */
  readonly signal: AbortSignal
}

const drainMs = 1_500
const retryMsUsual = 1_000
const retryMsMax = 30_000
const resumesMax = 5
const toolsMax = 10_000
const actions: ReadonlySet<string> = new Set(['tools/call', 'resources/read', 'prompts/get'])

interface Under {
  readonly message: JsonObject
  readonly text: string
  readonly signal: AbortSignal
}

export class McpShim {
  readonly #input: ShimInput
  readonly #endpoint: McpEndpoint
  readonly #stop = new AbortController()
  readonly #underWay = new Map<string, AbortController>()
  readonly #working = new Set<Promise<void>>()
  readonly #mirrored = new Map<string, Mirrored>()
  /** Of the revisions before 2026-07-28. */
  #opening: string | undefined
  #version: string | undefined
  #session: string | undefined
  #reopening: Promise<boolean> | undefined
  #listening: Promise<void> | undefined

  constructor(input: ShimInput) {
    this.#input = input
    this.#endpoint = new McpEndpoint(input.url)
  }

  /** Until the client closes its end or the signal comes; what is under way then has a moment to be answered. */
  async run(): Promise<void> {
    const { signal } = this.#input
    const onAbort = () => this.#stop.abort()
    signal.addEventListener('abort', onAbort)
    try {
      await this.#read()
      if (!signal.aborted) await within(drainMs, Promise.all(this.#working), signal)
    } finally {
      signal.removeEventListener('abort', onAbort)
      await within(drainMs, this.#leave())
      this.#stop.abort()
      await within(drainMs, Promise.all([...this.#working, this.#listening]))
      this.#endpoint.close()
    }
  }

  /** What is offered may be different now. 2026-07-28 has subscriptions for that, which the gateway tells. */
  tellChanged(): void {
    if (this.#version !== undefined) this.#write('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')
  }

  async #read(): Promise<void> {
    const { stdin } = this.#input.io
    const { signal } = this.#stop
    const { promise, resolve } = Promise.withResolvers<void>()
    let pieces: Buffer[] = []
    let length = 0
    const take = (piece: Buffer) => {
      length += piece.length
      if (length <= messageLengthMax) pieces.push(piece)
    }
    const finish = () => {
      const text = length <= messageLengthMax ? Buffer.concat(pieces).toString('utf8') : undefined
      ;[pieces, length] = [[], 0]
      if (text === undefined) this.#fail(undefined, { code: -32_600, message: 'this message is larger than is taken here' })
      else if (text.trim() !== '') this.#take(text)
    }
    const onData = (given: Buffer | string) => {
      const bytes = Buffer.from(given)
      let from = 0
      for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, from)) {
        take(bytes.subarray(from, end))
        finish()
        from = end + 1
      }
      take(bytes.subarray(from))
    }
    stdin.on('data', onData).once('end', resolve).once('error', resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
    await promise
    stdin.off('data', onData).pause()
  }

  #take(text: string): void {
    const message = readJson(text)
    if (message === undefined) return this.#fail(undefined, { code: -32_700, message: 'this is not JSON' })
    // What is no message is sent as well: the gateway says what is wrong with it.
    const given = isObject(message) ? message : {}
    const method = textIn(given, 'method')
    if (method === 'notifications/cancelled') return this.#cancel(given, text)
    if (method === 'initialize') this.#opening = text
    const broken = new AbortController()
    const key = JSON.stringify(given['id'])
    if (method !== undefined && given['id'] !== undefined) this.#underWay.set(key, broken)
    this.#work(async () => {
      try {
        const isAction = method !== undefined && actions.has(method)
        if (isAction) await this.#input.access.soon
        const why = isAction ? this.#input.access.why : undefined
        if (why === undefined) await this.#carry({ message: given, text, signal: AbortSignal.any([broken.signal, this.#stop.signal]) })
        else this.#refuse(given, why)
      } finally {
        if (this.#underWay.get(key) === broken) this.#underWay.delete(key)
      }
    })
  }

  /** In 2026-07-28 closing the stream is the cancellation; the revisions before have a message for it too. */
  #cancel(message: JsonObject, text: string): void {
    const broken = this.#underWay.get(JSON.stringify(objectIn(message, 'params')['requestId']))
    this.#work(async () => {
      if (this.#version !== undefined) await this.#carry({ message, text, signal: this.#stop.signal })
      broken?.abort()
    })
  }

  #work(does: () => Promise<void>): void {
    const work = does().catch((thrown: unknown) => {
      if (!this.#stop.signal.aborted) this.#input.note(thrown instanceof Error ? thrown.message : 'something went wrong')
    })
    this.#working.add(work)
    void work.finally(() => this.#working.delete(work))
  }

  async #carry(under: Under): Promise<void> {
    const { message, signal } = under
    try {
      let session = this.#session
      let answer = await this.#post(under)
      if (answer.statusCode === 401) {
        // Nothing was done: a token has ended, and there may be another.
        answer.resume()
        this.#input.access.forget()
        answer = await this.#post(under)
      }
      if (
        answer.statusCode === 404 &&
        session !== undefined &&
        textIn(message, 'method') !== 'initialize' &&
        (await this.#reopen(session))
      ) {
        answer.resume()
        session = this.#session
        answer = await this.#post(under)
      }
      await this.#hear(answer, under)
    } catch (thrown) {
      if (signal.aborted) return
      const why = thrown instanceof Error ? thrown.message : 'unknown'
      this.#fail(message, { code: 503, message: `the gateway of Remit did not answer (${why}); whether it was done is not known` })
    }
  }

  async #post({ message, text, signal }: Under): Promise<IncomingMessage> {
    const tool = textIn(objectIn(message, 'params'), 'name') ?? ''
    const headers = mirrors(message, textIn(message, 'method') === 'tools/call' ? (this.#mirrored.get(tool) ?? []) : [])
    const own = textIn(message, 'method') === 'initialize' || 'Mcp-Method' in headers ? {} : this.#sessionHeaders()
    const accept = { Accept: 'application/json, text/event-stream' }
    return this.#endpoint.send({
      method: 'POST',
      headers: { ...accept, ...own, ...headers, ...(await this.#authorization()) },
      body: text,
      signal,
    })
  }

  async #authorization(): Promise<Record<string, string>> {
    return { Authorization: `Bearer ${await this.#input.access.token()}` }
  }

  #sessionHeaders(): Record<string, string> {
    return {
      ...(this.#session === undefined ? {} : { 'Mcp-Session-Id': this.#session }),
      ...(this.#version === undefined ? {} : { 'MCP-Protocol-Version': this.#version }),
    }
  }

  /** Whatever comes back, a request is answered exactly once. */
  async #hear(answer: IncomingMessage, under: Under): Promise<void> {
    const { message } = under
    const isRequest = textIn(message, 'method') !== undefined && message['id'] !== undefined
    const type = answer.headers['content-type'] ?? ''
    if (answer.statusCode === 200 && type.startsWith('text/event-stream')) return this.#hearEvents(answer, under)
    const text = await wholeBody(answer)
    const body = readJson(text)
    const isAnswer = isObject(body) && body['jsonrpc'] === '2.0' && JSON.stringify(body['id']) === JSON.stringify(message['id'])
    if (isRequest && isAnswer) {
      this.#learn(message, body, answer)
      return this.#write(text)
    }
    if (isRequest) return this.#fail(message, errorOf(answer.statusCode ?? 0, body))
    if ((answer.statusCode ?? 0) >= 300) return this.#input.note(errorOf(answer.statusCode ?? 0, body).message)
    if (textIn(message, 'method') === 'notifications/initialized') this.#listening ??= this.#listen()
  }

  async #hearEvents(first: IncomingMessage, under: Under): Promise<void> {
    const { message, signal } = under
    let answer = first
    let [last, wait]: [string | undefined, number] = [undefined, retryMsUsual]
    for (let resumes = 0; ; resumes += 1) {
      try {
        for await (const event of events(answer)) {
          if (event.id !== undefined) last = event.id
          if (event.retryMs !== undefined) wait = Math.min(event.retryMs, retryMsMax)
          if (this.#passEvent(event.data, message, answer)) return
        }
      } catch (thrown) {
        if (signal.aborted || last === undefined) throw thrown
      }
      // What was asked is under way there, and its stream can be read on; without a place in it nothing can be known.
      if (last === undefined || resumes >= resumesMax) break
      await pause(wait, signal)
      answer = await this.#get(last, signal)
      if (answer.statusCode !== 200) break
    }
    answer.resume()
    if (message['id'] !== undefined)
      this.#fail(message, { code: 502, message: 'the stream of the answer ended too early; whether it was done is not known' })
  }

  /** Whether it is the answer. */
  #passEvent(data: string, message: JsonObject, answer: IncomingMessage): boolean {
    const body = readJson(data)
    if (!isObject(body)) return false
    const isAnswer = !('method' in body) && JSON.stringify(body['id']) === JSON.stringify(message['id'])
    if (isAnswer) this.#learn(message, body, answer)
    this.#write(data)
    return isAnswer
  }

  #learn(message: JsonObject, body: JsonObject, { headers }: IncomingMessage): void {
    switch (textIn(message, 'method')) {
      case 'initialize': {
        const session = headers['mcp-session-id']
        this.#version = textIn(objectIn(body, 'result'), 'protocolVersion') ?? this.#version
        this.#session = typeof session === 'string' ? session : undefined
        return
      }
      case 'tools/list': {
        const tools = objectIn(body, 'result')['tools']
        for (const tool of Array.isArray(tools) ? tools : []) {
          const name = textIn(tool, 'name')
          if (name !== undefined && this.#mirrored.size < toolsMax) this.#mirrored.set(name, mirroredOf(objectIn(tool, 'inputSchema')))
        }
        return
      }
      default:
    }
  }

  /** The gateway or its server began anew: the client's own opening is said again, once for all who wait. */
  async #reopen(lost: string): Promise<boolean> {
    // While another opens it there is no session: a message sent now would be of none.
    if (this.#reopening === undefined && this.#session !== lost) return true
    return (this.#reopening ??= this.#openAgain().finally(() => (this.#reopening = undefined)))
  }

  async #openAgain(): Promise<boolean> {
    const text = this.#opening
    const message = text === undefined ? undefined : readJson(text)
    if (text === undefined || !isObject(message)) return false
    this.#session = undefined
    const answer = await this.#post({ message, text, signal: this.#stop.signal })
    if (answer.statusCode !== 200) return false
    const body = (answer.headers['content-type'] ?? '').startsWith('text/event-stream')
      ? await lastEvent(answer)
      : readJson(await wholeBody(answer))
    if (Object.keys(objectIn(body, 'result')).length === 0) return false
    this.#learn(message, objectIn(body), answer)
    const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' }
    const opened = await this.#post({ message: initialized, text: JSON.stringify(initialized), signal: this.#stop.signal })
    opened.resume()
    return true
  }

  async #get(last: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
    const place = last === undefined ? {} : { 'Last-Event-ID': last }
    const headers = { Accept: 'text/event-stream', ...place, ...this.#sessionHeaders(), ...(await this.#authorization()) }
    return this.#endpoint.send({ method: 'GET', headers, signal })
  }

  /** What belongs to no request, for as long as the client is there; servers that have no such stream say so. */
  async #listen(): Promise<void> {
    const { signal } = this.#stop
    let [last, wait]: [string | undefined, number] = [undefined, retryMsUsual]
    while (!signal.aborted) {
      try {
        const answer = await this.#get(last, signal)
        if (answer.statusCode !== 200) {
          answer.resume()
          if (answer.statusCode !== 401 && (answer.statusCode ?? 0) < 500) return
          this.#input.access.forget()
        } else
          for await (const event of events(answer)) {
            wait = event.retryMs ?? retryMsUsual
            last = event.id ?? last
            if (isObject(readJson(event.data))) this.#write(event.data)
          }
      } catch {
        // Control or the gateway is away: it is tried again.
      }
      await pause(wait, signal).catch(() => undefined)
      wait = Math.min(wait * 2, retryMsMax)
    }
  }

  async #leave(): Promise<void> {
    if (this.#session === undefined) return
    const headers = { ...this.#sessionHeaders(), ...(await this.#authorization().catch(() => ({}))) }
    const answer = await this.#endpoint.send({ method: 'DELETE', headers, signal: AbortSignal.timeout(drainMs) }).catch(() => undefined)
    answer?.resume()
  }

  /** A tool's caller is told as a result, which reaches a model. */
  #refuse(message: JsonObject, why: string): void {
    if (textIn(message, 'method') !== 'tools/call') return this.#fail(message, { code: 403, message: why })
    const isStateless = textIn(objectIn(message, 'params', '_meta'), 'io.modelcontextprotocol/protocolVersion') !== undefined
    const result = { content: [{ type: 'text', text: why }], isError: true, ...(isStateless ? { resultType: 'complete' } : {}) }
    this.#write(JSON.stringify({ jsonrpc: '2.0', id: message['id'], result }))
  }

  #fail(message: JsonObject | undefined, error: RpcError): void {
    if (message !== undefined && (message['id'] === undefined || textIn(message, 'method') === undefined))
      return this.#input.note(error.message)
    this.#write(JSON.stringify({ jsonrpc: '2.0', id: message?.['id'] ?? null, error }))
  }

  /** One line: a line break in a message stands between values, where a space means the same. */
  #write(text: string): void {
    const { stdout } = this.#input.io
    stdout.write(`${text.replaceAll(/[\r\n]+/g, ' ').trim()}\n`)
  }
}

/** Waits for work, but not longer. */
async function within(milliseconds: number, work: Promise<unknown>, signal?: AbortSignal): Promise<void> {
  const over = new AbortController()
  const either = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal])
  await Promise.race([work.catch(() => undefined), pause(milliseconds, either).catch(() => undefined)])
  over.abort()
}
