/** Identities, services and plans as they are shown: from records to the shapes of the wire. */
import { formatInstant, type Instant } from '../kernel/instants.ts'
import type { Desk } from '../control/desk.ts'
import type { Identity } from '../model/identities.ts'
import type { Service } from '../model/services.ts'
import type { IdentityView } from '../wire/identities.ts'
import { commandDigest } from '../wire/command-digest.ts'
import type { ServiceView, UpstreamView } from '../wire/services.ts'
import type { UpstreamState } from './parts.ts'

/** The instants of a record that are there, as text. */
export function instants<K extends string>(given: { readonly [N in K]: Instant | undefined }): { readonly [N in K]?: string } {
  const written: { [N in K]?: string } = {}
  for (const name in given) {
    const instant = given[name]
    if (instant !== undefined) written[name] = formatInstant(instant)
  }
  return written
}

export function nameOf(desk: Pick<Desk, 'facts'>, id: Identity['id']): string {
  return desk.facts.identity(id)?.name ?? id
}

export function identityView(desk: Pick<Desk, 'facts'>, identity: Identity): IdentityView {
  const { id, name, kind, owner, roles, state, quarantine } = identity
  return {
    id,
    name,
    kind,
    ...(owner === undefined ? {} : { owner: nameOf(desk, owner) }),
    roles,
    state,
    ...(quarantine === undefined ? {} : { quarantine: { at: formatInstant(quarantine.at), by: quarantine.by, reason: quarantine.reason } }),
  }
}

/** `state` is for whoever may audit. What a caller needs in order to call it; neither where it really is nor how the gateway proves itself there. */
export function serviceView(service: Service, urls: readonly string[], state?: UpstreamState): ServiceView {
  const [url] = urls
  return {
    name: service.id,
    environment: service.environment,
    labels: service.labels,
    ...(service.gateway === undefined ? {} : { gateway: service.gateway }),
    ...(service.enforcedBy === undefined ? {} : { enforcedBy: service.enforcedBy }),
    ...(url === undefined ? {} : { url }),
    ...(urls.length > 1 ? { urls } : {}),
    ...(state === undefined ? {} : { upstream: upstreamView(state) }),
    ...(service.command === undefined ? {} : { commandDigest: commandDigest(service.command) }),
    routes: service.routes.map(({ name, method, path, effect, tier, arguments: rules }) => ({
      name,
      method,
      path,
      effect,
      tier,
      arguments: rules,
    })),
  }
}

function upstreamView({ state, since, error, triedAgainAt }: UpstreamState): UpstreamView {
  return { state, since: formatInstant(since), ...(error === undefined ? {} : { error }), ...instants({ triedAgainAt }) }
}
