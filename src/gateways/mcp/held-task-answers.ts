/** What clients ask of tasks, `tasks/get` and its kin: of ours, which are held calls, and of their servers'. */
import type { Milliseconds } from '../../kernel/instants.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Asked } from './asked.ts'
import { collect } from './collect.ts'
import type { Answering, Door } from './door.ts'
import { needCapability } from './envelope.ts'
import type { Exchange } from './exchange.ts'
import { type HeldTask, writtenOf } from './held-tasks.ts'
import { withText } from './json-rpc.ts'
import { Leak } from './leak.ts'
import type { ServerTask } from './server-tasks.ts'
import { replaceSpan, spanOf } from './spans.ts'
import { heardAnswer, payloadAnswer, taskAnswer, type TaskMethod, tasksExtension } from './task-messages.ts'
import { holderOf, outgoingOf, wayTo } from './ways.ts'

/** What `tasks/get` waits for a call that it has just sent: most are over by then, and their client need not ask again. */
const settleMax: Milliseconds = 1_000
/** What `tasks/result` waits for a person, although the experiment has it wait for ever. */
const waitMax: Milliseconds = 15_000

export interface TaskAnswering extends Answering, Pick<Exchange, 'pass'> {
  /** Its client has left. */
  readonly gone: AbortSignal
}

interface AskedTask {
  readonly asked: Asked
  readonly task: HeldTask
  readonly method: TaskMethod
}

/** Refuses `mcp.capability`, `action.arguments`, `mcp.task` for what is nobody's or somebody else's, and callers who are not heard any more. */
export async function answerTask(exchange: TaskAnswering, asked: Asked, method: TaskMethod): Promise<Result<undefined>> {
  const { door } = exchange
  const { envelope, message, bearer, served } = asked
  const takes = envelope.era === 'stateless' ? needCapability(envelope, ['extensions', tasksExtension]) : done(undefined)
  if (!takes.ok) return takes
  const { taskId } = message.params
  if (typeof taskId !== 'string') return refuse('action.arguments', { detail: 'taskId is no text' })
  const task = door.tasks.find(bearer, taskId)
  const theirs = task === undefined ? door.serverTasks.find(bearer, taskId) : undefined
  if (theirs !== undefined) return passTask(exchange, asked, { theirs, method })
  if (task === undefined) return refuse('mcp.task')
  const services = served.members.map(({ service }) => service.id)
  const attends = door.attendants.licence(bearer, services, true)
  return attends.ok ? answerOwn(exchange, { asked, task, method }) : attends
}

async function answerOwn(exchange: TaskAnswering, { asked, task, method }: AskedTask): Promise<Result<undefined>> {
  const { door, gone } = exchange
  const { message, envelope } = asked
  const id = message.id ?? 'null'
  if (method === 'tasks/get' || method === 'tasks/result') await goOn(door, { asked, task, method }, gone)
  const { stage } = task
  if (stage.kind === 'moved') return passMoved(exchange, { asked, task, method }, stage.to)
  switch (method) {
    case 'tasks/get':
      exchange.say(taskAnswer(id, envelope.era, writtenOf(task), payloadOf(task)))
      if (stage.kind === 'over' && envelope.era === 'stateless') task.fetched()
      return done(undefined)
    case 'tasks/update':
      door.tasks.answer(task, message)
      exchange.say(heardAnswer(id))
      return done(undefined)
    case 'tasks/result':
      if (stage.kind !== 'over') return refuse('action.held', { detail: 'ask again, or ask for its status' })
      if (stage.payload === undefined) return refuse('hold.over', { detail: stage.says ?? 'it has ended' })
      exchange.say(payloadAnswer(id, task.id, stage.payload))
      task.fetched()
      return done(undefined)
    case 'tasks/cancel': {
      const isStateless = envelope.era === 'stateless'
      if (stage.kind !== 'over') door.tasks.cancel(task)
      else if (!isStateless) return refuse('mcp.task', { detail: 'it has ended' })
      exchange.say(isStateless ? heardAnswer(id) : taskAnswer(id, 'handshake', writtenOf(task)))
      return done(undefined)
    }
  }
}

function payloadOf({ stage }: HeldTask): readonly [string, string] | undefined {
  if (stage.kind === 'over') return stage.payload
  if (stage.kind !== 'asks') return undefined
  const requests = [...stage.round.requests].map(([key, json]) => `${JSON.stringify(key)}:${json}`)
  return ['inputRequests', `{${requests.join(',')}}`]
}

