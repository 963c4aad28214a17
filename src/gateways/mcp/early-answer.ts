/** Hears a short answer before its last bytes reach the client, so that whoever acts on it at once finds what was noted of it. */
import { EventSplitter } from './event-stream.ts'
import { readMessage } from './json-rpc.ts'
import type { MessageLimits } from './limits.ts'
import type { Tap } from './passage.ts'
import type { Message } from './ports.ts'

/** Longer ones are none of those that are listened for, unless something else is said. */
const shortMax = 65_536
const quote = 0x22
const backslash = 0x5c

/** Beside another tap, which hears all. `told` hears the response, once, if it is short. */
export class EarlyAnswer implements Tap {
  readonly #inner: Tap | undefined
  readonly #limits: MessageLimits
  readonly #told: (response: Message) => void
  readonly #bytesMax: number
  readonly #events: EventSplitter
  #isEvents = false
  #pieces: Uint8Array[] = []
  readonly #ends = new ObjectEnds()
  #bytes = 0
  #isDone = false

  constructor(inner: Tap | undefined, limits: MessageLimits, told: (response: Message) => void, bytesMax = shortMax) {
    this.#inner = inner
    this.#bytesMax = bytesMax
    this.#events = new EventSplitter(bytesMax)
    this.#limits = { ...limits, messageBytesMax: bytesMax }
    this.#told = told
  }

  onHead(form: 'json' | 'events' | 'other', length = 0): void {
    this.#isEvents = form === 'events'
    this.#isDone = form === 'other' || (form === 'json' && length > this.#bytesMax)
    this.#inner?.onHead?.(form, length)
  }

  get keeps(): boolean {
    return !this.#isDone || (this.#inner !== undefined && this.#inner.keeps !== false)
  }

  onData(bytes: Uint8Array): void {
    this.#inner?.onData(bytes)
    if (this.#isDone) return
    this.#bytes += bytes.byteLength
    if (this.#isEvents) this.#hearEvents(bytes)
    else if (this.#bytes > this.#bytesMax) this.#finish()
    else this.#hearJson(bytes)
  }

  onOver(isWhole: boolean): ReturnType<Tap['onOver']> {
    this.#finish()
    return this.#inner?.onOver(isWhole)
  }

  #hearEvents(bytes: Uint8Array): void {
    const events = this.#events.push(bytes)
    if (events === undefined) this.#finish()
    else for (const { data } of events) if (data !== undefined) this.#hear(Buffer.from(data))
  }

  /** What a server says of its length need not be there: the text is read once, where its object ends. */
  #hearJson(bytes: Uint8Array): void {
    this.#pieces.push(bytes)
    if (!this.#ends.push(bytes)) return
    this.#hear(Buffer.concat(this.#pieces))
    this.#finish()
  }

  #hear(bytes: Uint8Array): void {
    if (this.#isDone) return
    const read = readMessage(bytes, this.#limits)
    if (!read.ok || read.value.kind !== 'response') return
    this.#finish()
    this.#told(read.value)
  }

  #finish(): void {
    this.#isDone = true
    this.#pieces = []
  }
}

/** Finds where the first object of a JSON text ends, by each byte once, in however many pieces it comes. */
class ObjectEnds {
  #depth = 0
  #isText = false
  #isEscaped = false

  push(bytes: Uint8Array): boolean {
    for (const code of bytes) {
      if (this.#isText) this.#passText(code)
      else if (code === quote) this.#isText = true
      else if (code === 0x7b || code === 0x5b) this.#depth += 1
      else if (code === 0x7d || code === 0x5d) {
        this.#depth -= 1
        if (this.#depth <= 0) return true
      }
    }
    return false
  }

  #passText(code: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (code === backslash) this.#isEscaped = true
    else if (code === quote) this.#isText = false
  }
}
