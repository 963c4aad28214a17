/** Work under a grant: asked for, approved, activated, kept alive, and ended however the work ends. */
import type { GrantRequestBody, GrantView, HeartbeatView } from '../wire/grants.ts'
import type { ServiceList, ServiceView } from '../wire/services.ts'
import type { TokenAnswer } from '../wire/tokens.ts'
import type { Fetch } from './http-calls.ts'
import { type Heartbeats, type HeartbeatSender, sendHeartbeats } from './heartbeats.ts'
import { RemitRefusal } from './remit-refusal.ts'
import { GatewayTokens, servicesFirst } from './gateway-tokens.ts'
import type { Waiting } from './waiting.ts'

export interface TaskRequest extends GrantRequestBody {
  /** Breaks off the waiting, and tells the work to stop. */
  readonly signal?: AbortSignal
  /** Called when the state changes before the work begins: say where the page is while it is `pending`. */
  readonly onState?: (grant: GrantView) => void
}

/** What the work is given. */
export interface Work {
  readonly grant: GrantView
  /** A token for the gateway of this service, fresh at each call; without a service, for the first one of the grant's scope. */
  readonly token: (service?: string) => Promise<string>
  /** Where the gateway of a service listens, such as `https://shop.example:8443`; throws where none is there. */
  readonly url: (service: string) => string
  /** Sends the token along, to services behind Remit's gateways and nowhere else: throws for any other origin. */
  readonly fetch: Fetch
  /** Aborted when the grant ends before the work does. */
  readonly signal: AbortSignal
}

/** What of the client this needs. */
export interface GrantClient extends HeartbeatSender {
  requestGrant(request: GrantRequestBody, options?: { readonly signal?: AbortSignal }): Promise<GrantView>
  waitForGrant(id: string, waiting?: Waiting<GrantView>): Promise<GrantView>
  activate(id: string, options?: { readonly signal?: AbortSignal }): Promise<GrantView>
  done(id: string, closing?: { readonly reason?: string }): Promise<GrantView>
  abandon(id: string, closing?: { readonly reason?: string }): Promise<GrantView>
  heartbeat(id: string, options?: { readonly signal?: AbortSignal; readonly timeoutMs?: number }): Promise<HeartbeatView>
  services(): Promise<ServiceList>
  sessionToken(grant: string, options?: { readonly gateway?: string }): Promise<TokenAnswer>
}

export interface Undertaking<T> {
  readonly task: TaskRequest
  readonly work: (given: Work) => Promise<T>
  readonly fetch: Fetch
}

const heartbeatSecondsDefault = 5
const reasonLengthMax = 200

/** Throws what the work throws, `RemitRefusal` when there is no grant to be had, and what ending it throws when the work went well. */
export async function withGrant<T>(client: GrantClient, { task, work, fetch }: Undertaking<T>): Promise<T> {
  const { signal, onState, ...request } = task
  const heartbeatSeconds = request.heartbeatSeconds ?? heartbeatSecondsDefault
  const requested = await client.requestGrant({ ...request, heartbeatSeconds }, signal === undefined ? {} : { signal })
  try {
    const given = await obtainGrant(client, requested, {
      ...(signal === undefined ? {} : { signal }),
      ...(onState === undefined ? {} : { onState }),
    })
    const result = await workUnder(client, given, { heartbeatSeconds, work, fetch, signal })
    await client.done(given.id)
    return result
  } catch (thrown) {
    const reason = `the work failed: ${thrown instanceof Error ? thrown.message : 'unknown'}`.slice(0, reasonLengthMax)
    // The work's own error is what the caller must see; a grant that could not be ended ends by its missing heartbeats.
    await client.abandon(requested.id, { reason }).catch(() => undefined)
    throw thrown
  }
}

/** From requested to active. Throws `RemitRefusal` when somebody or something says no. */
export async function obtainGrant(
  client: Pick<GrantClient, 'waitForGrant' | 'activate'>,
  requested: GrantView,
  waiting: Waiting<GrantView>,
): Promise<GrantView> {
  const { signal } = waiting
  const answered = isOpen(requested) ? await client.waitForGrant(requested.id, waiting) : requested
  if (answered.state !== 'approved' && answered.state !== 'active') throw refusedGrant(answered)
  return client.activate(answered.id, signal === undefined ? {} : { signal })
}

function isOpen(grant: GrantView): boolean {
  return grant.state === 'requested' || grant.state === 'pending'
}

/** A no to a request, in the words of a refusal. */
export function refusedGrant(grant: GrantView): RemitRefusal {
  const { how = grant.state, by = 'remit', reason = '' } = grant.ending ?? {}
  return new RemitRefusal({
    type: `urn:remit:refusal:grant.${grant.state}`,
    title: 'the request came to nothing',
    status: 403,
    detail: `the request was ${how} by ${by}${reason === '' ? '' : `: ${reason}`}`,
    remedy: how === 'denied' ? 'talk to whoever denied it before asking again' : 'ask again if the task goes on',
    page: grant.page,
  })
}

interface Conditions<T> {
  readonly heartbeatSeconds: number
  readonly work: (given: Work) => Promise<T>
  readonly fetch: Fetch
  readonly signal: AbortSignal | undefined
}

async function workUnder<T>(client: GrantClient, grant: GrantView, { heartbeatSeconds, work, fetch, signal }: Conditions<T>): Promise<T> {
  const { services } = await client.services()
  const tokens = new GatewayTokens(servicesFirst(services, grant.scope), (gateway) => client.sessionToken(grant.id, { gateway }))
  const ended = new AbortController()
  const stop = new AbortController()
  const heartbeats = watch(client, { grant: grant.id, everyMs: heartbeatSeconds * 1_000, signal: stop.signal }, ended)
  const either = signal === undefined ? ended.signal : AbortSignal.any([ended.signal, signal])
  try {
    return await work({
      grant,
      token: (service) => tokens.of(service),
      url: (service) => urlOf(services, service),
      fetch: bearerFetch(fetch, tokens),
      signal: either,
    })
  } finally {
    stop.abort()
    tokens.forget()
    await heartbeats
  }
}

function urlOf(services: readonly ServiceView[], service: string): string {
  const url = services.find(({ name }) => name === service)?.url
  if (url === undefined) throw new Error(`no gateway of a service "${service}" is there`)
  return url
}

async function watch(client: HeartbeatSender, heartbeats: Heartbeats, ended: AbortController): Promise<void> {
  const state = await sendHeartbeats(client, heartbeats)
  if (state !== undefined) ended.abort(new Error(`the grant ended before the work did: it is ${state}`))
}

function bearerFetch(fetch: Fetch, tokens: GatewayTokens): Fetch {
  return async (input, init) => {
    const request = new Request(input, init)
    const { origin } = new URL(request.url)
    request.headers.set('authorization', `Bearer ${await tokens.forOrigin(origin)}`)
    return fetch(request)
  }
}