/** As far as it can go now: a person may have answered, and the call may be done. */
async function goOn(door: Door, { asked, task, method }: AskedTask, gone: AbortSignal): Promise<void> {
  const waits = method === 'tasks/result'
  if (task.stage.kind === 'held') {
    const { hold, until } = task.stage
    const state = await door.control.holdAnswered(hold, waits ? waitMax : 0, gone)
    // Nobody would hear of it; and of several who ask at once one sends it.
    if (gone.aborted || !isHeldBy(task, hold)) return
    if (state === 'approved' || state === 'denied') door.tasks.start(door, task, asked.bearer)
    else if (state !== 'waiting' || door.clock.now() >= until)
      door.tasks.lapse(task, `${hold} is ${state === 'waiting' ? 'expired' : state}; send the call again`)
  } else if (task.stage.kind === 'ready') door.tasks.start(door, task, asked.bearer)
  if (task.stage.kind === 'running') await settledOrGone(door, task.stage.settled, waits ? undefined : settleMax, gone)
}

function isHeldBy({ stage }: HeldTask, hold: string): boolean {
  return stage.kind === 'held' && stage.hold === hold
}

async function settledOrGone({ clock }: Door, settled: Promise<void>, wait: Milliseconds | undefined, gone: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const callOff = wait === undefined ? () => {} : clock.after(wait, resolve)
  const leave = () => resolve()
  gone.addEventListener('abort', leave)
  await Promise.race([promise, settled])
  gone.removeEventListener('abort', leave)
  callOff()
}

/** A task of its server's own: to the server and back as it is, and heard as the answer of the call that it was. */
function passTask(
  exchange: TaskAnswering,
  asked: Asked,
  { theirs, method }: { readonly theirs: ServerTask; readonly method: TaskMethod },
): Result<undefined> {
  const { door } = exchange
  const way = wayTo(door, asked, theirs.service)
  if (!way.ok) return way
  const licence = door.serverTasks.licence(door, asked.bearer, theirs)
  if (!licence.ok) return licence
  const { member, headers } = way.value
  const tap = door.serverTasks.tap(door, asked.bearer, theirs, method)
  exchange.pass({ licence: licence.value, member, outgoing: outgoingOf({ ...asked, headers }), tap })
  return done(undefined)
}

/** What was held became a task of its server's after the yes: its client knows it by our handle, its server by its own. */
async function passMoved(exchange: TaskAnswering, { asked, task, method }: AskedTask, to: string): Promise<Result<undefined>> {
  const { door } = exchange
  const { bearer } = asked
  const theirs = door.serverTasks.find(bearer, to)
  if (theirs === undefined) return refuse('mcp.task')
  const way = wayTo(door, asked, theirs.service)
  if (!way.ok) return way
  const licence = door.serverTasks.licence(door, bearer, theirs)
  if (!licence.ok) return licence
  const { member, headers } = way.value
  const moved = outgoingOf({ ...asked, message: withText(asked.message, ['taskId'], to), headers }, to)
  const outgoing = { ...moved, ...holderOf(door, bearer, member.service) }
  const limits = { ...door.limits, messageBytesMax: door.limits.listBytesMax }
  const { room } = door.attendants
  const collected = await collect({ licence: licence.value, server: member.server, outgoing, clock: door.clock, limits, room })
  if (!collected.ok) return collected
  const { response, status } = collected.value
  if (response === undefined) return refuse('upstream.malformed', { detail: `it answered ${method} with status ${status}` })
  const secret = door.secretOf(member.service)
  if (secret !== undefined && new Leak(secret).shows(response.bytes))
    return refuse('upstream.malformed', { detail: 'its answer shows the credential of the service' })
  const { answerBytesMax } = licence.value.obligations
  if (answerBytesMax !== undefined && response.bytes.byteLength > answerBytesMax)
    return refuse('action.cut', { detail: `answer<=${answerBytesMax}`, policies: licence.value.duties })
  const tap = door.serverTasks.tap(door, bearer, theirs, method)
  tap.onHead?.('json')
  tap.onData(response.bytes)
  tap.onOver(true)
  const at = method === 'tasks/result' ? undefined : spanOf(response.bytes, ['result', 'taskId'])
  const bytes = at === undefined ? response.bytes : replaceSpan(response.bytes, at, JSON.stringify(task.id))
  exchange.answer.whole(
    status,
    [
      ['Content-Type', 'application/json'],
      ['Cache-Control', 'no-store'],
    ],
    bytes,
  )
  return done(undefined)
}
