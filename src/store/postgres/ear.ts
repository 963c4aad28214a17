/** How nodes hear of each other at once: one LISTEN each. What is heard is a hint to look, or a notice that may be lost; nothing is believed for it. */
import { isJsonObject, parseJson, canonicalJson } from '../../kernel/json.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { quote } from './membership.ts'

export interface EarOptions {
  readonly connection: Omit<ConnectionOptions, 'onLost' | 'onNotice'>
  readonly after: (milliseconds: number, work: () => void) => () => void
  /** Of this process: what it says itself it does not hear. */
  readonly who: string
  readonly node: string
  /** Something was committed, or may have been: while nothing can be heard, this is called every few milliseconds. */
  readonly onHint: () => void
}

const channel = 'remit'
/** From one hint to the next: what was committed meanwhile is in the same one. */
const gatherMs = 2
/** While nothing can be heard. */
const pollMs = 25
const backoffMaxMs = 5_000
/** The server takes less than 8,000 bytes at once. */
const textBytesMax = 4_000
const payloadBytesMax = 7_000
/** Notices that wait to be said; the oldest are lost first. */
const waitingMax = 1_000

export class Ear {
  readonly #options: EarOptions
  readonly #listeners: ((text: string, from: string) => void)[] = []
  #connection: Connection | undefined
  #isListening = false
  #isClosed = false
  #tries = 0
  #texts: string[] = []
  #hasHint = false
  #isSaying = false
  #isResting = false
  #hasCompany = false

  constructor(options: EarOptions) {
    this.#options = options
  }

  onNotice(listener: (text: string, from: string) => void): void {
    this.#listeners.push(listener)
  }

  /** Whether anybody else was ever heard. */
  get hasCompany(): boolean {
    return this.#hasCompany
  }

  /** Listens from now on, and polls until it can. */
  open(): void {
    void this.#begin()
    this.#poll()
  }

  /** Throws on a text that is too long. */
  tell(text: string): void {
    if (Buffer.byteLength(text) > textBytesMax) throw new Error(`a notice has at most ${textBytesMax} bytes`)
    if (this.#texts.length >= waitingMax) this.#texts.shift()
    this.#texts.push(text)
    this.#say()
  }

  /** Something was committed here. At once, or with what comes within two milliseconds. */
  hint(): void {
    this.#hasHint = true
    this.#say()
  }

  close(): void {
    this.#isClosed = true
    this.#connection?.close()
  }

  async #begin(): Promise<void> {
    const { connection: options, after } = this.#options
    try {
      const connection = new Connection({
        ...options,
        onLost: () => this.#lost(connection),
        onNotice: (payload) => this.#hear(payload),
      })
      this.#connection = connection
      await connection.connect()
      // What is said is in no table: no disk has to be waited for.
      await connection.run(`set synchronous_commit = off; listen ${channel}`)
      if (this.#isClosed) return connection.close()
      this.#isListening = true
      this.#tries = 0
      // What was said before this moment was not heard, and what was to be said was not.
      this.#options.onHint()
      this.hint()
    } catch {
      this.#connection = undefined
      if (this.#isClosed) return
      this.#tries += 1
      after(Math.min(backoffMaxMs, 25 * 2 ** Math.min(this.#tries, 10)), () => void this.#begin())
    }
  }

  #lost(connection: Connection): void {
    // While it was being opened, whoever does so hears of it.
    if (connection !== this.#connection || !this.#isListening) return
    this.#isListening = false
    this.#connection = undefined
    if (this.#isClosed) return
    void this.#begin()
    this.#poll()
  }

  #poll(): void {
    if (this.#isListening || this.#isClosed) return
    this.#options.onHint()
    this.#options.after(pollMs, () => this.#poll())
  }

  #hear(payload: string): void {
    const read = parseJson(payload)
    if (!read.ok || !isJsonObject(read.value)) return
    const { who, node, texts } = read.value
    if (who === this.#options.who || typeof node !== 'string' || !Array.isArray(texts)) return
    this.#hasCompany = true
    this.#options.onHint()
    for (const text of texts) if (typeof text === 'string') for (const listener of this.#listeners) listener(text, node)
  }

  #say(): void {
    if (this.#isSaying || this.#isResting) return
    if (!this.#hasHint && this.#texts.length === 0) return
    const connection = this.#connection
    if (!this.#isListening || connection === undefined) return
    this.#isSaying = true
    void this.#sayNow(connection)
  }

  async #sayNow(connection: Connection): Promise<void> {
    const { who, node, after } = this.#options
    const taken: string[] = []
    for (let bytes = 0; this.#texts[0] !== undefined; ) {
      bytes += Buffer.byteLength(canonicalJson(this.#texts[0]))
      if (taken.length > 0 && bytes > payloadBytesMax) break
      taken.push(this.#texts.shift() ?? '')
    }
    this.#hasHint = false
    try {
      await connection.run(`select pg_notify('${channel}', ${quote(canonicalJson({ who, node, texts: taken }))})`)
    } catch {
      // Whoever missed it looks by itself before its lease is over.
    }
    this.#isSaying = false
    this.#isResting = true
    after(gatherMs, () => {
      this.#isResting = false
      this.#say()
    })
  }
}
