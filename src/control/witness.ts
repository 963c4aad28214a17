/** A witness: cosigns a log's head only if it follows the newest one it cosigned before, and remembers it first (C2SP tlog-witness). */
import type { Refusal } from '../kernel/refusals.ts'
import { judgeCheckpoint, nothingSeen, originOf, parseAddCheckpoint, sizeType } from '../ledger/add-checkpoint.ts'
import { cosignatureLine, type NoteKey } from '../ledger/note.ts'
import type { Clock, Signer } from './ports.ts'

/** Keeps the newest head of each log, through crashes. Every call throws when it could not do what it says. */
export interface WitnessedHeads {
  read(origin: string): Promise<{ readonly size: number; readonly root: Uint8Array } | undefined>
  /** Durable when it resolves. Throws on a head that is smaller than the one it has. */
  write(origin: string, head: { readonly size: number; readonly root: Uint8Array }): Promise<void>
}

export interface WitnessOptions {
  readonly signer: Signer
  /** The keys of the logs it cosigns for. */
  readonly logs: readonly NoteKey[]
  readonly heads: WitnessedHeads
  readonly clock: Pick<Clock, 'now'>
  /** Hears of a log that shows two faces, with what it signed; and of a state that cannot be kept. */
  readonly alarm: (says: string, cause: unknown) => void
}

export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422 | 503
  readonly type: string
  readonly body: string
}

/** Whoever sends more is no log. */
export const addCheckpointBytesMax = 65_536

const textType = 'text/plain; charset=utf-8'

export class Witness {
  readonly #options: WitnessOptions
  #turn: Promise<unknown> = Promise.resolve()
  #told = ''

  constructor(options: WitnessOptions) {
    this.#options = options
  }

  /** Answers the body of an `add-checkpoint` request. One after the other: looking at the head and replacing it is one step. */
  add(body: string): Promise<WitnessAnswer> {
    const answered = this.#turn.then(() => this.#add(body)).catch((cause: unknown) => this.#fail(cause))
    this.#turn = answered
    return answered
  }

  async #add(body: string): Promise<WitnessAnswer> {
    const { heads, logs, signer, clock } = this.#options
    const request = parseAddCheckpoint(body)
    if (!request.ok) return say(400, describe(request.refusal))
    const origin = originOf(request.value)
    const isKnown = origin !== undefined && logs.some((key) => key.name === origin)
    const seen = isKnown ? ((await heads.read(origin)) ?? nothingSeen) : nothingSeen
    const judged = judgeCheckpoint(request.value, seen, logs)
    switch (judged.status) {
      case 200:
        // Kept first: what was cosigned and forgotten could be contradicted.
        if (origin !== undefined) await heads.write(origin, judged.head)
        return { status: 200, type: textType, body: cosignatureLine(judged.text, signer, Math.floor(clock.now() / 1_000)) }
      case 409:
        if (judged.size === request.value.old) this.#tell(`${origin ?? ''} has signed two heads: ${judged.why}`, request.value.note)
        return { status: 409, type: sizeType, body: `${judged.size}\n` }
      case 422:
        this.#tell(`${origin ?? ''} has signed a head that was not proved to follow the one before: ${judged.why}`, request.value.note)
        return say(422, judged.why)
      case 400:
      case 403:
      case 404:
        return say(judged.status, judged.why)
    }
  }

  /** Anybody may send what a log once signed: the same is not told again and again. */
  #tell(says: string, note: string): void {
    if (this.#told === note) return
    this.#told = note
    this.#options.alarm(says, note)
  }

  #fail(cause: unknown): WitnessAnswer {
    this.#options.alarm('the newest head cannot be kept, so nothing is cosigned', cause)
    return say(503, 'the state of this witness cannot be kept')
  }
}

function say(status: WitnessAnswer['status'], why: string): WitnessAnswer {
  return { status, type: textType, body: `${why}\n` }
}

function describe(refusal: Refusal): string {
  return refusal.detail ?? refusal.code
}
