/** A commit whose answer was lost: whoever waits for it hears in time whether it was kept, or that it is not known yet. */
import { UnsettledCommit } from '../shared/engine.ts'

export class OpenCommit {
  /** Of the transaction in question. */
  readonly mark: number
  /** Whether it was kept; rejects with `UnsettledCommit`, which hears of it later. */
  readonly settled: Promise<boolean>
  readonly #answer: (isKept: boolean) => void

  constructor(mark: number, after: (work: () => void) => () => void) {
    const late = new UnsettledCommit()
    const { promise, resolve, reject } = Promise.withResolvers<boolean>()
    let isLate = false
    const callOff = after(() => {
      isLate = true
      reject(late)
    })
    this.mark = mark
    this.settled = promise
    this.#answer = (isKept) => {
      callOff()
      if (isLate) late.settle(isKept)
      else resolve(isKept)
    }
  }

  answer(isKept: boolean): void {
    this.#answer(isKept)
  }
}
