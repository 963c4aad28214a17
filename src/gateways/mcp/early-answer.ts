/** Hears a short answer before its last bytes reach the client, so that whoever acts on it at once finds what was noted of it. */
import { EventSplitter } from './event-stream.ts'
import { readMessage } from './json-rpc.ts'
import type { MessageLimits } from './limits.ts'
import type { Tap } from './passage.ts'
import type { Message } from './ports.ts'

/** Longer ones are none of those that are listened for. */
const bytesMax = 65_536
const braceClose = 0x7d

/** Beside another tap, which hears all. `told` hears the response, once, if it is short. */
export class EarlyAnswer implements Tap {
  readonly #inner: Tap | undefined
  readonly #limits: MessageLimits
  readonly #told: (response: Message) => void
  readonly #events = new EventSplitter(bytesMax)
  #isEvents = false
  #pieces: Uint8Array[] = []
  #bytes = 0
  #isDone = false

  constructor(inner: Tap | undefined, limits: MessageLimits, told: (response: Message) => void) {
    this.#inner = inner
    this.#limits = { ...limits, messageBytesMax: bytesMax }
    this.#told = told
  }

  onHead(form: 'json' | 'events' | 'other'): void {
    this.#isEvents = form === 'events'
    this.#isDone = form === 'other'
    this.#inner?.onHead?.(form)
  }

  onData(bytes: Uint8Array): void {
    this.#inner?.onData(bytes)
    if (this.#isDone) return
    this.#bytes += bytes.byteLength
    if (this.#isEvents) this.#hearEvents(bytes)
    else if (this.#bytes > bytesMax) this.#finish()
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

  /** What a server says of its length need not be there: wherever the text may be whole, it is tried. */
  #hearJson(bytes: Uint8Array): void {
    this.#pieces.push(bytes)
    const last = bytes.findLast((code) => code > 0x20)
    if (last === braceClose || last === undefined) this.#hear(Buffer.concat(this.#pieces))
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
