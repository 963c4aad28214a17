/** Held calls of clients that take tasks: a handle to poll, behind which a call waits for its person, is done once, and keeps its answer. */
import { answerMax } from '../../control/holds.ts'
import type { Bearer, Chance, Clock, GatewayControl, Verdict } from '../../control/ports.ts'
import type { HoldId } from '../../kernel/ids.ts'
import type { Instant, Milliseconds } from '../../kernel/instants.ts'
import { isJsonObject } from '../../kernel/json.ts'
import { describeProblem, type Problem } from '../../kernel/problems.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import { refusalAnswer, refusalKey, refusalText } from './answers.ts'
import type { Asked } from './asked.ts'
import type { Door } from './door.ts'
import type { Told } from './exchange.ts'
import { type Member, withOwnRound } from './held-calls.ts'
import { withText } from './json-rpc.ts'
import { memberSpans } from './list-spans.ts'
import type { MessageLimits } from './limits.ts'
import { OwnerKeep } from './owner-keep.ts'
import type { Message } from './ports.ts'
import { McpSessions, ownerOf } from './sessions.ts'
import { spanOf } from './spans.ts'
import { createdAnswer, createdTask, makesTasks, mayBecomeTask, type TaskStatus, type WrittenTask } from './task-messages.ts'
import { type Ran, TaskRun } from './task-run.ts'

/** To be answered, then to be used, as the hold itself has it; and so long an answer is kept for its client. */
const taskFor: Milliseconds = answerMax + 300_000
const keptFor: Milliseconds = 600_000
const keepLimits = { ofOneMax: 20, max: 2_000 }
/** Of all messages that wait and all answers that are kept. */
const bytesMax = 134_217_728
const handleBytes = 24

type Held = Extract<Verdict, { outcome: 'held' }>

/** JSON texts of what a server asks in the middle of a call, and of its client's answers. */
interface Round {
  readonly requests: ReadonlyMap<string, string>
  readonly answers: Map<string, Buffer>
  /** What each is called at the server: there a name may come again. */
  readonly names: ReadonlyMap<string, string>
  readonly state: string | undefined
}

export type Stage =
  | { readonly kind: 'held'; readonly hold: HoldId; readonly until: Instant; readonly problem: Problem }
  /** The next thing that is asked of it sends the call. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'running'; readonly run: TaskRun; readonly settled: Promise<void> }
  | { readonly kind: 'asks'; readonly round: Round }
  /** The server made a task of the call, with a handle of its own. */
  | { readonly kind: 'moved'; readonly to: string }
  | {
      readonly kind: 'over'
      readonly status: TaskStatus
      readonly says?: string
      readonly payload?: readonly [name: 'result' | 'error', json: string]
    }

export interface HeldTask {
  readonly id: string
  readonly owner: string
  /** With the call in its client's words, of the round that it is in. */
  asked: Asked
  stage: Stage
  round: number
  readonly createdAt: Instant
  changedAt: Instant
  until: Instant
  /** Of the message and the answer, or what is set aside for it. */
  bytes: number
  /** An answer ends with the session that it was given in. */
  leave: () => void
  /** Its client has what became of it: a grant whose last use it was may end. */
  fetched: () => void
}

export interface HeldTasksInput {
  readonly control: Pick<GatewayControl, 'space' | 'gateway'>
  readonly clock: Pick<Clock, 'now'>
  readonly chance: Pick<Chance, 'bytes'>
  readonly limits: MessageLimits
  readonly name: string
}

/**
 * What was approved is sent when its client asks how it stands, and not before: an approval is for whoever still waits. A handle is random,
 * and worth nothing but to the caller and grant that it was given to. A restart forgets them, as it forgets claim checks.
 */
export class HeldTasks {
  readonly #input: HeldTasksInput
  readonly #tasks: OwnerKeep<HeldTask>
  /** Sessions in which both sides take tasks. */
  readonly #sessions = new McpSessions<true>()
  #bytes = 0

  constructor(input: HeldTasksInput) {
    this.#input = input
    this.#tasks = new OwnerKeep(keepLimits, (task) => this.#gone(task))
  }

