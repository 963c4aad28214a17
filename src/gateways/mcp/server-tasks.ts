/** Tasks that servers make of calls: whose each is, what its result is to who hears it, and its end with the session of the call. */
import type { Bearer, Clock, Decision } from '../../control/ports.ts'
import type { Milliseconds } from '../../kernel/instants.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Asked } from './asked.ts'
import { Collecting } from './collect.ts'
import type { CallWay } from './deciding.ts'
import type { Door } from './door.ts'
import { EarlyAnswer } from './early-answer.ts'
import { type Era, headerText } from './envelope.ts'
import { type Licence, ownLicence } from './licence.ts'
import { OwnerKeep } from './owner-keep.ts'
import type { Tap } from './passage.ts'
import type { McpServer, Message, Outgoing } from './ports.ts'
import type { Source } from './provenance.ts'
import { ResultTap } from './result-tap.ts'
import { ownerOf } from './sessions.ts'
import { holderOf } from './ways.ts'
import { cancelMessage, createdTask, isOverTask, mayBecomeTask, type TaskMethod } from './task-messages.ts'

/** One caller's on one port, and everybody's; the oldest makes room, and is not found any more. */
const keepLimits = { ofOneMax: 200, max: 20_000 }
/** Longer answers are not looked into: they count as what nobody knows, and their task as one that goes on. */
const answerBytesMax = 262_144
/** A server that is told to stop has this long to say that it heard. */
const cancelMax: Milliseconds = 5_000

export interface ServerTask {
  readonly id: string
  readonly service: string
  readonly source: Source
  /** Of the call: what its answer may be, and until when. */
  readonly call: Pick<Licence, 'endsAt' | 'endsFor' | 'obligations' | 'duties'>
  readonly era: Era
  isOver: boolean
  /** Its client has what became of it. */
  readonly fetched: () => void
  readonly leave: () => void
}

/** The call whose answer is listened to. */
interface Listened {
  readonly licence: Licence
  readonly decision: Decision
  readonly way: CallWay
}

/** All that it takes to tell a server to stop: the call itself, which may be long, is not kept for that. */
interface Cancel {
  readonly server: McpServer
  readonly outgoing: Omit<Outgoing, 'mayGo'>
}

export class ServerTasks {
  readonly #clock: Pick<Clock, 'after' | 'now'>
  readonly #tasks = new OwnerKeep<ServerTask>(keepLimits, ({ leave }) => leave())

  constructor({ clock }: { readonly clock: Pick<Clock, 'after' | 'now'> }) {
    this.#clock = clock
  }

  /** The tap for a call: where its client takes tasks, one that also hears whether the server made one. */
  listen(door: Door, asked: Asked, { licence, decision, way }: Listened): Tap {
    const { bearer, envelope, message } = asked
    if (!mayBecomeTask(envelope, message)) return way.tap
    let flaw: string | undefined
    const told = (response: Message) => {
      const id = createdTask(envelope.era, response)
      if (id === undefined) return
      // Its answer would be under what was demanded of another call, and that of the other under what was demanded of this one.
      if (this.#tasks.find(ownerOf(bearer), id)?.isOver === false) flaw = 'the task that it made of the call is that of another call'
      else this.#add(door, asked, { licence, decision, way }, id)
    }
    const ear = new EarlyAnswer(way.tap, door.limits, told)
    return {
      onHead: (form, length) => ear.onHead(form, length),
      onData: (bytes) => ear.onData(bytes),
      get keeps() {
        return ear.keeps
      },
      onOver: (isWhole) => ear.onOver(isWhole),
      flaw: () => flaw,
    }
  }

  /** Somebody else's answers as one that is not there. */
  find(bearer: Bearer, id: string): ServerTask | undefined {
    return this.#tasks.find(ownerOf(bearer), id)
  }

  /** What lets its owner ask for it: a live grant that reaches there, and what held for the call itself. */
  licence({ attendants }: Door, bearer: Bearer, { service, call }: ServerTask): Result<Licence> {
    const attends = attendants.licence(bearer, [service], true)
    if (!attends.ok) return attends
    if (this.#clock.now() >= call.endsAt) return refuse('mcp.task')
    const isCallSooner = call.endsAt < attends.value.endsAt
    return done({ ...attends.value, ...(isCallSooner ? call : { obligations: call.obligations, duties: call.duties }) })
  }

  /** Hears what the server says of it, as the answer of the call that it was. */
  tap(door: Door, bearer: Bearer, task: ServerTask, method: TaskMethod): Tap {
    const { source } = task
    const hears = new ResultTap(door.limits, answerBytesMax, {
      told: (content, isPart) => door.memories.saw(bearer, source, { content, isPart }),
    })
    if (method === 'tasks/update') return hears
    const told = (response: Message) => {
      task.isOver ||= method === 'tasks/get' ? isOverTask(response) : response.error === undefined
    }
    // The status of a task that is over comes with its whole answer.
    const ear = new EarlyAnswer(hears, door.limits, told, answerBytesMax)
    // The experiment has the status told by one method and the answer by another.
    const isLast = method !== 'tasks/get' || task.era === 'stateless'
    return {
      onHead: (form, length) => ear.onHead(form, length),
      onData: (bytes) => ear.onData(bytes),
      get keeps() {
        return ear.keeps
      },
      onOver: (isWhole) => {
        const says = ear.onOver(isWhole)
        if (isLast && isWhole && task.isOver) task.fetched()
        return says
      },
    }
  }

  #add(door: Door, { bearer, envelope: { era }, message }: Asked, { licence, decision, way }: Listened, id: string): void {
    const owner = ownerOf(bearer)
    const { endsAt, endsFor, obligations, duties } = licence
    const { service } = way.member.server
    const cancel = cancelOf(way, cancelMessage(era, id, message.params), { id, ...holderOf(door, bearer, way.member.service) })
    const fetched = door.control.goesOn(decision)
    const unwatch = door.cuts.add(decision.session, {
      endsAt,
      endsFor,
      cut: () => {
        this.#tasks.remove(owner, id)
        if (!task.isOver) this.#cancel(cancel)
      },
    })
    const leave = () => {
      unwatch()
      fetched()
    }
    const task: ServerTask = {
      id,
      service,
      source: way.source,
      call: { endsAt, endsFor, obligations, duties },
      era,
      isOver: false,
      fetched,
      leave,
    }
    this.#tasks.add(owner, id, task)
  }

  /** What was let go by a session ends with it: its server is told to stop. Whether it does is its own affair. */
  #cancel({ server, outgoing }: Cancel): void {
    const stopping = new Collecting({
      licence: ownLicence(this.#clock.now() + cancelMax),
      server,
      outgoing,
      clock: this.#clock,
      limits: { messageBytesMax: answerBytesMax, depthMax: 64, idBytesMax: 256, methodCharactersMax: 128 },
    }).start()
    const callOff = this.#clock.after(cancelMax, () => stopping.cut('it did not answer'))
    void stopping.answered.then(callOff)
  }
}

function cancelOf(
  { member, outgoing }: CallWay,
  message: Message,
  { id, ...holder }: { readonly id: string } & Pick<Outgoing, 'holder'>,
): Cancel {
  const headers: Outgoing['headers'] = outgoing.headers
    .filter(([name]) => !name.startsWith('mcp-param-'))
    .map(([name, value]) => (name === 'mcp-method' ? [name, 'tasks/cancel'] : name === 'mcp-name' ? [name, headerText(id)] : [name, value]))
  return { server: member.server, outgoing: { method: 'POST', headers, message, ...holder } }
}
