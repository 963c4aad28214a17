/** What goes out over one link, in order: where the gateway is now, everything since, and the secrets of its services as they are. */
import { createHash } from 'node:crypto'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import type { Refused, Result } from '../kernel/result.ts'
import type { Service } from '../model/services.ts'
import type { Clock } from '../control/ports.ts'
import { type Lane, type LaneText, servicesIn, written, writtenRecord } from './lane.ts'
import { type FeedLink, waitingBytesMax } from './link.ts'
import type { Changes, FromControl } from './messages.ts'
import { Unacknowledged } from './served-limits.ts'

/** Records between two looks at how much waits to leave. */
const sliceRecords = 200
/** With more than this on the way a snapshot waits for its reader, and no longer than this at a time. */
const eagerBytes = 1_048_576
const unreadMax: Milliseconds = 30_000
const lookEvery: Milliseconds = 5
/** Versions that may be on the way, and messages that may gather behind a snapshot. */
const unacknowledgedMax = 100_000
const gatheredMax = 100_000

export interface StreamParts {
  readonly link: FeedLink
  readonly lane: Lane
  readonly clock: Clock
  readonly secretText: (service: Service) => Result<string | undefined>
  /** It does not keep up. */
  readonly onSlow: (why: Refused) => void
}

export class ServedStream {
  readonly #at: StreamParts
  readonly #unacknowledged = new Unacknowledged()
  /** SHA-256 of what was sent last, by service: a secret is sent again when it is another one, and not kept here. */
  readonly #secrets = new Map<string, string>()
  /** What waits until the snapshot is whole. */
  #gathered: (() => void)[] | undefined = []
  #unlisten: () => void = () => undefined
  #isOver = false
  #applied = 0

  constructor(parts: StreamParts) {
    this.#at = parts
  }

  /** The version up to which everything binds there; 0 before it said so. */
  get applied(): number {
    return this.#applied
  }

  /** Since when the oldest version waits that was not acknowledged. */
  get unacknowledgedSince(): Instant | undefined {
    return this.#unacknowledged.oldest
  }

  /** At once: for what does not have to wait for a snapshot. */
  say(message: FromControl): void {
    this.#send(written(message))
  }

  /** After whatever is on its way. */
  sayInTurn(message: FromControl): void {
    this.#inTurn(() => this.say(message))
  }

  /** From the version that the lane was just flushed to: changes since `from`, where they are known, or everything there is. */
  async begin(version: number, resume: { readonly from: number; readonly missed: readonly Changes[] } | undefined): Promise<void> {
    const { lane } = this.#at
    this.#unlisten = lane.listen((said) => this.#pass(said))
    if (resume === undefined) {
      this.#sendSecrets(lane.interest.services())
      await this.#sendSnapshot(version)
    } else {
      this.#applied = resume.from
      for (const changes of resume.missed) this.#change({ text: written(changes), version: changes.version, services: servicesIn(changes) })
      this.#sendSecrets(lane.interest.services())
    }
    const gathered = this.#gathered ?? []
    this.#gathered = undefined
    for (const send of gathered) send()
  }

  /** Secrets that are kept elsewhere change without any commit: to be asked now and then. */
  refreshSecrets(): void {
    this.#inTurn(() => this.#sendSecrets(this.#at.lane.interest.services()))
  }

  /** False where this version was never sent, or was acknowledged already. */
  acknowledge(version: number): boolean {
    if (!this.#unacknowledged.acknowledge(version)) return false
    this.#applied = version
    return true
  }

  /** Nothing follows it. Sent even where too much waits: what does not get through is said by the link's end. */
  lastWord(message: FromControl): void {
    if (!this.#isOver) this.#at.link.send(written(message))
    this.end()
  }

  end(): void {
    this.#isOver = true
    this.#unlisten()
    this.#gathered = undefined
  }

  #pass(said: LaneText): void {
    this.#inTurn(() => this.#change(said))
  }

  #inTurn(send: () => void): void {
    if (this.#gathered === undefined) send()
    else if (this.#gathered.length < gatheredMax) this.#gathered.push(send)
    else this.#at.onSlow(refuse('feed.too-slow', { detail: 'too much gathered behind its snapshot' }))
  }

  /**
   * A service that changes may be somewhere else from then on. What opens it where it was must not go where it is, nor the other way round:
   * so the secret is taken away before, and given again after.
   */
  #change({ text, version, services }: LaneText): void {
    for (const service of services)
      if (this.#secrets.delete(service)) this.say({ type: 'no-secret', service, code: 'upstream.secret-unavailable' })
    this.#sendVersion(text, version)
    this.#sendSecrets(services.flatMap((name) => this.#at.lane.interest.service(name) ?? []))
  }

  #sendSecrets(services: Iterable<Service>): void {
    for (const service of services) {
      if (service.credential === undefined) continue
      const secret = this.#at.secretText(service)
      const message: FromControl = secret.ok
        ? { type: 'secret', service: service.id, value: secret.value ?? '' }
        : { type: 'no-secret', service: service.id, code: secret.refusal.code }
      const text = written(message)
      const hash = createHash('sha256').update(text).digest('hex')
      if (this.#secrets.get(service.id) === hash) continue
      this.#secrets.set(service.id, hash)
      this.#send(text)
    }
  }

  async #sendSnapshot(version: number): Promise<void> {
    const { lane, clock } = this.#at
    const at = clock.now()
    const records = lane.interest.snapshot()
    for (let from = 0; from < records.length; from += sliceRecords) {
      for (const each of records.slice(from, from + sliceRecords)) this.#send(writtenRecord(each))
      await clock.turn?.()
      if (!(await this.#isRead())) return
    }
    this.#sendVersion(written({ type: 'snapshot', version, records: records.length, at }), version)
  }

  /** Waits until the peer has read most of what it was sent. False where it does not, or the link is over. */
  async #isRead(): Promise<boolean> {
    const { clock, link } = this.#at
    const since = clock.now()
    while (!this.#isOver && link.waitingBytes > eagerBytes) {
      if (clock.now() - since > unreadMax) {
        this.#at.onSlow(refuse('feed.too-slow', { detail: 'it does not read' }))
        return false
      }
      await new Promise<void>((resolve) => clock.after(lookEvery, resolve))
    }
    return !this.#isOver
  }

  #sendVersion(text: string, version: number): void {
    this.#unacknowledged.add(version, this.#at.clock.now())
    this.#send(text)
    if (this.#unacknowledged.count > unacknowledgedMax) this.#at.onSlow(refuse('feed.too-slow', { detail: 'it acknowledges nothing' }))
  }

  #send(text: string): void {
    if (this.#isOver) return
    this.#at.link.send(text)
    if (this.#at.link.waitingBytes > waitingBytesMax) this.#at.onSlow(refuse('feed.too-slow', { detail: 'it does not read' }))
  }
}