  /** A session was opened with this answer of its server's. */
  begun(bearer: Bearer, session: string, response: Message): void {
    if (makesTasks(response)) this.#sessions.add(bearer, session, true)
  }

  /** What its client is answered while it is held; `undefined` where it takes no tasks, or there is no room for one. */
  open(asked: Asked, message: Message, held: Held): Uint8Array | undefined {
    const { chance, clock, control, name } = this.#input
    const bytes = message.bytes.byteLength
    const owner = ownerOf(asked.bearer)
    if (!this.#isAgreed(asked, message) || this.#bytes + bytes > bytesMax || !this.#hasRoom(owner)) return undefined
    const now = clock.now()
    const id = `remit-task:${control.space}:${control.gateway}:${name}:${Buffer.from(chance.bytes(handleBytes)).toString('base64url')}`
    const told = asked.message.params['name']
    // Where servers are joined the message has its server's name for the tool by now.
    const inItsWords = typeof told === 'string' && told !== message.params['name'] ? withText(message, ['name'], told) : message
    const stage = heldStage(held, now)
    const task: HeldTask = {
      id,
      owner,
      asked: { ...asked, message: inItsWords },
      stage,
      round: 0,
      createdAt: now,
      changedAt: now,
      until: now + taskFor,
      bytes,
      leave: () => {},
      fetched: () => {},
    }
    this.#bytes += bytes
    this.#tasks.add(owner, id, task)
    return createdAnswer(asked.message.id ?? 'null', asked.envelope.era, writtenOf(task), { [refusalKey]: stage.problem })
  }

  /** Somebody else's answers as one that is not there; so does one whose time is over. */
  find(bearer: Bearer, id: string): HeldTask | undefined {
    const task = this.#tasks.find(ownerOf(bearer), id)
    const now = this.#input.clock.now()
    if (task === undefined) return undefined
    // What runs is its client's for as long as it runs: told that it is not there, its client would call once more.
    if (task.stage.kind === 'running') task.until = Math.max(task.until, now + keptFor)
    return now >= task.until ? undefined : task
  }

  /** Sends the call, once, for the bearer who asks for it now. False where there is no room for its answer yet. */
  start(door: Door, task: HeldTask, bearer: Bearer): boolean {
    const served = door.served()
    const room = this.#input.limits.messageBytesMax
    if (this.#bytes + room > bytesMax) return false
    if (served === undefined || !served.offer.ok) {
      this.#end(task, { code: 'upstream.unreachable', detail: 'it is not served here any more' }, {})
      return true
    }
    this.#weigh(task, task.asked.message.bytes.byteLength + room)
    const run = new TaskRun(door, { ...task.asked, bearer, served, offer: served.offer.value })
    const settled = run.over
      .then((ran) => this.#settle(door, task, ran))
      .catch((err: unknown) => {
        door.log.error({ service: door.name, err }, 'a held call failed by a fault of our own')
        this.#end(task, { code: 'internal' }, {})
      })
    this.#step(task, { kind: 'running', run, settled })
    return true
  }

  /** Nothing was done, and nothing will be. */
  lapse(task: HeldTask, detail: string): void {
    this.#end(task, { code: 'hold.over', detail }, {})
  }

  /** What runs is cut, on both sides. The hold stays: others may wait for it, and nobody sends what nobody asks for. */
  cancel(task: HeldTask): void {
    const { stage } = task
    this.#step(task, { kind: 'over', status: 'cancelled', says: 'its client cancelled it' })
    if (stage.kind === 'running') stage.run.cut('its client cancelled it')
    task.fetched()
  }

  /** Answers to what the server asks; whatever is not asked now is ignored, as the protocol has it. */
  answer(task: HeldTask, message: Message): void {
    const { stage } = task
    const at = spanOf(message.bytes, ['params', 'inputResponses'])
    if (stage.kind !== 'asks' || at === undefined || !isJsonObject(message.params['inputResponses'])) return
    const { requests, answers, names, state } = stage.round
    for (const [key, { from, to }] of memberSpans(message.bytes, at.from)) {
      if (!requests.has(key)) continue
      this.#weigh(task, task.bytes + to - from - (answers.get(key)?.byteLength ?? 0))
      answers.set(key, Buffer.from(message.bytes.subarray(from, to)))
    }
    // All of them go in one message, and are kept until the last is there.
    const room = this.#input.limits.messageBytesMax
    const given = [...answers.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
    if (given > room || this.#bytes > bytesMax)
      return this.#end(task, { code: 'input.too-large', detail: `answers of more than ${room} bytes` }, {})
    if ([...requests.keys()].some((key) => !answers.has(key))) return
    const written = [...answers].map(([key, json]) => `${JSON.stringify(names.get(key))}:${json.toString()}`)
    this.#next(task, [['inputResponses', `{${written.join(',')}}`], ...(state === undefined ? [] : [['requestState', state] as const])])
  }

  sweep(now: Instant): void {
    this.#tasks.removeWhere(({ until, stage }) => now >= until && stage.kind !== 'running')
  }

  /** The extension is the client's to declare; the experiment is agreed on by both. */
  #isAgreed({ bearer, envelope, session }: Asked, message: Message): boolean {
    if (!mayBecomeTask(envelope, message)) return false
    return envelope.era === 'stateless' || (session !== undefined && this.#sessions.find(bearer, session) !== undefined)
  }

  /** An answer that is kept makes room for a new task; what still waits does not. */
  #hasRoom(owner: string): boolean {
    const mine = this.#tasks.allOf(owner)
    if (mine.length < keepLimits.ofOneMax) return this.#tasks.size < keepLimits.max
    const oldest = mine.find(({ stage }) => stage.kind === 'over')
    if (oldest !== undefined) this.#tasks.remove(owner, oldest.id)
    return oldest !== undefined
  }

  #settle(door: Door, task: HeldTask, ran: Ran): void {
    // Cancelled meanwhile, or kept no longer: what comes after that changes nothing.
    if (task.stage.kind !== 'running' || !this.#isKept(task)) {
      if (ran.kind !== 'held') ran.fetched?.()
      return this.#weigh(task, 0)
    }
    // Of an earlier round.
    task.leave()
    task.fetched()
    if (ran.kind === 'held') {
      this.#weigh(task, task.asked.message.bytes.byteLength)
      return this.#step(task, heldStage(ran.held, this.#input.clock.now()))
    }
    task.fetched = ran.fetched ?? (() => {})
    if (ran.kind === 'refused') return this.#end(task, ran.refusal, ran.told)
    const { response, decision, endsAt } = ran
    task.leave = door.cuts.add(decision.session, {
      endsAt,
      endsFor: 'the grant has ended',
      cut: () => this.#tasks.remove(task.owner, task.id),
    })
    const to = createdTask(task.asked.envelope.era, response)
    if (to !== undefined) {
      task.until = Math.max(task.until, endsAt)
      this.#weigh(task, 0)
      // From here on the server's task goes on.
      task.fetched()
      return this.#step(task, { kind: 'moved', to })
    }
    if (isJsonObject(response.result) && response.result['resultType'] === 'input_required') return this.#ask(task, response)
    this.#keep(task, response)
  }

  #keep(task: HeldTask, { bytes, error, result }: Message): void {
    const name = error === undefined ? 'result' : 'error'
    const at = spanOf(bytes, [name])
    if (at === undefined) throw new Error('a response has no result that stands in its bytes')
    const json = Buffer.from(bytes.subarray(at.from, at.to)).toString()
    // The experiment calls a tool's own error a failure, the extension does not.
    const isFailed = name === 'error' || (task.asked.envelope.era === 'handshake' && isJsonObject(result) && result['isError'] === true)
    this.#weigh(task, at.to - at.from)
    this.#close(task, { kind: 'over', status: isFailed ? 'failed' : 'completed', payload: [name, json] })
  }

  /** A round that the server asks for in the middle of the call; where it asks nothing, it only wants to hear the call again. */
  #ask(task: HeldTask, { bytes, result }: Message): void {
    task.round += 1
    const state = isJsonObject(result) && typeof result['requestState'] === 'string' ? JSON.stringify(result['requestState']) : undefined
    const at = spanOf(bytes, ['result', 'inputRequests'])
    const asked = at === undefined || bytes[at.from] !== 0x7b ? [] : [...memberSpans(bytes, at.from)]
    this.#weigh(task, task.asked.message.bytes.byteLength + bytes.byteLength)
    if (asked.length === 0) return this.#next(task, state === undefined ? [] : [['requestState', state]])
    const key = (name: string) => `${task.round}.${name}`
    const requests = new Map(asked.map(([name, { from, to }]) => [key(name), Buffer.from(bytes.subarray(from, to)).toString()]))
    const names = new Map(asked.map(([name]) => [key(name), name]))
    this.#step(task, { kind: 'asks', round: { requests, names, answers: new Map(), state } })
  }

  /** The same call, with this of the server's own round. */
  #next(task: HeldTask, members: readonly Member[]): void {
    const next = withOwnRound(task.asked.message, members, this.#input.limits)
    if (!next.ok) return this.#end(task, next.refusal, {})
    task.asked = { ...task.asked, message: next.value }
    this.#weigh(task, next.value.bytes.byteLength)
    this.#step(task, { kind: 'ready' })
  }

  #end(task: HeldTask, refusal: Refusal, told: Told): void {
    const { message, envelope } = task.asked
    const body = Buffer.from(refusalAnswer({ refusal, more: told, era: envelope.era, message }).body)
    const name = spanOf(body, ['result']) === undefined ? 'error' : 'result'
    const at = spanOf(body, [name])
    if (at === undefined) throw new Error('a refusal is a result or an error')
    this.#weigh(task, at.to - at.from)
    const status = name === 'error' || envelope.era === 'handshake' ? 'failed' : 'completed'
    const says = refusalText(describeProblem(refusal, told))
    this.#close(task, { kind: 'over', status, says, payload: [name, body.toString('utf8', at.from, at.to)] })
  }

