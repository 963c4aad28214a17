/** Whether a core was ours alone while something was timed. A virtual one shares what it computes with, with whoever the host has beside it. */
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Cores, end, start } from './processes.ts'

/** More than this times its least, and somebody else took part of the core. Alone, it differs by a tenth. */
const disturbedFrom = 1.25

/** What was timed has work left over: hashes, garbage, its next group of lines. */
const settleMs = 5

export class Steadiness {
  readonly #worker: ChildProcess
  readonly #answers: AsyncIterator<string>
  #least = Number.POSITIVE_INFINITY
  #most = 0

  constructor(on: Cores) {
    this.#worker = start([process.execPath, fileURLToPath(new URL('steadiness-work.ts', import.meta.url))], { on, asks: true })
    if (this.#worker.stdout === null) throw new Error('a process that is to answer has no output')
    this.#answers = createInterface({ input: this.#worker.stdout })[Symbol.asyncIterator]()
  }

  /** How long a fixed piece of work takes on that core just now, in microseconds. */
  async look(): Promise<number> {
    await wait(settleMs)
    this.#worker.stdin?.write('\n')
    const answer = await this.#answers.next()
    const took = answer.done === true ? Number.NaN : Number(answer.value)
    if (!(took > 0)) throw new Error('nobody says how long the fixed piece of work took')
    this.#least = Math.min(this.#least, took)
    this.#most = Math.max(this.#most, took)
    return took
  }

  /** Of everything that was looked at so far: known at the end. */
  isDisturbed(took: number): boolean {
    return took > this.#least * disturbedFrom
  }

  /** How much longer than at its best the same work took at its worst. */
  get worst(): number {
    return this.#most / this.#least
  }

  close(): Promise<void> {
    return end(this.#worker)
  }
}
