/** Listens to the answer of one call as it passes: what the caller was told, and whether the answer says that it was an error. */
import { isJsonObject, type JsonValue } from '../../kernel/json.ts'
import { EventSplitter } from './event-stream.ts'
import { readMessage } from './json-rpc.ts'
import type { MessageLimits } from './limits.ts'
import type { Tap } from './passage.ts'
import type { Message } from './ports.ts'

export interface HeardAnswer {
  /** Results, errors, and notifications (parts) before them, in their order; `undefined` for what could not be read. */
  readonly told: (content: JsonValue | undefined, isPart: boolean) => void
}

/** `bytesMax`: of an answer, beyond which it is not read: it counts as something that nobody knows. */
export class ResultTap implements Tap {
  readonly #limits: MessageLimits
  readonly #told: HeardAnswer['told']
  readonly #events: EventSplitter
  #form: 'json' | 'events' | 'other' = 'other'
  #pieces: Uint8Array[] = []
  #bytes = 0
  #state: 'reading' | 'lost' | 'answered' | 'error' = 'reading'

  constructor(limits: MessageLimits, bytesMax: number, { told }: HeardAnswer) {
    this.#limits = { ...limits, messageBytesMax: Math.min(limits.messageBytesMax, bytesMax) }
    this.#told = told
    this.#events = new EventSplitter(bytesMax)
  }

  onHead(form: 'json' | 'events' | 'other', length = 0): void {
    this.#form = form
    if (form === 'json' && length > this.#limits.messageBytesMax) this.#lose()
  }

  get keeps(): boolean {
    return this.#state !== 'lost'
  }

  onData(bytes: Uint8Array): void {
    if (this.#state === 'lost') return
    this.#bytes += bytes.byteLength
    if (this.#bytes > this.#limits.messageBytesMax) {
      this.#lose()
      return
    }
    if (this.#form !== 'events') {
      this.#pieces.push(bytes)
      return
    }
    const events = this.#events.push(bytes)
    if (events === undefined) this.#lose()
    else for (const { data } of events) if (data !== undefined) this.#hear(Buffer.from(data))
  }

  onOver(isWhole: boolean): 'error' | 'unread' | undefined {
    if (this.#form !== 'events' && this.#bytes > 0 && this.#state === 'reading') {
      if (isWhole && this.#form === 'json') this.#hear(Buffer.concat(this.#pieces))
      else this.#lose()
    }
    this.#pieces = []
    if (this.#state === 'answered') return undefined
    return this.#state === 'error' ? 'error' : 'unread'
  }

  #hear(bytes: Uint8Array): void {
    const read = readMessage(bytes, this.#limits)
    if (!read.ok) {
      this.#lose()
      return
    }
    const { kind, result, error, params } = read.value
    this.#told(kind === 'response' ? (error ?? result ?? null) : params, kind !== 'response')
    if (kind === 'response') this.#state = isError(read.value) ? 'error' : 'answered'
  }

  #lose(): void {
    if (this.#state === 'lost') return
    this.#state = 'lost'
    this.#pieces = []
    this.#told(undefined, false)
  }
}

/** An error of JSON-RPC, a tool's own, or a result that only asks for more. */
function isError({ error, result }: Message): boolean {
  if (error !== undefined || !isJsonObject(result)) return true
  return result['isError'] === true || (result['resultType'] !== undefined && result['resultType'] !== 'complete')
}
