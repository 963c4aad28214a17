/** Holds back the first words of a server until it is known at home that its caller reads them; what has no words passes as it comes. */
import { isJsonObject, type JsonValue } from '../../kernel/json.ts'
import { refuse } from '../../kernel/refusals.ts'
import type { Result } from '../../kernel/result.ts'
import { EventSplitter } from './event-stream.ts'
import { readMessage } from './json-rpc.ts'
import type { MessageLimits } from './limits.ts'
import type { McpServer, Message, Outgoing, ServerCall, ServerListener } from './ports.ts'
import { leavesOf } from './provenance-words.ts'

/** What is longer has words. */
const wordlessBytesMax = 65_536
const wordlessMethods: ReadonlySet<string> = new Set([
  'notifications/tools/list_changed',
  'notifications/resources/list_changed',
  'notifications/prompts/list_changed',
  'notifications/subscriptions/acknowledged',
  'notifications/cancelled',
  'notifications/progress',
  'roots/list',
  'ping',
])
/** Names of members and values that the protocol has, in messages that say nothing else. */
const ofProtocol: ReadonlySet<string> = new Set([
  ...['_meta', 'io.modelcontextprotocol/subscriptionId', 'resultType', 'complete', 'requestId', 'progressToken', 'progress', 'total'],
  ...['notifications', 'toolsListChanged', 'promptsListChanged', 'resourcesListChanged', 'resourceSubscriptions'],
  ...['completion', 'values', 'hasMore'],
])

export interface FirstWords {
  readonly limits: MessageLimits
  /** Asked once, at the first words: resolves when they may pass, or refuses them. */
  readonly known: () => Result<undefined> | Promise<Result<undefined>>
  /** Told of a fault in that. */
  readonly failed: (err: unknown) => void
}

/** The same server; what it says in answer to one message is heard by `known` before it is told. */
export function withFirstWords(server: McpServer, first: FirstWords): Pick<McpServer, 'service' | 'health' | 'send' | 'close'> {
  return {
    service: server.service,
    health: server.health,
    close: () => server.close(),
    send: (outgoing, listener) => new HeldBack(server, { outgoing, listener, ...first }).call,
  }
}

interface Held extends FirstWords {
  readonly outgoing: Outgoing
  readonly listener: ServerListener
}

class HeldBack implements ServerListener {
  readonly call: ServerCall
  readonly #held: Held
  readonly #events = new EventSplitter(wordlessBytesMax)
  /** What its client itself has said is nothing new to it. */
  readonly #said: ReadonlySet<string>
  /** Absent while the message is on its way: a server may speak in the tick in which it is asked. */
  #inner: ServerCall | undefined
  #form: 'json' | 'events' | 'other' = 'other'
  /** `looking`: without words so far. `asking`: they wait to be known. */
  #state: 'looking' | 'asking' | 'open' | 'over' = 'looking'
  #pieces: Uint8Array[] = []
  /** Of `pieces`, and of them those that end no event yet. */
  #bytes = 0
  #restBytes = 0
  #hasEnded = false
  #isPaused = false

  constructor(server: McpServer, held: Held) {
    this.#held = held
    const { id = '', params } = held.outgoing.message
    this.#said = new Set([...leavesOf(params), id.replace(/^"|"$/g, '')])
    this.call = {
      abort: () => {
        this.#state = 'over'
        this.#pieces = []
        this.#inner?.abort()
      },
      pause: () => {
        this.#isPaused = true
        this.#inner?.pause()
      },
      resume: () => {
        this.#isPaused = false
        if (this.#state !== 'asking') this.#inner?.resume()
      },
    }
    this.#inner = server.send(held.outgoing, this)
    if (this.#state === 'asking') this.#inner.pause()
  }

  onHead(head: Parameters<ServerListener['onHead']>[0]): void {
    this.#form = head.form
    this.#held.listener.onHead(head)
  }

  onData(bytes: Uint8Array): void {
    if (this.#state === 'open') this.#held.listener.onData(bytes)
    if (this.#state === 'open' || this.#state === 'over') return
    this.#pieces.push(bytes)
    this.#bytes += bytes.byteLength
    if (this.#state === 'asking') return
    if (this.#hasWords(bytes)) this.#ask()
    else if (this.#form === 'events' && this.#restBytes === 0) this.#give()
  }

  onEnd(): void {
    if (this.#state === 'over') return
    this.#hasEnded = true
    if (this.#state === 'asking') return
    if (this.#state === 'looking' && this.#bytes > 0 && !isWordless(Buffer.concat(this.#pieces), this.#held.limits, this.#said)) this.#ask()
    else this.#open()
  }

  onBroken(refusal: Parameters<ServerListener['onBroken']>[0]): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#held.listener.onBroken(refusal)
  }

  #hasWords(bytes: Uint8Array): boolean {
    if (this.#bytes > wordlessBytesMax) return true
    if (this.#form !== 'events') return false
    const events = this.#events.push(bytes)
    if (events === undefined) return true
    this.#restBytes += bytes.byteLength - events.reduce((sum, each) => sum + each.bytes.byteLength, 0)
    return events.some(({ data }) => data !== undefined && !isWordless(Buffer.from(data), this.#held.limits, this.#said))
  }

  #ask(): void {
    this.#state = 'asking'
    this.#inner?.pause()
    void this.#askHome()
  }

  async #askHome(): Promise<void> {
    const known = await this.#known()
    if (this.#state !== 'asking') return
    if (known.ok) {
      this.#open()
      if (this.#isOpen && !this.#isPaused) this.#inner?.resume()
      return
    }
    this.#state = 'over'
    this.#pieces = []
    this.#inner?.abort()
    this.#held.listener.onBroken(known.refusal)
  }

  /** A fault of our own keeps the words back like a refusal. */
  async #known(): Promise<Result<undefined>> {
    try {
      return await this.#held.known()
    } catch (err) {
      this.#held.failed(err)
      return refuse('internal')
    }
  }

  get #isOpen(): boolean {
    return this.#state === 'open'
  }

  #open(): void {
    this.#state = 'open'
    this.#give()
    if (this.#hasEnded && this.#isOpen) this.#held.listener.onEnd()
  }

  #give(): void {
    const pieces = this.#pieces
    this.#pieces = []
    this.#bytes = 0
    for (const piece of pieces) if (this.#state !== 'over') this.#held.listener.onData(piece)
  }
}

/** One whole message that says nothing but what the protocol has, or what its client has said itself. */
function isWordless(bytes: Uint8Array, limits: MessageLimits, said: ReadonlySet<string>): boolean {
  const read = readMessage(bytes, limits)
  if (!read.ok) return false
  const { kind, method = '' } = read.value
  if (kind !== 'response' && !wordlessMethods.has(method)) return false
  for (const leaf of leavesOf(contentOf(read.value))) if (!ofProtocol.has(leaf) && !said.has(leaf) && !/^\d{1,6}$/.test(leaf)) return false
  return true
}

function contentOf({ params, result, error }: Message): JsonValue {
  return error ?? result ?? (isJsonObject(params) ? params : null)
}
