/** What an outcome's line says of the message that was sent: SHA-256 over all of it, but over no text twice that its decision's line has the hash of. */
import { LateHash } from '../../control/late-hash.ts'
import { isJsonObject } from '../../kernel/json.ts'
import { memberSpans } from './list-spans.ts'
import type { Message } from './ports.ts'
import { startOf } from './spans.ts'

/** Characters. Far above what a decision's line keeps whole, so that every text of this length is in it by its hash; to hash a shorter one twice costs little. */
export const framedTextMin = 65_536

/** Made a piece at a time, for as long as there is time; whoever needs it earlier makes what is left at once. */
export class MessageHash {
  #work: Message | LateHash
  #isOfFrame = false

  constructor(message: Message) {
    this.#work = message
  }

  get isOfFrame(): boolean {
    return this.#isOfFrame
  }

  /** Nothing of the message is needed for it any more. */
  get isMade(): boolean {
    return this.#work instanceof LateHash && this.#work.isMade
  }

  step(): boolean {
    return this.#begun().step()
  }

  hex(): string {
    return this.#begun().hex()
  }

  /** To look for its texts is work as well, for which whoever has something to send has no time yet. */
  #begun(): LateHash {
    if (this.#work instanceof LateHash) return this.#work
    const frame = frameOf(this.#work)
    this.#isOfFrame = frame !== undefined
    this.#work = new LateHash(frame ?? this.#work.bytes)
    return this.#work
  }
}

/**
 * A message with nothing left between the quotes of each argument that is a long text and stands in it as in canonical JSON: byte by byte
 * what its own hash is over. `undefined` where there is none, and every byte is in the one hash.
 */
export function frameOf({ bytes, params }: Message): Buffer | undefined {
  const given = params['arguments']
  if (!isJsonObject(given) || !Object.values(given).some(isLong)) return undefined
  const at = startOf(bytes, ['params', 'arguments'])
  if (at === undefined) return undefined
  const kept: Uint8Array[] = []
  let from = 0
  for (const [name, value] of memberSpans(bytes, at)) {
    const text = given[name]
    // As many bytes as characters and two quotes: no escape, and no letter of more than one byte.
    if (!isLong(text) || value.to - value.from !== text.length + 2) continue
    kept.push(bytes.subarray(from, value.from + 1))
    from = value.to - 1
  }
  return kept.length === 0 ? undefined : Buffer.concat([...kept, bytes.subarray(from)])
}

function isLong(value: unknown): value is string {
  return typeof value === 'string' && value.length >= framedTextMin
}
