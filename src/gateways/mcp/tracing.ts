/** Where a call's arguments came from, and what its answer brings: how one exchange asks and feeds the memory of its caller. */
import type { Bearer } from '../../control/ports.ts'
import { type Action, resourceOf } from '../../model/actions.ts'
import type { Grant } from '../../model/grants.ts'
import type { NamedAction } from './actions.ts'
import type { Door } from './door.ts'
import { Known, type Memory } from './provenance.ts'
import { ResultTap } from './result-tap.ts'

type Task = Pick<Grant, 'task' | 'scope'>
const nobodys: Task = { task: { kind: '', statement: '', claimed: [], proved: [] }, scope: [] }
/** A grant is another object whenever anything of it changes. */
const known = new WeakMap<Task, Known>()

/** Answers longer than this are not looked into … */
const answerBytesMax = 262_144
/** … unless something of the grant may only be done after this one. */
const awaitedBytesMax = 8_388_608

export interface Traced {
  readonly action: Action
  readonly tap: ResultTap
}

/** The call with the origins of its arguments, and the ear for its answer. */
export function trace(
  door: Pick<Door, 'control' | 'memories' | 'limits'>,
  bearer: Bearer,
  { action, route }: NamedAction,
  memory: Memory,
): Traced {
  const grant = door.control.riding(bearer, action) ?? nobodys
  const source = { operation: resourceOf(action), trust: route.trust ?? 'untrusted' } as const
  const isAwaited = grant.scope.some(({ after }) => after === source.operation)
  const tap = new ResultTap(door.limits, isAwaited ? awaitedBytesMax : answerBytesMax, {
    told: (content, isPart) => door.memories.saw(bearer, source, { content, isPart }),
  })
  if (Object.keys(action.arguments).length === 0) return { action, tap }
  const words = known.get(grant) ?? new Known(grant.task, grant.scope)
  known.set(grant, words)
  const rules = new Map(route.arguments.map((rule) => [rule.name, rule]))
  const provenance = memory.of(action.arguments, rules, words)
  return { action: { ...action, provenance }, tap }
}
