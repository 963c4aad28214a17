/** The contexts of asking and of acting where they are not known yet: what will certainly be there, what may be, and of what kind. */
import type { Instant } from '../kernel/instants.ts'
import type { Effect } from '../model/effects.ts'
import type { Task } from '../model/grants.ts'
import type { ArgumentRule, ArgumentType, Route } from '../model/services.ts'
import { type Kind, type Maybe, type PartialField, PartialRecord, Unknown } from './cedar/maybe-values.ts'
import { type CedarRecord, CedarSet } from './cedar/values.ts'
import { callContext } from './contexts.ts'

/** Of a request for one effect: its task, what is proved and claimed, its length and its hour are not known. */
export function partialAskContext(effect: Effect): PartialRecord {
  const known = askContexts.get(effect) ?? makeAskContext(effect)
  askContexts.set(effect, known)
  return known
}

const askContexts = new Map<Effect, PartialRecord>()

function makeAskContext(effect: Effect): PartialRecord {
  return closed('context', [
    ...unknownTask(),
    ['effects', there(new CedarSet([effect]))],
    ['seconds', unknown('context.seconds', 'long')],
    ['time', unknown('context.time', 'datetime')],
  ])
}

/** Of an action at any time, for whatever task: neither is known, nor are arguments, address and session. */
export function partialCallContext(route: Route): PartialRecord {
  const known = callContexts.get(route) ?? makeCallContext(route)
  callContexts.set(route, known)
  return known
}

/** The same for this task, at this instant. */
export function partialCallContextOf(route: Route, given: { readonly task: Task; readonly now: Instant }): PartialRecord {
  return makeCallContext(route, knownPart(given))
}

const callContexts = new WeakMap<Route, PartialRecord>()

function makeCallContext(route: Route, known?: Fields): PartialRecord {
  return closed('context', [
    ...(known ?? [...unknownTask(), ['time', unknown('context.time', 'datetime')] as const]),
    ['client', unknown('context.client', 'ipaddr')],
    ['session', there(closed('context.session', [['refusals', unknown('context.session.refusals', 'long')]]))],
    ['arguments', there(closed('context.arguments', route.arguments.map(argumentField)))],
    ['provenance', there(closed('context.provenance', route.arguments.map(originField)))],
  ])
}

type Fields = readonly (readonly [name: string, field: PartialField])[]

function closed(name: string, fields: Fields): PartialRecord {
  return new PartialRecord({ name, fields: new Map(fields), isOpen: false })
}

function there(value: Maybe): PartialField {
  return { value, isThere: true }
}

function unknown(name: string, kind: Kind, isThere = true): PartialField {
  return { value: new Unknown(kind, [name]), isThere }
}

function unknownTask(): Fields {
  const task = closed('context.task', [
    ['kind', unknown('context.task.kind', 'string')],
    ['statement', unknown('context.task.statement', 'string')],
    ['ticket', unknown('context.task.ticket', 'string', false)],
  ])
  return [
    ['task', there(task)],
    ['proved', there(unknownFacts('context.proved'))],
    ['claimed', there(unknownFacts('context.claimed'))],
  ]
}

/** A ticket, and whatever else issuers vouch for. */
function unknownFacts(name: string): PartialRecord {
  return new PartialRecord({ name, fields: new Map([['ticket', unknown(`${name}.ticket`, 'string', false)]]), isOpen: true })
}

/** What is the same for every action of one task at one instant: as `callContext` says it, so that there is one reading of a task. */
function knownPart({ task, now }: { readonly task: Task; readonly now: Instant }): Fields {
  const action = {
    protocol: 'http',
    service: '',
    operation: '',
    verb: '',
    effect: 'read',
    tier: 0,
    arguments: {},
    target: '',
  } as const
  const context: CedarRecord = callContext({ task, action, address: '127.0.0.1', refusals: 0, now }) ?? new Map()
  return ['task', 'proved', 'claimed', 'time'].flatMap((name) => {
    const value = context.get(name)
    return value === undefined ? [] : [[name, there(value)] as const]
  })
}

const kinds: Readonly<Record<ArgumentType, Kind>> = {
  string: 'string',
  long: 'long',
  decimal: 'decimal',
  boolean: 'bool',
  strings: 'set',
  json: 'string',
}

function argumentField({ name, type, required }: ArgumentRule): readonly [string, PartialField] {
  return [name, unknown(`context.arguments.${name}`, kinds[type], required)]
}

/** Where a value came from is said of some. */
function originField({ name }: ArgumentRule): readonly [string, PartialField] {
  return [name, unknown(`context.provenance.${name}`, 'string', false)]
}
