/** What a gateway has asked control over one link, and the answers: one that does not come in time, or before the link ends, is a no. */
import type { Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Refused, type Result } from '../kernel/result.ts'
import type { Clock } from '../control/ports.ts'
import type { Answered, Ask, FromGateway } from './messages.ts'

export type Granted = Extract<Answered, { ok: true }>

/** Longer than this nobody waits for an answer. */
export const askWaitMs: Milliseconds = 5_000
const pendingMax = 10_000
const lateMax = 10_000

interface Pending {
  readonly settle: (result: Result<Granted>) => void
  readonly callOff: () => void
}

export class Asks {
  readonly #clock: Pick<Clock, 'after'>
  readonly #send: (message: FromGateway) => void
  readonly #pending = new Map<number, Pending>()
  /** Nobody waits any more for the answers of these. */
  readonly #late = new Set<number>()
  #last = 0
  #over: Refused | undefined

  constructor(clock: Pick<Clock, 'after'>, send: (message: FromGateway) => void) {
    this.#clock = clock
    this.#send = send
  }

  /** What control answers. Refuses `control.unreachable` where it does not. */
  ask(ask: Ask): Promise<Result<Granted>> {
    if (this.#over !== undefined) return Promise.resolve(this.#over)
    if (this.#pending.size >= pendingMax || this.#late.size >= lateMax)
      return Promise.resolve(refuse('control.unreachable', { detail: 'too many questions wait for an answer' }))
    this.#last += 1
    const id = this.#last
    return new Promise((settle) => {
      const callOff = this.#clock.after(askWaitMs, () => {
        this.#pending.delete(id)
        this.#late.add(id)
        settle(refuse('control.unreachable', { detail: `control did not answer within ${askWaitMs / 1_000} s` }))
      })
      this.#pending.set(id, { settle, callOff })
      this.#send({ type: 'ask', id, ask })
    })
  }

  /** False where nothing of this number was asked, or it was answered already. */
  answered(id: number, answer: Answered): boolean {
    const pending = this.#pending.get(id)
    if (pending === undefined) return this.#late.delete(id)
    this.#pending.delete(id)
    pending.callOff()
    if (answer.ok) pending.settle(done(answer))
    else {
      const { code, detail, policies } = answer
      pending.settle(refuse(code, { ...(detail === undefined ? {} : { detail }), ...(policies === undefined ? {} : { policies }) }))
    }
    return true
  }

  /** The link is gone: nobody can tell what became of what was asked. */
  end(): void {
    this.#over = refuse('control.unreachable', { detail: 'the link to control ended before it answered' })
    for (const { settle, callOff } of this.#pending.values()) {
      callOff()
      settle(this.#over)
    }
    this.#pending.clear()
  }
}
