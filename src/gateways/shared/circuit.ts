/** Whether one upstream can be reached: after failures in a row nobody is kept waiting for it, until a single connection has tried it again. */
import type { Chance, Clock } from '../../control/ports.ts'
import type { Instant, Milliseconds } from '../../kernel/instants.ts'

/** What is known of an upstream by connecting to it; what it answers does not count. */
export interface UpstreamHealth {
  /** `failing`: the last connections failed. `resting`: so many that it is left alone until `triedAgainAt`. */
  readonly state: 'untried' | 'reachable' | 'failing' | 'resting'
  /** Of the state; of the first failure, while it fails or rests. */
  readonly since: Instant
  /** Of the last failure, while it fails or rests. For operators: callers do not hear it. */
  readonly error?: string
  readonly triedAgainAt?: Instant
}

export interface CircuitLimits {
  /** So many connections in a row that fail make it rest. */
  readonly connectFailuresMax: number
  /** How long it rests at first; twice as long after each further failure … */
  readonly restMs: Milliseconds
  /** … and never longer than this. */
  readonly restMsMax: Milliseconds
}

export interface CircuitInput {
  readonly clock: Pick<Clock, 'now'>
  readonly limits: CircuitLimits
  /** Without it every rest is as long as the table says. */
  readonly chance?: Pick<Chance, 'bytes'> | undefined
  /** Told once for each time that it comes to rest, and that it is reached again. */
  readonly onTurn: (health: UpstreamHealth) => void
}

/** Three quarters to five quarters of a time: gateways that lost the same upstream do not all come back in one moment. */
function spread(milliseconds: Milliseconds, chance: CircuitInput['chance']): Milliseconds {
  const [high = 0, low = 0] = chance?.bytes(2) ?? [128, 0]
  return Math.floor(milliseconds * (0.75 + (high * 256 + low) / 131_072))
}

/** Closed: whoever comes may connect. Open: nobody. Half open: one, and the others hear when it is known. */
export class Circuit {
  readonly #input: CircuitInput
  #failures = 0
  #rests = 0
  #restsUntil: Instant = 0
  #isProbed = false
  #health: UpstreamHealth

  constructor(input: CircuitInput) {
    this.#input = input
    this.#health = { state: 'untried', since: input.clock.now() }
  }

  get health(): UpstreamHealth {
    return this.#health
  }

  /** Whether a connection may be opened now. Who is let through must say how it went, by one of the three below. */
  admit(): boolean {
    if (this.#health.state !== 'resting') return true
    if (this.#isProbed || this.#input.clock.now() < this.#restsUntil) return false
    this.#isProbed = true
    return true
  }

  reached(): void {
    const before = this.#health.state
    this.#isProbed = false
    this.#failures = 0
    this.#rests = 0
    if (before === 'reachable') return
    this.#health = { state: 'reachable', since: this.#input.clock.now() }
    if (before === 'resting') this.#input.onTurn(this.#health)
  }

  failed(error: string): void {
    const { clock, limits, chance, onTurn } = this.#input
    const { state, since } = this.#health
    const now = clock.now()
    const first = state === 'failing' || state === 'resting' ? since : now
    // Those that were under way when it came to rest say nothing new.
    if (state === 'resting' && !this.#isProbed) return
    this.#isProbed = false
    this.#failures += 1
    if (this.#failures < limits.connectFailuresMax) {
      this.#health = { state: 'failing', since: first, error }
      return
    }
    const rest = spread(Math.min(limits.restMsMax, limits.restMs * 2 ** Math.min(this.#rests, 20)), chance)
    this.#rests += 1
    this.#restsUntil = now + Math.min(limits.restMsMax, rest)
    this.#health = { state: 'resting', since: first, error, triedAgainAt: this.#restsUntil }
    if (state !== 'resting') onTurn(this.#health)
  }

  /** It was given up before anything could be known. */
  abandoned(): void {
    this.#isProbed = false
  }
}

const certificateFaults: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself, and is no authority that is trusted here',
  SELF_SIGNED_CERT_IN_CHAIN: 'its authority is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT: 'its authority is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its authority is not trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its authority is not trusted here',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  CERT_REVOKED: 'its certificate was revoked',
  ECONNREFUSED: 'it refuses connections',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be looked up now',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  ETIMEDOUT: 'it does not answer',
  ECONNRESET: 'it closed the connection while it was being opened',
}

/** Why a connection could not be opened, in words and with the system's own code. */
export function connectFault(thrown: unknown): string {
  const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : ''
  const words =
    certificateFaults[code] ?? (code.startsWith('ERR_SSL') || code.startsWith('EPROTO') ? 'no TLS could be agreed on' : undefined)
  if (words !== undefined) return `${words} (${code})`
  return code === '' ? 'it closed the connection while it was being opened' : code
}
