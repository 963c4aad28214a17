/** The memories of one gateway: one for each caller under each token's grant, few enough to be kept, and what stays known of those that are not. */
import type { Bearer, Clock } from '../../control/ports.ts'
import type { Instant, Milliseconds } from '../../kernel/instants.ts'
import type { JsonValue } from '../../kernel/json.ts'
import { Memory, type MemoryLimits, memoryLimits, type Source } from './provenance.ts'
import { ownerOf } from './sessions.ts'

export interface MemoriesLimits {
  /** Of all memories together. */
  readonly wordsMax: number
  readonly memoriesMax: number
  readonly marksMax: number
  /** How long a caller is taken for one that may act on what it read. */
  readonly markedFor: Milliseconds
}

export const memoriesLimits: MemoriesLimits = { wordsMax: 1_500_000, memoriesMax: 5_000, marksMax: 50_000, markedFor: 24 * 3_600_000 }

interface Mark {
  readonly at: Instant
  readonly chain: string
  readonly source: Source
}

/** `undefined`: it could not be read. `isPart`: the result itself is still to come. */
export interface Said {
  readonly content: JsonValue | undefined
  readonly isPart?: boolean
}

export class Memories {
  readonly #clock: Pick<Clock, 'now'>
  readonly #limits: MemoriesLimits
  readonly #each: MemoryLimits
  /** The one that was used longest ago comes first. */
  readonly #memories = new Map<string, Memory>()
  /** Who has read what is untrusted, whether or not the memory of it is still kept; the oldest first. */
  readonly #marks = new Map<string, Mark>()
  #words = 0
  /** Until when everybody counts as marked, because there were more than can be kept. */
  #allUntil: Instant = 0

  constructor(clock: Pick<Clock, 'now'>, limits: MemoriesLimits = memoriesLimits, each: MemoryLimits = memoryLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#each = each
  }

  /** What this caller was told so far. */
  of(bearer: Pick<Bearer, 'claims'>): Memory {
    const owner = ownerOf(bearer)
    const known = this.#memories.get(owner) ?? new Memory(this.#each, this.#lostOf(owner))
    this.#memories.delete(owner)
    this.#memories.set(owner, known)
    return known
  }

  /** A result reached this caller. */
  saw(bearer: Pick<Bearer, 'claims'>, source: Source, said: Said): void {
    const memory = this.of(bearer)
    this.#words -= memory.words
    memory.saw(source, said.content, said.isPart)
    this.#words += memory.words
    if (source.trust === 'untrusted') this.#mark(ownerOf(bearer), bearer.claims.chain.join(' '), source)
    this.#makeRoom()
  }

  /** Whether this chain has read what is untrusted, under whatever grant: what it asks for since may be somebody else's wish. */
  hasReadUntrusted({ claims }: Pick<Bearer, 'claims'>): boolean {
    const now = this.#clock.now()
    if (now < this.#allUntil) return true
    const chain = claims.chain.join(' ')
    for (const mark of this.#marks.values()) if (mark.chain === chain && now < mark.at + this.#limits.markedFor) return true
    return false
  }

  #lostOf(owner: string): Source | undefined {
    const now = this.#clock.now()
    const mark = this.#marks.get(owner)
    if (mark !== undefined && now < mark.at + this.#limits.markedFor) return mark.source
    return now < this.#allUntil ? { operation: 'what is no longer kept', trust: 'untrusted' } : undefined
  }

  #mark(owner: string, chain: string, source: Source): void {
    const at = this.#clock.now()
    this.#marks.delete(owner)
    this.#marks.set(owner, { at, chain, source })
    const [oldest] = this.#marks
    if (oldest === undefined || this.#marks.size <= this.#limits.marksMax) return
    const [name, { at: marked }] = oldest
    this.#marks.delete(name)
    this.#allUntil = Math.max(this.#allUntil, marked + this.#limits.markedFor)
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
