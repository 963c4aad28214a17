/** Messages by which a client asks to be told of changes: no actions, but they name resources, and are for those who may see them. */
import { isJsonObject } from '../../kernel/json.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { type Envelope, needCapability } from './envelope.ts'
import { type Offer, type Offered, resourceOf } from './offer.ts'
import { memberSpans } from './list-spans.ts'
import type { Message } from './ports.ts'
import { replaceSpan, spanOf } from './spans.ts'
import { tasksExtension } from './task-messages.ts'

export interface Subscription {
  /** `listen`: the answer is the stream of changes. */
  readonly how: 'listen' | 'change'
  /** Resources that it names; each must be visible to the caller. */
  readonly about: readonly Offered[]
  /** As it is forwarded. */
  readonly message: Message
}

const urisMax = 100

/**
 * `undefined` where the message is none. Refuses `action.unknown` for a resource that is not declared, and `mcp.capability` for tasks of
 * a client that takes none. Tasks are asked about one by one (`tasks/get`), by whose they are: here they are left out, as a server may do
 * that tells nothing of them.
 */
export function readSubscription(offer: Offer, envelope: Envelope, message: Message): Result<Subscription> | undefined {
  const { method, params } = message
  if (method === 'subscriptions/listen' && envelope.era === 'stateless') {
    const { resourceSubscriptions = [], taskIds } = isJsonObject(params['notifications']) ? params['notifications'] : {}
    if (!Array.isArray(resourceSubscriptions)) return refuse('action.arguments', { detail: 'resourceSubscriptions is no list' })
    const takes = taskIds === undefined ? done(undefined) : needCapability(envelope, ['extensions', tasksExtension])
    if (!takes.ok) return takes
    return about(offer, { how: 'listen', message: taskIds === undefined ? message : withoutTasks(message) }, resourceSubscriptions)
  }
  const isChange = method === 'resources/subscribe' || method === 'resources/unsubscribe'
  return isChange && envelope.era === 'handshake' ? about(offer, { how: 'change', message }, [params['uri']]) : undefined
}

function about(offer: Offer, what: Pick<Subscription, 'how' | 'message'>, uris: readonly unknown[]): Result<Subscription> {
  if (uris.length > urisMax) return refuse('action.arguments', { detail: `at most ${urisMax} resources` })
  const found: Offered[] = []
  for (const uri of uris) {
    const one = resourceOf(offer, uri)
    if (!one.ok) return one
    found.push(one.value.offered)
  }
  return done({ ...what, about: found })
}

function withoutTasks(message: Message): Message {
  const { bytes } = message
  const at = spanOf(bytes, ['params', 'notifications'])
  if (at === undefined) throw new Error('a message has notifications that do not stand in its bytes')
  const kept = [...memberSpans(bytes, at.from)].flatMap(([name, { whole }]) =>
    name === 'taskIds' ? [] : [Buffer.from(bytes.subarray(whole.from, whole.to)).toString()],
  )
  const changed = replaceSpan(bytes, at, `{${kept.join(',')}}`)
  const idAt = spanOf(changed, ['id'])
  return { ...message, bytes: changed, ...(idAt === undefined ? {} : { idAt }) }
}
