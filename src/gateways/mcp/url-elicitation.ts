/** Held calls of clients of 2025-11-25 that open pages for their user: the error that the revision has for it, and word once a person has answered. */
import type { Bearer, Clock, GatewayControl, Verdict } from '../../control/ports.ts'
import { answerMax } from '../../control/holds.ts'
import type { HoldId } from '../../kernel/ids.ts'
import type { Instant, Milliseconds } from '../../kernel/instants.ts'
import { describeProblem } from '../../kernel/problems.ts'
import { refusalKey } from './answers.ts'
import type { Asked } from './asked.ts'
import type { ClientAnswer } from './client-answer.ts'
import { type Envelope, needCapability } from './envelope.ts'
import { OwnerKeep } from './owner-keep.ts'
import type { Tap } from './passage.ts'
import { McpSessions, ownerOf } from './sessions.ts'
import { StreamNotices } from './stream-notices.ts'

/** `URLElicitationRequiredError`, of this revision alone. */
const requiredCode = -32_042
const revision = '2025-11-25'

/** How long a call that is sent again may wait for the person: well below what clients wait for an answer. */
const waitMax: Milliseconds = 15_000
/** So often one session is told so of one hold; then it is told what all others are, or a client that tries by itself would go on. */
const toldMax = 6
const keepLimits = { ofOneMax: 20, max: 5_000 }
const streamsMax = 10_000

type Held = Extract<Verdict, { outcome: 'held' }>

interface Told {
  readonly hold: HoldId
  readonly until: Instant
  readonly given: AbortController
  count: number
  isWatched: boolean
}

export interface UrlElicitationsInput {
  readonly control: Pick<GatewayControl, 'holdAnswered'>
  readonly clock: Pick<Clock, 'now'>
}

/** Whoever said in `initialize` that it opens pages is remembered by its session; a server that keeps no sessions has no such clients. */
export class UrlElicitations {
  readonly #input: UrlElicitationsInput
  readonly #clients = new McpSessions<true>()
  /** By session, under the hold. */
  readonly #told = new OwnerKeep<Told>(keepLimits, ({ given }) => given.abort())
  /** Streams of sessions that their clients keep open to be told something. */
  readonly #streams = new Map<string, StreamNotices>()

  constructor(input: UrlElicitationsInput) {
    this.#input = input
  }

  /** A session was given to a client that said this of itself. */
  begun(bearer: Bearer, session: string, said: Pick<Envelope, 'capabilities'>): void {
    if (needCapability(said, ['elicitation', 'url']).ok) this.#clients.add(bearer, session, true)
  }

  /** True where a person answered a call that was sent again while it waited here: then it is decided once more. */
  async isAnswered(asked: Asked, { hold }: Held, gone: AbortSignal): Promise<boolean> {
    const session = this.#sessionOf(asked)
    const told = session === undefined ? undefined : this.#told.find(session, hold)
    if (told === undefined || told.count >= toldMax) return false
    const state = await this.#input.control.holdAnswered(hold, waitMax, gone)
    return state !== 'waiting' && !gone.aborted
  }

  /** What its client is answered while it is held; `undefined` where that is not this way, or was told often enough. */
  error(asked: Asked, held: Held): Uint8Array | undefined {
    const session = this.#sessionOf(asked)
    const { hold, page, refusal, decision } = held
    if (session === undefined || !URL.canParse(page)) return undefined
    const known = this.#told.find(session, hold)
    if (known !== undefined && known.count >= toldMax) return undefined
    const told = known ?? { hold, until: this.#input.clock.now() + answerMax, given: new AbortController(), count: 0, isWatched: false }
    told.count += 1
    if (known === undefined) this.#told.add(session, hold, told)
    this.#watch(session, told)
    const problem = describeProblem(refusal, { decision, hold, page })
    const message = `${problem.detail} The call is not sent before (${hold}).`
    const elicitations = [{ mode: 'url', elicitationId: hold, url: page, message }]
    const error = { code: requiredCode, message, data: { elicitations, [refusalKey]: problem } }
    return Buffer.from(`{"jsonrpc":"2.0","id":${asked.message.id ?? 'null'},"error":${JSON.stringify(error)}}`)
  }

  /** Of a GET that opens a stream: how it is told of answers. `undefined` for clients that are not. */
  listen(asked: Asked, answer: Pick<ClientAnswer, 'write'>): Tap | undefined {
    const session = asked.method === 'GET' ? this.#sessionOf(asked) : undefined
    // Of several streams of one session one is told: the protocol has no message sent twice.
    if (session === undefined || this.#streams.has(session) || this.#streams.size >= streamsMax) return undefined
    const stream = new StreamNotices(answer, () => this.#streams.delete(session))
    this.#streams.set(session, stream)
    for (const told of this.#told.allOf(session)) this.#watch(session, told)
    return stream
  }

  sweep(now: Instant): void {
    this.#told.removeWhere(({ until }) => now >= until)
  }

  close(): void {
    this.#told.removeWhere(() => true)
  }

  /** Sent while somebody listens; whoever does not finds out by sending the call again. */
  #watch(session: string, told: Told): void {
    if (told.isWatched || !this.#streams.has(session)) return
    told.isWatched = true
    void this.#tellWhenAnswered(session, told)
  }

  async #tellWhenAnswered(session: string, { hold, until, given }: Told): Promise<void> {
    const { control, clock } = this.#input
    const state = await control.holdAnswered(hold, until - clock.now(), given.signal)
    if (state !== 'approved' && state !== 'denied') return
    const params = { elicitationId: hold }
    const notice = { jsonrpc: '2.0', method: 'notifications/elicitation/complete', params }
    this.#streams.get(session)?.send(Buffer.from(JSON.stringify(notice)))
  }

  /** Whose session it is, with the session: `undefined` where its client opens no pages. */
  #sessionOf({ bearer, envelope, session }: Asked): string | undefined {
    if (session === undefined || envelope.era !== 'handshake' || envelope.revision !== revision) return undefined
    return this.#clients.find(bearer, session) === undefined ? undefined : `${ownerOf(bearer)} ${session}`
  }
}
