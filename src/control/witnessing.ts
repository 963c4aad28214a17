/** Brings each new head to the witnesses, keeps what they cosign, and says loudly when one of them holds another head. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { writeAddCheckpoint } from '../ledger/add-checkpoint.ts'
import { openCheckpoint } from '../ledger/checkpoint.ts'
import { addSignature, type NoteKey } from '../ledger/note.ts'
import type { LogTree } from './log-tree.ts'
import type { Clock, LogStore } from './ports.ts'

/** How a witness is reached, and the key that it cosigns with. */
export interface WitnessLine {
  readonly key: NoteKey
  /** Posts an `add-checkpoint` request. Throws where it gets no whole answer. */
  readonly add: (body: string) => Promise<{ readonly status: number; readonly body: string }>
}

/** A witness holds a head that ours does not follow. */
export interface Dispute {
  /** Its name and key. */
  readonly witness: string
  readonly vkey: string
  /** Of our head that it would not cosign. */
  readonly size: number
  readonly says: string
  readonly at: Instant
}

export interface WitnessState {
  readonly name: string
  readonly vkey: string
  /** Of the newest head that it cosigned; undefined before the first. */
  readonly size?: number
  readonly at?: Instant
  /** Why it has not cosigned the newest head; undefined while all is well. */
  readonly late?: string
}

export interface WitnessingOptions {
  readonly log: Pick<LogStore, 'tree' | 'cosign'>
  readonly tree: LogTree
  /** The log's own key. */
  readonly own: NoteKey
  readonly witnesses: readonly WitnessLine[]
  readonly clock: Pick<Clock, 'now' | 'after'>
  readonly alarm: (says: string, cause: unknown) => void
  readonly onDispute: (dispute: Dispute) => void
  /** Between two heads that one witness is brought. */
  readonly everyMs?: Milliseconds
  /** Before a witness that was not reached is tried again. */
  readonly retryMs?: Milliseconds
}

/** From the old size that it tells to the next is one step; more are a witness that makes fun of us. */
const stepsMax = 4

export class Witnessing {
  readonly #options: WitnessingOptions
  readonly #each: readonly OneWitness[]

  constructor(options: WitnessingOptions) {
    this.#options = options
    this.#each = options.witnesses.map((line) => new OneWitness(options, line))
  }

  /** There is a new head: each witness hears of it, not more often than is settled. */
  wake(): void {
    for (const each of this.#each) each.wake(this.#options.everyMs ?? 1_000)
  }

  /** Brings the newest head to all of them now, and resolves when each has cosigned, refused or not answered in time. */
  async askAll(): Promise<void> {
    await Promise.all(this.#each.map((each) => each.ask()))
  }

  states(): readonly WitnessState[] {
    return this.#each.map((each) => each.state)
  }

  async close(): Promise<void> {
    for (const each of this.#each) each.callOff()
    await this.askAll()
    for (const each of this.#each) each.callOff()
  }
}

class OneWitness {
  state: WitnessState
  readonly #options: WitnessingOptions
  readonly #line: WitnessLine
  #size: number | undefined
  #due: (() => void) | undefined
  #turn: Promise<void> = Promise.resolve()

  constructor(options: WitnessingOptions, line: WitnessLine) {
    this.#options = options
    this.#line = line
    this.state = { name: line.key.name, vkey: line.key.vkey }
  }

  wake(after: Milliseconds): void {
    this.#due ??= this.#options.clock.after(after, () => {
      this.#due = undefined
      void this.ask()
    })
  }

  callOff(): void {
    this.#due?.()
    this.#due = undefined
  }

  ask(): Promise<void> {
    this.#turn = this.#turn
      .then(() => this.#bring())
      .catch((cause: unknown) => {
        this.#isLate('it was not reached', cause)
      })
    return this.#turn
  }

  async #bring(): Promise<void> {
    for (let step = 0; step < stepsMax; step += 1) {
      const { log, tree, own } = this.#options
      const { size, checkpoint } = await log.tree()
      if (size === 0 || this.#size === size) return
      const opened = openCheckpoint(checkpoint, own.name, [own, this.#line.key])
      if (!opened.ok) throw new Error('the newest head cannot be opened')
      // After a start it may have cosigned already what is the newest: then there is nothing to bring, and its size is known.
      if (this.#size === undefined && opened.value.keys.includes(this.#line.key)) this.#size = size
      const old = this.#size ?? 0
      const proof = await tree.consistency(old, size)
      const answer = await this.#line.add(writeAddCheckpoint({ old, proof, note: `${opened.value.text}\n${ownLine(checkpoint, own)}` }))
      const next = await this.#read(answer, { old, size, checkpoint })
      if (next === 'done') return
    }
    this.#isLate(`it told another size each time it was asked`, undefined)
  }

  /** What its answer means for the head of `size` that followed `old`. */
  async #read(
    { status, body }: { readonly status: number; readonly body: string },
    { old, size, checkpoint }: { readonly old: number; readonly size: number; readonly checkpoint: string },
  ): Promise<'done' | 'again'> {
    const { log } = this.#options
    const { key } = this.#line
    if (status === 200) {
      const cosigned = addSignature(checkpoint, body, key)
      if (!cosigned.ok) return this.#isLate(`it answered without its cosignature: ${cosigned.refusal.detail ?? ''}`, undefined)
      await log.cosign(size, cosigned.value)
      this.#isHeard(size)
      return 'done'
    }
    if (status === 422)
      return this.#disputes(size, `it says that our head of size ${size} does not follow the one it cosigned, of size ${old}`)
    const [, digits] = status === 409 ? (/^(\d{1,16})\n?$/.exec(body) ?? []) : []
    if (digits === undefined) return this.#isLate(`it answered ${status}: ${body.slice(0, 200).trim()}`, undefined)
    const its = Number(digits)
    // The log may have grown while it answered.
    const newest = (await log.tree()).size
    if (its > newest) return this.#disputes(size, `it has cosigned a head of size ${its}, and our newest is of size ${newest}`)
    if (its === old && old === size) return this.#disputes(size, `it has cosigned another head of size ${size}`)
    this.#size = its
    return 'again'
  }

  #isHeard(size: number): void {
    const { clock, alarm } = this.#options
    const { name, vkey, late } = this.state
    this.#size = size
    this.state = { name, vkey, size, at: clock.now() }
    if (late !== undefined) alarm(`the witness ${name} is heard again`, undefined)
  }

  #isLate(why: string, cause: unknown): 'done' {
    const { alarm, retryMs = 10_000 } = this.#options
    // Told once, and shown until it is heard again.
    if (this.state.late === undefined) alarm(`the witness ${this.state.name} does not cosign: ${why}`, cause)
    this.state = { ...this.state, late: why }
    this.wake(retryMs)
    return 'done'
  }

  #disputes(size: number, says: string): 'done' {
    const { onDispute, clock } = this.#options
    const { name, vkey } = this.#line.key
    this.state = { ...this.state, late: says }
    onDispute({ witness: name, vkey, size, says, at: clock.now() })
    return 'done'
  }
}

/** The log's own line of signature: what other witnesses said is nobody else's business. */
function ownLine(checkpoint: string, own: NoteKey): string {
  const lines = checkpoint.slice(checkpoint.indexOf('\n\n') + 2).split('\n')
  return `${lines.find((line) => line.startsWith(`— ${own.name} `)) ?? ''}\n`
}
