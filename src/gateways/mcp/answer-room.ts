/** What is being read whole of servers' answers, for all callers of one gateway together: what began first makes room. */

import { refuse } from '../../kernel/refusals.ts'

/** What its caller is told of what was given up. */
export const tooMuchIsRead = refuse('rate.exceeded', { detail: 'too many long answers are being read' })
/** Of text; what is read of it takes some times as much. */
const bytesMax = 134_217_728

/** One answer, or several that belong together, from its first byte until nothing of it is kept. */
export interface Reading {
  /** It had to make room: nothing of it may be kept. */
  readonly isGivenUp: boolean
  /** So much more of it is kept. It may be given up by this. */
  grow(bytes: number): void
  /** Nothing of it is kept any more. Calling it again changes nothing. */
  over(): void
}

interface Kept extends Reading {
  readonly giveUp: () => void
  isGivenUp: boolean
  bytes: number
}

export class AnswerRoom {
  readonly #bytesMax: number
  readonly #readings = new Set<Kept>()
  #bytes = 0

  constructor(max = bytesMax) {
    this.#bytesMax = max
  }

  /** Of all that is being read. */
  get bytes(): number {
    return this.#bytes
  }

  /** `giveUp`: called at most once, and not when it is over. */
  begin(giveUp: () => void = () => {}): Reading {
    const kept: Kept = {
      giveUp,
      isGivenUp: false,
      bytes: 0,
      grow: (bytes) => {
        if (!this.#readings.has(kept)) return
        kept.bytes += bytes
        this.#bytes += bytes
        this.#makeRoom()
      },
      over: () => this.#drop(kept),
    }
    this.#readings.add(kept)
    return kept
  }

  #makeRoom(): void {
    for (const kept of this.#readings) {
      if (this.#bytes <= this.#bytesMax) return
      if (kept.bytes === 0) continue
      this.#drop(kept)
      kept.isGivenUp = true
      kept.giveUp()
    }
  }

  #drop(kept: Kept): void {
    if (this.#readings.delete(kept)) this.#bytes -= kept.bytes
  }
}
