/** Records what a gateway refuses before it is an action, so that whoever has no credential cannot fill the journal with it. */
import type { Bearer, Clock, GatewayControl } from '../../control/ports.ts'
import { addressForCounting } from '../../kernel/client-address.ts'
import type { Instant } from '../../kernel/instants.ts'
import type { Refusal } from '../../kernel/refusals.ts'

export interface RefusalBookInput {
  readonly control: Pick<GatewayControl, 'refused'>
  readonly clock: Pick<Clock, 'now'>
  /** Of one address, recorded one by one: so many at once. */
  readonly atOnceMax: number
  /** So many a minute for as long as it goes on. */
  readonly perMinuteMax: number
}

export interface RefusedRequest {
  readonly service: string
  readonly bearer?: Bearer
  readonly address: string
  readonly target: string
  readonly refusal: Refusal
}

/** What to tell its sender. `closes`: and no more than that, on this connection. */
export interface ToldRefusal {
  readonly refusal: Refusal
  readonly more: { readonly decision?: string }
  readonly closes: boolean
}

interface Account {
  readonly address: string
  /** What may still be recorded one by one, as of `at`. */
  left: number
  at: Instant
  /** What was not, since the last summary. */
  unwritten: number
  service: string
  summaryAt: Instant
}

/** Addresses that are told apart; whoever comes beyond them shares one account. */
const accountsMax = 4_096
const everybodyElse = 'other addresses'
const summaryEveryMs = 60_000

/**
 * A refusal of a known caller is always recorded by itself. Of an address without one, so many are; the rest is counted, answered with
 * `rate.exceeded`, and stands in one record a minute.
 */
export class RefusalBook {
  readonly #input: RefusalBookInput
  readonly #accounts = new Map<string, Account>()

  constructor(input: RefusalBookInput) {
    this.#input = input
  }

  refused(request: RefusedRequest): ToldRefusal {
    const { control } = this.#input
    if (request.bearer === undefined && !this.#mayRecord(request))
      return { refusal: { code: 'rate.exceeded', detail: 'too many refused requests from this address' }, more: {}, closes: true }
    return { refusal: request.refusal, more: { decision: control.refused(request) }, closes: false }
  }

  /** Writes the summaries that are due, and forgets who has been quiet. */
  sweep(now: Instant): void {
    for (const [key, account] of this.#accounts) {
      if (account.unwritten > 0 && now >= account.summaryAt) this.#summarise(account)
      this.#refill(account, now)
      if (account.unwritten === 0 && account.left >= this.#input.atOnceMax) this.#accounts.delete(key)
    }
  }

  /** Writes what was counted and not written yet. */
  close(): void {
    for (const account of this.#accounts.values()) if (account.unwritten > 0) this.#summarise(account)
  }

  #mayRecord({ address, service }: RefusedRequest): boolean {
    const now = this.#input.clock.now()
    const account = this.#accountOf(addressForCounting(address), now)
    this.#refill(account, now)
    if (account.left >= 1) {
      account.left -= 1
      return true
    }
    if (account.unwritten === 0) account.summaryAt = now + summaryEveryMs
    account.unwritten += 1
    account.service = service
    return false
  }

  #accountOf(address: string, now: Instant): Account {
    const key = this.#accounts.has(address) || this.#accounts.size < accountsMax ? address : everybodyElse
    const known = this.#accounts.get(key)
    if (known !== undefined) return known
    const account = { address: key, left: this.#input.atOnceMax, at: now, unwritten: 0, service: '', summaryAt: 0 }
    this.#accounts.set(key, account)
    return account
  }

  #refill(account: Account, now: Instant): void {
    const { atOnceMax, perMinuteMax } = this.#input
    account.left = Math.min(atOnceMax, account.left + (Math.max(0, now - account.at) * perMinuteMax) / 60_000)
    account.at = now
  }

  #summarise(account: Account): void {
    const { address, service, unwritten } = account
    account.unwritten = 0
    this.#input.control.refused({
      service,
      address: address === everybodyElse ? 'unknown' : address,
      target: `${unwritten} requests`,
      refusal: { code: 'rate.exceeded', detail: `${unwritten} more refused requests from ${address}, counted and not recorded one by one` },
    })
  }
}
