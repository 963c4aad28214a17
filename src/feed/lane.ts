/** What every process of one gateway is sent: each commit as far as it is their business, in one text for all of them. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { canonicalJson } from '../kernel/json.ts'
import { keptText } from '../kernel/long-json.ts'
import type { Clock, Committed } from '../control/ports.ts'
import type { Interest } from './interest.ts'
import type { Changes, FromControl } from './messages.ts'
import type { OutgoingRecord } from './outgoing-records.ts'

/** How long a commit that is not this gateway's business may wait to be told of: several of them are one message. */
const bumpEvery: Milliseconds = 250
/** What whoever comes back may be sent again, instead of everything. */
const keptMax = 10_000
const keptBytesMax = 16_777_216

/** For whom nobody came back in that time, nothing is kept. */
const awaitedMs: Milliseconds = 300_000

/** One message to all processes of a gateway: the version it brings, and the services that are others or none from it on. */
export interface LaneText {
  readonly text: string
  readonly version: number
  readonly services: readonly string[]
}

export type LaneListener = (said: LaneText) => void

interface Kept {
  readonly version: number
  readonly at: Instant
  readonly changes: Changes['changes']
  readonly forget: Changes['forget']
  readonly bytes: number
}

export class Lane {
  readonly interest: Interest
  readonly #clock: Clock
  readonly #listeners = new Set<LaneListener>()
  /** The last version that was told of, and the last there is. */
  #told: number
  #version: number
  #at: Instant
  #bump: (() => void) | undefined
  /** Commits that were its business, oldest first, and the version from which on none is missing. */
  readonly #kept: Kept[] = []
  #keptSince: number
  #keptBytes = 0
  #heardAt: Instant

  constructor(interest: Interest, clock: Clock, version: number) {
    this.interest = interest
    this.#clock = clock
    this.#told = version
    this.#version = version
    this.#keptSince = version
    this.#at = clock.now()
    this.#heardAt = this.#at
  }

  /** Takes a commit that facts and index have applied. What is this gateway's business goes out before this returns. */
  follow(committed: Committed): void {
    const { changes, forget } = this.interest.follow(committed)
    this.#version = committed.version
    this.#at = committed.at
    if (changes.length > 0 || forget.length > 0) this.#tell(changes, forget)
    else if (this.#listeners.size > 0) this.#bump ??= this.#clock.after(bumpEvery, () => this.flush())
  }

  /** Tells of the last version now, where it was not told of yet. Answers it. */
  flush(): number {
    this.#bump?.()
    this.#bump = undefined
    if (this.#version > this.#told) this.#send({ version: this.#version, at: this.#at, changes: [], forget: [] })
    return this.#told
  }

  /** From the version on that `flush` has just answered. */
  listen(listener: LaneListener): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
      this.#heardAt = this.#clock.now()
    }
  }

  /** What leads from a version to the one that was told last; nothing where that is not known any more. */
  since(version: number): readonly Changes[] | undefined {
    if (version < this.#keptSince || version > this.#told) return undefined
    const messages: Changes[] = []
    let after = version
    for (const { bytes: _size, ...kept } of this.#kept) {
      if (kept.version <= version) continue
      messages.push({ type: 'changes', after, ...kept })
      after = kept.version
    }
    if (after < this.#told) messages.push({ type: 'changes', after, version: this.#told, at: this.#at, changes: [], forget: [] })
    return messages
  }

  /** The last version after this one and up to that one that was its business, as far as anybody knows. */
  lastConcern(after: number, upTo: number): number | undefined {
    const last = this.#kept.findLast(({ version }) => version <= upTo)
    if (last !== undefined && last.version > after) return last.version
    return after < this.#keptSince ? upTo : undefined
  }

  /** Whether somebody hears it, or did so lately and may come back. */
  isWanted(now: Instant): boolean {
    return this.#listeners.size > 0 || now - this.#heardAt < awaitedMs
  }

  #tell(changes: Changes['changes'], forget: Changes['forget']): void {
    this.#bump?.()
    this.#bump = undefined
    const said = { version: this.#version, at: this.#at, changes, forget }
    const bytes = this.#send(said)
    this.#kept.push({ ...said, bytes })
    this.#keptBytes += bytes
    while (this.#kept.length > keptMax || this.#keptBytes > keptBytesMax) {
      const oldest = this.#kept.shift()
      if (oldest === undefined) return
      this.#keptBytes -= oldest.bytes
      this.#keptSince = oldest.version
    }
  }

  /** Answers how long the text is. */
  #send(said: Omit<Changes, 'type' | 'after'>): number {
    const text = written({ type: 'changes', after: this.#told, ...said })
    this.#told = said.version
    const services = servicesIn(said)
    for (const listener of [...this.#listeners]) listener({ text, version: said.version, services })
    return text.length
  }
}

/** Names of services of which something changed, or that are forgotten. */
export function servicesIn({ changes, forget }: Pick<Changes, 'changes' | 'forget'>): readonly string[] {
  return [...changes, ...forget].flatMap(({ kind, id }) => (kind === 'service' ? [id] : []))
}

/** A message as it goes out: canonical JSON. What policies are is not written anew for each gateway. */
export function written(message: FromControl): string {
  return message.type === 'changes' ? writtenChanges(message) : canonicalJson(message)
}

/** A record of a snapshot. */
export function writtenRecord({ kind, record }: OutgoingRecord): string {
  return `{"kind":${canonicalJson(kind)},"record":${keptText(record)},"type":"record"}`
}

function writtenChanges({ type, after, version, at, changes, forget }: Changes): string {
  const texts = changes.map((change) => {
    if ('removed' in change) return canonicalJson(change)
    return `{"id":${canonicalJson(change.id)},"kind":${canonicalJson(change.kind)},"record":${keptText(change.record)}}`
  })
  const [from, to] = [canonicalJson({ after, at }).slice(1, -1), canonicalJson({ forget, type, version }).slice(1, -1)]
  return `{${from},"changes":[${texts.join(',')}],${to}}`
}
