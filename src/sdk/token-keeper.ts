/** Keeps one token fresh: exchanged when first needed, once for everybody who waits, and again before its end. */
import type { TokenAnswer } from '../wire/tokens.ts'
import { orAborted } from './pause.ts'

/** Renewed when a fifth of its life is left. */
const renewAfterShare = 0.8
/** Timers hold 31 bits of milliseconds. */
const timerMsMax = 2_147_483_647

export class TokenKeeper {
  readonly #exchange: () => Promise<TokenAnswer>
  #current: Promise<string> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(exchange: () => Promise<TokenAnswer>) {
    this.#exchange = exchange
  }

  /** A token that is good for now. A caller who breaks off does not break off the exchange for the others. */
  async current(signal?: AbortSignal): Promise<string> {
    return orAborted((this.#current ??= this.#renew()), signal)
  }

  /** To be called when a token was refused: the next caller gets a new one. */
  forget(): void {
    clearTimeout(this.#timer)
    this.#current = undefined
  }

  #renew(): Promise<string> {
    const renewal = this.#exchange().then(
      (answer) => {
        if (this.#current === renewal) this.#forgetIn(answer.expires_in * 1_000 * renewAfterShare)
        return answer.access_token
      },
      (thrown: unknown) => {
        if (this.#current === renewal) this.#current = undefined
        throw thrown
      },
    )
    return renewal
  }

  #forgetIn(milliseconds: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.forget(), Math.min(milliseconds, timerMsMax))
    // A process that has nothing else to do ends; a browser's timers are numbers and hold nothing up.
    if (typeof this.#timer === 'object') this.#timer.unref()
  }
}
