/** The memories of one gateway: one for each caller under each token's grant, few enough to be kept. What was read is known at home. */
import type { Bearer } from '../../control/ports.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { JsonValue } from '../../kernel/json.ts'
import { Memory, type MemoryLimits, memoryLimits, type Source } from './provenance.ts'
import { ownerOf } from './sessions.ts'

export interface MemoriesLimits {
  /** Of all memories together. */
  readonly wordsMax: number
  readonly memoriesMax: number
}

export const memoriesLimits: MemoriesLimits = { wordsMax: 1_500_000, memoriesMax: 5_000 }

/** The operation that a caller read first, of those whose results anybody may have written: kept at home, whatever becomes of memories. */
export type ReadBefore = (bearer: Bearer) => Promise<Result<string | undefined>>

/** `undefined`: it could not be read. `isPart`: the result itself is still to come. */
export interface Said {
  readonly content: JsonValue | undefined
  readonly isPart?: boolean
}

export class Memories {
  readonly #limits: MemoriesLimits
  readonly #each: MemoryLimits
  /** The one that was used longest ago comes first. */
  readonly #memories = new Map<string, Memory>()
  #words = 0

  constructor(limits: MemoriesLimits = memoriesLimits, each: MemoryLimits = memoryLimits) {
    this.#limits = limits
    this.#each = each
  }

  /**
   * What this caller was told so far. One that is not kept here begins with what is known at home: that something untrusted was read, of
   * which no word is left. Refuses where that cannot be known.
   */
  of(bearer: Bearer, readBefore: ReadBefore): Result<Memory> | Promise<Result<Memory>> {
    const owner = ownerOf(bearer)
    const known = this.#memories.get(owner)
    if (known === undefined) return this.#begin(owner, readBefore(bearer))
    this.#memories.delete(owner)
    this.#memories.set(owner, known)
    return done(known)
  }

  /** A result reached this caller. Nothing is kept of one whose memory had to make room since it called: at home it is known that it read. */
  saw(bearer: Pick<Bearer, 'claims'>, source: Source, said: Said): void {
    const memory = this.#memories.get(ownerOf(bearer))
    if (memory === undefined) return
    this.#words -= memory.words
    memory.saw(source, said.content, said.isPart)
    this.#words += memory.words
    this.#makeRoom()
  }

  async #begin(owner: string, reading: ReturnType<ReadBefore>): Promise<Result<Memory>> {
    const read = await reading
    if (!read.ok) return read
    // Another call of the same caller may have begun it meanwhile.
    const lost: Source | undefined = read.value === undefined ? undefined : { operation: read.value, trust: 'untrusted' }
    const memory = this.#memories.get(owner) ?? new Memory(this.#each, lost)
    this.#memories.set(owner, memory)
    this.#makeRoom()
    return done(memory)
  }

  #makeRoom(): void {
    const { wordsMax, memoriesMax } = this.#limits
    for (const [owner, memory] of this.#memories) {
      if (this.#memories.size <= memoriesMax && this.#words <= wordsMax) return
      this.#memories.delete(owner)
      this.#words -= memory.words
    }
  }
}
