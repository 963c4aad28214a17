/** What a child asks its one client: told under ids of ours on a stream of that client's, answered once, and no longer than somebody waits. */
import type { Instant, Milliseconds } from '../../kernel/instants.ts'
import type { ClientOffer } from '../../model/services.ts'
import type { Exchange, WaitingRoom } from './stdio-exchange.ts'
import { answerError } from './stdio-messages.ts'
import { rewrite, type Scanned, type Span } from './stdio-scan.ts'

/** The client for whom a child was started, and for nobody else. */
export interface OwnClient {
  readonly offers: readonly ClientOffer[]
  /** One that belongs to no request, where the client has it open. */
  stream(): Exchange | undefined
  /** Never the same twice, also when the child is another one by then: a late answer is nobody's. */
  nextQuestion(): number
}

export interface QuestionLimits {
  /** That wait for an answer at a time. */
  readonly questionsMax: number
  /** Of those that could not be told yet, together. */
  readonly questionBytesMax: number
  /** Of all that waits for the clients of one server, questions among it. */
  readonly waitingBytesMax: number
  /** From the question to its answer: a person may have to read it. */
  readonly questionMs: Milliseconds
  /** So long a question waits for a stream on which it can be told. */
  readonly streamMs: Milliseconds
}

export interface QuestionsInput {
  readonly client: OwnClient
  readonly limits: QuestionLimits
  /** What cannot be told yet waits in it. */
  readonly room: WaitingRoom
  readonly now: () => Instant
  /** The stream on which the client is told things now. */
  readonly stream: () => Exchange | undefined
  readonly tellServer: (bytes: Buffer) => void
}

interface Question {
  readonly id: number
  /** As the server wrote it. */
  readonly serverId: string
  /** Until it is told. */
  bytes: Buffer
  readonly askedAt: Instant
  /** Where it was told; nowhere yet. */
  on: Exchange | undefined
}

const nothing = Buffer.alloc(0)
const offerOf: Readonly<Record<string, ClientOffer>> = {
  'sampling/createMessage': 'sampling',
  'elicitation/create': 'elicitation',
  'roots/list': 'roots',
}

export class Questions {
  readonly #input: QuestionsInput
  readonly #open = new Map<number, Question>()

  constructor(input: QuestionsInput) {
    this.#input = input
  }

  get isEmpty(): boolean {
    return this.#open.size === 0
  }

  /** Of this exchange somebody is asked something: its server waits for us, and not we for it. */
  isAskedOn(exchange: Exchange): boolean {
    return [...this.#open.values()].some(({ on }) => on === exchange)
  }

  /** Answered with an error at once where the client does not offer it, or is asked too much. */
  ask(bytes: Buffer, method: string, id: Span): void {
    const { client, limits, room, now, tellServer } = this.#input
    const offer = Object.hasOwn(offerOf, method) ? offerOf[method] : undefined
    if (offer === undefined || !client.offers.includes(offer))
      return tellServer(answerError(id.text, -32_601, 'this client does not offer it'))
    if (this.#open.size >= limits.questionsMax)
      return tellServer(answerError(id.text, -32_603, `${limits.questionsMax} questions are waiting for this client`))
    if (this.#untoldBytes() + bytes.length > limits.questionBytesMax)
      return tellServer(answerError(id.text, -32_603, `at most ${limits.questionBytesMax} bytes of questions wait for this client`))
    if (room.bytes + bytes.length > limits.waitingBytesMax)
      return tellServer(answerError(id.text, -32_603, 'more waits for the clients of this server than there is room for'))
    const number = client.nextQuestion()
    const told = rewrite(bytes, [{ span: id, to: String(number) }])
    room.bytes += told.length
    this.#open.set(number, { id: number, serverId: id.text, bytes: told, askedAt: now(), on: undefined })
    this.tell()
  }

  /** What has not been told yet, where there is a stream by now. */
  tell(): void {
    for (const question of this.#open.values()) {
      if (question.on !== undefined) continue
      const stream = this.#input.stream()
      if (stream === undefined) return
      question.on = stream
      const { bytes } = question
      this.#release(question)
      // It waits on the stream from here on.
      stream.notify(bytes)
    }
  }

  /** The client's answer, under the server's id; one to nothing that is open is left out. */
  answer(bytes: Uint8Array, { spans }: Scanned): void {
    const id = spans.get('id')
    const question = id === undefined ? undefined : this.#take(id.text)
    if (id === undefined || question === undefined) return
    this.#input.tellServer(Buffer.concat([rewrite(bytes, [{ span: id, to: question.serverId }]), Buffer.from('\n')]))
  }

  /** The server does not want to know any more: its client hears that under the id that it knows. */
  withdraw(bytes: Buffer, requestId: Span): void {
    for (const question of this.#open.values()) {
      const { id, serverId, on } = question
      if (serverId !== requestId.text) continue
      this.#close(question)
      const stream = on === undefined || !on.isOver ? on : this.#input.stream()
      stream?.notify(rewrite(bytes, [{ span: requestId, to: String(id) }]))
      return
    }
  }

  /** Who was asked on this stream has left. */
  left(exchange: Exchange): void {
    for (const question of this.#open.values()) if (question.on === exchange) this.#giveUp(question, 'the client left')
  }

  /** The child is no more: nobody waits for an answer. */
  drop(): void {
    for (const question of this.#open.values()) this.#close(question)
  }

  sweep(): void {
    const { limits, now } = this.#input
    const at = now()
    for (const question of this.#open.values()) {
      const { askedAt, on } = question
      if (at - askedAt >= limits.questionMs) this.#giveUp(question, 'the client did not answer in time')
      else if (on === undefined && at - askedAt >= limits.streamMs)
        this.#giveUp(question, 'the client has no stream open on which it could be asked')
    }
  }

  #untoldBytes(): number {
    let sum = 0
    for (const { bytes } of this.#open.values()) sum += bytes.length
    return sum
  }

  #giveUp(question: Question, why: string): void {
    this.#close(question)
    this.#input.tellServer(answerError(question.serverId, -32_603, why))
  }

  #close(question: Question): void {
    this.#open.delete(question.id)
    this.#release(question)
  }

  #release(question: Question): void {
    this.#input.room.bytes -= question.bytes.length
    question.bytes = nothing
  }

  #take(idText: string): Question | undefined {
    const question = /^[1-9]\d{0,14}$/.test(idText) ? this.#open.get(Number(idText)) : undefined
    if (question !== undefined) this.#close(question)
    return question
  }
}
