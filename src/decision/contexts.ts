/** What policies may read of the moment: the context of a request for a grant (Ask) and of one action (Call). */
import { Fraction } from '../kernel/json.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { Action, ArgumentValue } from '../model/actions.ts'
import type { Effect } from '../model/effects.ts'
import type { Fact, Task } from '../model/grants.ts'
import { originKinds } from '../model/provenance.ts'
import { Datetime, IpAddress, parseDecimal } from './cedar/extensions.ts'
import { parseAddress } from './cedar/ip-addresses.ts'
import { type CedarRecord, CedarSet, type CedarValue, longMax, longMin } from './cedar/values.ts'

export interface AskMoment {
  readonly task: Task
  readonly effect: Effect
  readonly duration: Milliseconds
  readonly now: Instant
}

/** Context of `Action::"request"`: one effect on one operation. */
export function askContext(moment: AskMoment): CedarRecord {
  return new Map<string, CedarValue>([
    ['task', taskRecord(moment.task)],
    ['proved', factsRecord(moment.task.proved)],
    ['claimed', factsRecord(moment.task.claimed)],
    ['effects', new CedarSet([moment.effect])],
    ['seconds', BigInt(Math.ceil(moment.duration / 1_000))],
    ['time', new Datetime(BigInt(moment.now))],
  ])
}

export interface CallMoment {
  readonly task: Task
  readonly action: Action
  readonly address: string
  readonly refusals: number
  readonly now: Instant
}

/** Context of one action. `undefined` where an argument cannot be said in Cedar: then nothing may be allowed. */
export function callContext(moment: CallMoment): CedarRecord | undefined {
  const args = new Map<string, CedarValue>()
  const given = moment.action.arguments
  for (const name of Object.keys(given)) {
    const value = given[name]
    const cedar = value === undefined ? undefined : argumentValue(value)
    if (cedar === undefined) return undefined
    args.set(name, cedar)
  }
  const client = addressOf(moment.address)
  if (client === undefined) return undefined
  const { task, proved, claimed } = recordsOf(moment.task)
  const context = new Map<string, CedarValue>()
  context.set('task', task)
  context.set('proved', proved)
  context.set('claimed', claimed)
  context.set('time', new Datetime(BigInt(moment.now)))
  context.set('client', client)
  context.set('session', moment.refusals === 0 ? unrefused : new Map([['refusals', BigInt(moment.refusals)]]))
  context.set('arguments', args)
  const { provenance } = moment.action
  context.set('provenance', provenance === undefined ? nothing : new Map<string, CedarValue>(originKinds(provenance)))
  return context
}

const nothing: CedarRecord = new Map()
const unrefused: CedarRecord = new Map([['refusals', 0n]])

interface TaskRecords {
  readonly task: CedarRecord
  readonly proved: CedarRecord
  readonly claimed: CedarRecord
}

const records = new WeakMap<Task, TaskRecords>()

/** A task never changes, and many actions are done for it. */
function recordsOf(task: Task): TaskRecords {
  const known = records.get(task)
  if (known !== undefined) return known
  const made = { task: taskRecord(task), proved: factsRecord(task.proved), claimed: factsRecord(task.claimed) }
  records.set(task, made)
  return made
}

const addressesMax = 10_000
const addresses = new Map<string, IpAddress>()

/** Few clients send many actions: what their address means in Cedar is read once. */
function addressOf(text: string): IpAddress | undefined {
  const known = addresses.get(text)
  if (known !== undefined) return known
  const range = parseAddress(text)
  if (range === undefined) return undefined
  if (addresses.size >= addressesMax) addresses.clear()
  const address = new IpAddress(range)
  addresses.set(text, address)
  return address
}

function taskRecord(task: Task): CedarRecord {
  const record = new Map<string, CedarValue>([
    ['kind', task.kind],
    ['statement', task.statement],
  ])
  const ticket = task.claimed.find((fact) => fact.name === 'ticket')
  if (ticket !== undefined) record.set('ticket', ticket.value)
  return record
}

/** Facts by name; `ci.run` becomes the member `run` of `ci`. */
function factsRecord(facts: readonly Fact[]): CedarRecord {
  const record = new Map<string, CedarValue>()
  for (const fact of facts) {
    const [group = '', member] = fact.name.split('.')
    if (member === undefined) record.set(group, fact.value)
    else {
      const known = record.get(group)
      record.set(group, new Map<string, CedarValue>([...(known instanceof Map ? known : []), [member, fact.value]]))
    }
  }
  return record
}

/** Integer → Long, fraction → decimal of at most four digits, list → set of strings. */
function argumentValue(value: ArgumentValue): CedarValue | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'bigint':
      return value >= longMin && value <= longMax ? value : undefined
    case 'number':
      return Number.isSafeInteger(value) ? BigInt(value) : undefined
    default:
      return value instanceof Fraction ? parseDecimal(value.text) : new CedarSet(value)
  }
}