  #close(task: HeldTask, stage: Stage): void {
    this.#step(task, stage)
    task.until = Math.max(task.until, task.changedAt + keptFor)
  }

  #step(task: HeldTask, stage: Stage): void {
    task.stage = stage
    task.changedAt = this.#input.clock.now()
    // It waits for a person once more.
    if (stage.kind === 'held') task.until = Math.max(task.until, task.changedAt + taskFor)
  }

  #weigh(task: HeldTask, bytes: number): void {
    // What is kept no longer counts no more.
    if (!this.#isKept(task)) return
    this.#bytes += bytes - task.bytes
    task.bytes = bytes
  }

  #isKept(task: HeldTask): boolean {
    return this.#tasks.find(task.owner, task.id) === task
  }

  #gone(task: HeldTask): void {
    this.#bytes -= task.bytes
    task.bytes = 0
    task.leave()
    task.fetched()
    if (task.stage.kind === 'running') task.stage.run.cut('its task is kept no longer')
  }
}

function heldStage({ refusal, decision, hold, page }: Held, now: Instant): Extract<Stage, { kind: 'held' }> {
  return { kind: 'held', hold, until: now + answerMax, problem: describeProblem(refusal, { decision, hold, page }) }
}

const statusOf: Readonly<Record<Exclude<Stage['kind'], 'over'>, TaskStatus>> = {
  held: 'working',
  ready: 'working',
  running: 'working',
  asks: 'input_required',
  moved: 'working',
}

/** How it stands now, for its client. */
export function writtenOf({ id, stage, createdAt, changedAt, until }: HeldTask): WrittenTask {
  const status = stage.kind === 'over' ? stage.status : statusOf[stage.kind]
  return { id, status, says: saysOf(stage), createdAt, changedAt, until }
}

function saysOf(stage: Stage): string | undefined {
  switch (stage.kind) {
    case 'held': {
      const { detail, hold, page } = stage.problem
      return `${detail}. Held as ${hold ?? ''}: nothing was done yet. A person answers at ${page ?? 'the desk'}`
    }
    case 'over':
      return stage.says
    default:
      return undefined
  }
}
