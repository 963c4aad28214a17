/** Held calls of clients that open pages for their user (2026-07-28): a link to where a person answers, a claim check, and the same call again. */
import type { Bearer, Chance, Clock, GatewayControl, Verdict } from '../../control/ports.ts'
import { answerMax } from '../../control/holds.ts'
import type { HoldId } from '../../kernel/ids.ts'
import type { Instant, Milliseconds } from '../../kernel/instants.ts'
import { isJsonObject } from '../../kernel/json.ts'
import { describeProblem } from '../../kernel/problems.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { refusalKey } from './answers.ts'
import { materialOf } from './digest.ts'
import { type Envelope, needCapability } from './envelope.ts'
import { readMessage } from './json-rpc.ts'
import type { MessageLimits } from './limits.ts'
import { memberSpans } from './list-spans.ts'
import type { Message } from './ports.ts'
import { ownerOf } from './sessions.ts'
import { spanOf } from './spans.ts'

/** The name of our question among those that a client is asked. */
export const questionKey = 'remit_approval'

/** How long an answer may wait for a person: well below what clients wait for an answer. */
const waitMax: Milliseconds = 15_000
/** Answers that say only "not yet", after which a client is told to come back by itself. Official clients take ten rounds in all. */
const roundsMax = 6
/** Of a server's own round that a held call is part of: what is longer is held without a claim check. */
const ownRoundBytesMax = 4_096
const claimsOfOneMax = 20
const ownersMax = 1_000
const claimBytes = 24

interface Claim {
  readonly hold: HoldId
  /** SHA-256 over the call as its approval is bound to it. */
  readonly digest: string
  readonly until: Instant
  readonly round: number
  /** The server's own `requestState`, and the answers to its own questions, as JSON. */
  readonly ownRound: readonly Member[]
}

/** Of `params`, its value as it is written. */
export type Member = readonly [name: string, json: string]

/** A call as its sender means it, with everything taken out that was between its client and us. */
export interface Resumed {
  readonly message: Message
  /** How often its client was told "not yet". */
  readonly round: number
  /** Its user does not want to be asked. */
  readonly isDeclined: boolean
}

export interface HeldCallsInput {
  readonly control: Pick<GatewayControl, 'holdAnswered' | 'space' | 'gateway'>
  readonly clock: Pick<Clock, 'now'>
  readonly chance: Pick<Chance, 'bytes'>
  readonly limits: MessageLimits
  /** Name of the port's service. */
  readonly name: string
}

/**
 * A claim check is `requestState`: random, and worth nothing but to the caller and grant that it was given to, for exactly the call that
 * it was given for, once, while that call is held. Everything that it stands for is kept here: nothing is in a client's hands.
 */
export class HeldCalls {
  readonly #input: HeldCallsInput
  readonly #begin: string
  /** The owner that was given one longest ago comes first, and so does the claim. */
  readonly #owners = new Map<string, Map<string, Claim>>()

  constructor(input: HeldCallsInput) {
    const { space, gateway } = input.control
    this.#input = input
    // Claims from before a restart are known for ours; those of servers behind us, which may be gateways too, pass.
    this.#begin = `remit-held:${space}:${gateway}:${input.name}:`
  }

