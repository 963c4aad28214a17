/** Gateways elsewhere as they are shown: what is kept of them, and what the feed knows of their connection. */
import { formatInstant } from '../kernel/instants.ts'
import type { EnrolledGateway } from '../model/gateways.ts'
import type { GatewayView } from '../wire/gateways.ts'
import type { GatewayStanding } from './parts.ts'
import { instants } from './views.ts'

export function gatewayView(gateway: EnrolledGateway, standing?: GatewayStanding): GatewayView {
  const { id, name, state, invitedAt, codeEndsAt, enrolledAt, key } = gateway
  const { connectedAt, node, lag, leaseEndsAt, heardAt: lastSeenAt, software } = standing ?? {}
  const address = standing?.address ?? gateway.address
  return {
    id,
    name,
    gateway: gateway.gateway,
    state,
    invitedAt: formatInstant(invitedAt),
    ...(state === 'invited' ? { codeEndsAt: formatInstant(codeEndsAt) } : {}),
    ...(key === undefined ? {} : { key }),
    connected: connectedAt !== undefined,
    ...(connectedAt === undefined && node !== undefined ? { connectedTo: node } : {}),
    ...(address === undefined ? {} : { address }),
    ...(lag === undefined ? {} : { versionsBehind: lag }),
    ...(software === undefined ? {} : { software }),
    ...instants({ enrolledAt, connectedAt, leaseEndsAt, lastSeenAt }),
  }
}
