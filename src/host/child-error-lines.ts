/** What a child writes to stderr, for a log: line by line, short, printable, not too much of it, and without its secrets. */
import { StringDecoder } from 'node:string_decoder'
import { reveal, type Secret } from '../kernel/secret.ts'

const lineLengthMax = 2_000
/** Of one line that has not ended: what comes after it is left out, up to the line's end. */
const waitingLengthMax = 65_536
const linesPerSecondMax = 50
/** Shorter ones are no secrets, and blotting them out would leave no words. */
const secretLengthMin = 4

export class ErrorLines {
  readonly #secrets: readonly string[]
  readonly #onLine: (line: string) => void
  readonly #decoder = new StringDecoder('utf8')
  #line = ''
  #second = 0
  #lines = 0
  #leftOut = 0

  constructor(secrets: readonly Secret[], onLine: (line: string) => void) {
    const forms = secrets.flatMap((secret) => formsOf(reveal(secret)))
    // The longest first: one that holds another is blotted out whole.
    this.#secrets = [...new Set(forms)]
      .filter(({ length }) => length >= secretLengthMin)
      .toSorted((left, right) => right.length - left.length)
    this.#onLine = onLine
  }

  push(bytes: Buffer): void {
    const [first = '', ...others] = this.#decoder.write(bytes).split('\n')
    this.#add(first)
    for (const each of others) {
      this.#finish()
      this.#add(each)
    }
  }

  end(): void {
    this.#add(this.#decoder.end())
    if (this.#line !== '') this.#finish()
    this.#tellLeftOut()
  }

  #add(text: string): void {
    this.#line += text.slice(0, waitingLengthMax - this.#line.length)
  }

  #finish(): void {
    const line = this.#line
    this.#line = ''
    const second = Math.floor(performance.now() / 1_000)
    if (second !== this.#second) {
      this.#second = second
      this.#lines = 0
      this.#tellLeftOut()
    }
    this.#lines += 1
    if (this.#lines > linesPerSecondMax) this.#leftOut += 1
    else if (line.trim() !== '') this.#onLine(this.#blot(printable(this.#blot(line))).slice(0, lineLengthMax))
  }

  #tellLeftOut(): void {
    if (this.#leftOut > 0) this.#onLine(`(${this.#leftOut} lines left out)`)
    this.#leftOut = 0
  }

  #blot(line: string): string {
    return this.#secrets.reduce((text, secret) => text.replaceAll(secret, '[secret]'), line)
  }
}

/** As programs write a value into their messages: as it is, line by line, escaped, encoded. */
function formsOf(value: string): string[] {
  const base64 = Buffer.from(value).toString('base64')
  return [
    value,
    ...value.split(/[\r\n]+/),
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value.toWellFormed()),
    base64,
    base64.replace(/=+$/, ''),
  ]
}

/** With a mark where control characters stood: a log is read in terminals. */
function printable(line: string): string {
  return line.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, (found) => (found === '\t' || found === '\r' ? ' ' : '\ufffd'))
}