  /**
   * The call behind a message. One that shows a claim check waits for a person's answer, for a moment. Refuses `hold.state`: forged, shown
   * twice, somebody else's, of another call, or of a hold that is over.
   */
  async resume(bearer: Bearer, message: Message, exchange: { readonly gone: AbortSignal }): Promise<Result<Resumed>> {
    const { requestState, inputResponses } = message.params
    if (typeof requestState !== 'string' || !requestState.startsWith(this.#begin)) return done({ message, round: 0, isDeclined: false })
    const claim = this.#take(ownerOf(bearer), requestState)
    if (claim === undefined) return refuse('hold.state', { detail: 'it is unknown here, or was shown before' })
    const whole = withOwnRound(message, claim.ownRound, this.#input.limits)
    if (!whole.ok) return whole
    if (digestOf(whole.value) !== claim.digest) return refuse('hold.state', { detail: 'it was given for another call' })
    const said = isJsonObject(inputResponses) ? inputResponses[questionKey] : undefined
    const isDeclined = isJsonObject(said) && said['action'] !== 'accept'
    const state = await this.#input.control.holdAnswered(claim.hold, isDeclined ? 0 : waitMax, exchange.gone)
    if (state === 'expired' || state === 'withdrawn' || state === 'spent' || this.#input.clock.now() >= claim.until)
      return refuse('hold.state', { detail: `${claim.hold} is ${state === 'waiting' ? 'expired' : state}` })
    return done({ message: whole.value, round: claim.round, isDeclined })
  }

  /** What its client is answered while it is held; `undefined` where it cannot open pages, or has waited long enough: then it is told. */
  question(bearer: Bearer, envelope: Envelope, resumed: Resumed, held: Extract<Verdict, { outcome: 'held' }>): Uint8Array | undefined {
    const { message, round, isDeclined } = resumed
    const { hold, page, refusal, decision } = held
    const canOpen = envelope.era === 'stateless' && needCapability(envelope, ['elicitation', 'url']).ok && URL.canParse(page)
    const ownRound = ownRoundOf(message)
    const isLong = ownRound.reduce((sum, [, json]) => sum + json.length, 0) > ownRoundBytesMax
    if (!canOpen || isLong || isDeclined || round >= roundsMax) return undefined
    const until = this.#input.clock.now() + answerMax
    const requestState = this.#give(ownerOf(bearer), { hold, digest: digestOf(message), until, round: round + 1, ownRound })
    const problem = describeProblem(refusal, { decision, hold, page })
    const params = { mode: 'url', message: `${problem.detail} The call is not sent before (${hold}).`, url: page }
    const result = {
      resultType: 'input_required',
      // Asked once: whoever opened the page need not open it again.
      ...(round === 0 ? { inputRequests: { [questionKey]: { method: 'elicitation/create', params } } } : {}),
      requestState,
      _meta: { [refusalKey]: problem },
    }
    return Buffer.from(`{"jsonrpc":"2.0","id":${message.id ?? 'null'},"result":${JSON.stringify(result)}}`)
  }

  #give(owner: string, claim: Claim): string {
    const claims = this.#owners.get(owner) ?? new Map<string, Claim>()
    const requestState = `${this.#begin}${Buffer.from(this.#input.chance.bytes(claimBytes)).toString('base64url')}`
    claims.set(requestState, claim)
    trim(claims, claimsOfOneMax)
    this.#owners.delete(owner)
    this.#owners.set(owner, claims)
    trim(this.#owners, ownersMax)
    return requestState
  }

  #take(owner: string, requestState: string): Claim | undefined {
    const claims = this.#owners.get(owner)
    const claim = claims?.get(requestState)
    claims?.delete(requestState)
    if (claims?.size === 0) this.#owners.delete(owner)
    return claim
  }
}

function trim(map: Map<string, unknown>, max: number): void {
  const [oldest] = map.keys()
  if (map.size > max && oldest !== undefined) map.delete(oldest)
}

/** The method is part of it, and so are name and arguments. */
function digestOf(message: Message): string {
  return materialOf(message, []).bodySha256
}

const roundNames = new Set(['requestState', 'inputResponses'])

function ownRoundOf({ bytes }: Message): readonly Member[] {
  const at = spanOf(bytes, ['params'])
  if (at === undefined) return []
  return [...memberSpans(bytes, at.from)].flatMap(([name, { from, to }]): Member[] =>
    roundNames.has(name) ? [[name, Buffer.from(bytes.subarray(from, to)).toString()]] : [],
  )
}

/** The message as it would be without us between: the server's own round in place of ours, and every other member's bytes as they came. */
export function withOwnRound({ bytes }: Message, ownRound: readonly Member[], limits: MessageLimits): Result<Message> {
  const at = spanOf(bytes, ['params'])
  if (at === undefined) throw new Error('a message has params that do not stand in its bytes')
  const kept = [...memberSpans(bytes, at.from)].flatMap(([name, { whole }]) =>
    roundNames.has(name) ? [] : [Buffer.from(bytes.subarray(whole.from, whole.to)).toString()],
  )
  const members = [...kept, ...ownRound.map(([name, json]) => `"${name}":${json}`)]
  return readMessage(Buffer.concat([bytes.subarray(0, at.from), Buffer.from(`{${members.join(',')}}`), bytes.subarray(at.to)]), limits)
}
