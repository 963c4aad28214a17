/** A gateway's traffic in the simulation: the path of the HTTP gateway's exchange, with a byte at the upstream where that has sockets. */
import { hash } from 'node:crypto'
import type { Call, Clock, Decision, GatewayControl } from '../../../src/control/ports.ts'
import { type Cuttable, SessionCuts } from '../../../src/gateways/shared/session-cuts.ts'
import type { Material } from '../../../src/model/actions.ts'
import { actionOf } from '../../world/shop.ts'
import type { Outside } from './outside.ts'

/** What a client sends: one action, and whether it stays open for more bytes. */
export interface Sent {
  /** The client's own number for it. */
  readonly n: number
  readonly token: string
  readonly grant: string
  readonly actor: string
  readonly service: string
  readonly operation: string
  readonly body: string
  readonly isStream: boolean
}

export type Answer =
  | { readonly outcome: 'done' | 'open' }
  | { readonly outcome: 'refused'; readonly code: string; readonly detail?: string }
  | { readonly outcome: 'held'; readonly hold: string }

const address = '127.0.0.1'

/** From the start of a gateway process to its death. */
export class Door {
  readonly name: string
  readonly #control: GatewayControl
  readonly #clock: Clock
  readonly #cuts: SessionCuts
  readonly #outside: Outside
  readonly #open = new Map<number, Stream>()

  constructor(name: string, parts: { readonly control: GatewayControl; readonly clock: Clock; readonly outside: Outside }) {
    this.name = name
    this.#control = parts.control
    this.#clock = parts.clock
    this.#cuts = new SessionCuts(parts.control, parts.clock)
    this.#outside = parts.outside
  }

  /** Streams that a byte could come in on. */
  get open(): ReadonlyMap<number, Stream> {
    return this.#open
  }

  async act(sent: Sent): Promise<Answer> {
    const control = this.#control
    const known = control.identify(sent.token, address)
    const bearer = known instanceof Promise ? await known : known
    if (!bearer.ok) return refused(bearer.refusal)
    const service = control.service(sent.service)
    if (service === undefined) return { outcome: 'refused', code: 'not-found' }
    const action = actionOf(service, sent.operation)
    const material: Material = { method: action.verb, target: action.target, headers: [], bodySha256: hash('sha256', sent.body) }
    const call: Call = { bearer: bearer.value, action, material, body: Buffer.from(sent.body) }
    const deciding = control.authorize(call)
    const verdict = deciding instanceof Promise ? await deciding : deciding
    switch (verdict.outcome) {
      case 'needs-material':
        return { outcome: 'refused', code: 'internal' }
      case 'held':
        return { outcome: 'held', hold: verdict.hold }
      case 'deny':
        return refused(verdict.refusal)
      case 'allow':
        return this.#forward(sent, verdict.decision)
    }
  }

  /** A byte of the client for something that is open. */
  chunk(n: number): void {
    this.#open.get(n)?.chunk()
  }

  /** The client has said everything. */
  end(n: number): void {
    this.#open.get(n)?.over('answered')
  }

  #forward(sent: Sent, decision: Decision): Answer {
    const stream = new Stream(sent, decision, {
      control: this.#control,
      clock: this.#clock,
      outside: this.#outside,
      gateway: this.name,
      onOver: (result, reason) => {
        leave()
        this.#open.delete(sent.n)
        this.#control.finish(decision, {
          result,
          requestBytes: stream.bytes,
          responseBytes: 0,
          milliseconds: 1,
          ...(reason === undefined ? {} : { reason }),
        })
      },
    })
    // Listening starts before the last look, so that no end can fall between the two.
    const leave = this.#cuts.add(decision.session, stream)
    const stands = this.#control.stands(decision)
    if (!stands.ok) {
      stream.over('not-sent', stands.refusal.code)
      return refused(stands.refusal)
    }
    this.#open.set(sent.n, stream)
    stream.chunk()
    if (!sent.isStream) stream.over('answered')
    return { outcome: sent.isStream ? 'open' : 'done' }
  }
}

type Over = 'answered' | 'cut' | 'not-sent'

interface StreamParts {
  readonly control: Pick<GatewayControl, 'stopReason'>
  readonly clock: Clock
  readonly outside: Outside
  readonly gateway: string
  readonly onOver: (result: Over, reason?: string) => void
}

/** One allowed action on its way. */
class Stream implements Cuttable {
  readonly sent: Sent
  readonly endsAt: number
  readonly endsFor = 'the grant has ended'
  bytes = 0
  readonly #decision: Decision
  readonly #parts: StreamParts
  #isOver = false

  constructor(sent: Sent, decision: Decision, parts: StreamParts) {
    this.sent = sent
    this.endsAt = decision.endsAt
    this.#decision = decision
    this.#parts = parts
  }

  chunk(): void {
    if (this.#isOver) return
    const { clock, control, outside, gateway } = this.#parts
    // As the HTTP gateway's forwarding does with each piece: timers may be late.
    const reason = clock.now() < this.endsAt ? control.stopReason(this.#decision) : this.endsFor
    if (reason !== undefined) {
      this.cut(reason)
      return
    }
    this.bytes += 1
    outside.byte(gateway, this.sent, this.#decision)
  }

  cut(reason: string): void {
    if (this.#isOver) return
    this.over('cut', reason)
    this.#parts.outside.cut(this.#parts.gateway, this.sent, reason)
  }

  over(result: Over, reason?: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#parts.onOver(result, reason)
  }
}

function refused({ code, detail }: { readonly code: string; readonly detail?: string }): Answer {
  return { outcome: 'refused', code, ...(detail === undefined ? {} : { detail }) }
}
