/** From a named call to control's answer: which server would get it, where its arguments came from, and whether it may go. */
import type { Call, Verdict } from '../../control/ports.ts'
import { done, type Result } from '../../kernel/result.ts'
import { resourceOf } from '../../model/actions.ts'
import { obligationNames } from '../../model/obligations.ts'
import type { NamedAction } from './actions.ts'
import type { Asked } from './asked.ts'
import { materialOf } from './digest.ts'
import type { Door, Member } from './door.ts'
import type { Headers } from './envelope.ts'
import type { PassagePlan, Tap } from './passage.ts'
import type { Message } from './ports.ts'
import type { Source } from './provenance.ts'
import { trace } from './tracing.ts'
import { outgoingOf, wayTo } from './ways.ts'

/** Where an action goes, and who listens to what comes back. */
export type CallWay = Pick<PassagePlan, 'outgoing' | 'isMessageOurs'> & {
  readonly member: Member
  readonly tap: Tap
  /** What its answer is to whoever hears it. */
  readonly source: Source
}

export interface Decided {
  readonly verdict: Verdict
  readonly way: CallWay
}

/** `message`: as its server is to hear it. Refuses where no server has it; whatever control says is the verdict, and on record. */
export async function decideCall(door: Door, asked: Asked, named: NamedAction, message: Message): Promise<Result<Decided>> {
  const way = wayTo(door, asked, named.service)
  if (!way.ok) return way
  const { member, headers } = way.value
  const outgoing = outgoingOf({ ...asked, message, headers }, named.upstreamName)
  const remembered = door.memories.of(asked.bearer, (bearer) => door.control.readBefore(bearer))
  const memory = remembered instanceof Promise ? await remembered : remembered
  if (!memory.ok) return memory
  const { action: traced, tap } = trace(door, asked.bearer, named, memory.value)
  const saying = door.tools.of(door, asked, named, { action: traced, way: way.value })
  const said = saying instanceof Promise ? await saying : saying
  const { action } = said
  const source = { operation: resourceOf(action), trust: named.route.trust ?? 'untrusted' } as const
  const call: Call = { ...said, bearer: asked.bearer, meets: obligationNames }
  const deciding = door.control.authorize(call)
  const first = deciding instanceof Promise ? await deciding : deciding
  // What may be held is kept by control, to be shown.
  const isMessageOurs = first.outcome !== 'needs-material'
  const verdict = isMessageOurs ? first : await decideWhole(door, call, message, outgoing.headers)
  return done({ verdict, way: { member, outgoing, isMessageOurs, tap, source } })
}

/** Only what may be held is read again for its digest: most calls are not, and a large one takes milliseconds. */
async function decideWhole({ control, limits }: Door, call: Call, message: Message, headers: Headers): Promise<Verdict> {
  if (message.bytes.byteLength > limits.heldMessageBytesMax) return { outcome: 'needs-material' }
  return control.authorize({ ...call, material: materialOf(message, headers), body: message.bytes })
}
