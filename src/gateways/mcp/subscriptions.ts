/** Messages by which a client asks to be told of changes: no actions, but they name resources, and are for those who may see them. */
import { isJsonObject } from '../../kernel/json.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Era } from './envelope.ts'
import { type Offer, type Offered, resourceOf } from './offer.ts'
import type { Message } from './ports.ts'

export interface Subscription {
  /** `listen`: the answer is the stream of changes. */
  readonly how: 'listen' | 'change'
  /** Resources that it names; each must be visible to the caller. */
  readonly about: readonly Offered[]
}

const urisMax = 100

/** `undefined` where the message is none. Refuses `action.unknown` for a resource that is not declared. */
export function readSubscription(offer: Offer, era: Era, { method, params }: Message): Result<Subscription> | undefined {
  if (method === 'subscriptions/listen' && era === 'stateless') {
    const { resourceSubscriptions = [] } = isJsonObject(params['notifications']) ? params['notifications'] : {}
    if (!Array.isArray(resourceSubscriptions)) return refuse('action.arguments', { detail: 'resourceSubscriptions is no list' })
    return about(offer, 'listen', resourceSubscriptions)
  }
  const isChange = method === 'resources/subscribe' || method === 'resources/unsubscribe'
  return isChange && era === 'handshake' ? about(offer, 'change', [params['uri']]) : undefined
}

function about(offer: Offer, how: Subscription['how'], uris: readonly unknown[]): Result<Subscription> {
  if (uris.length > urisMax) return refuse('action.arguments', { detail: `at most ${urisMax} resources` })
  const found: Offered[] = []
  for (const uri of uris) {
    const one = resourceOf(offer, uri)
    if (!one.ok) return one
    found.push(one.value.offered)
  }
  return done({ how, about: found })
}
