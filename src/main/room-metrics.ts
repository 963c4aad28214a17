/** The figures of one space: what stopped, what was drilled, and how gateways elsewhere stand. */
import type { ApiParts } from '../api/parts.ts'
import { accessCounts } from '../control/authzen-counts.ts'
import type { Desk } from '../control/desk.ts'
import { Metrics } from '../host/metrics.ts'

/** From here on they are kept. */
export function roomMetrics(desk: Desk, feed: ApiParts['feed']): NonNullable<ApiParts['metrics']> {
  const metrics = new Metrics()
  desk.stopping.measure({
    stopped: (gateway, milliseconds) => metrics.stopped(gateway, milliseconds),
    drilled: (gateway, milliseconds) => metrics.drilled(gateway, milliseconds),
  })
  return async () => {
    const now = desk.clock.now()
    const gateways = (feed?.standing() ?? []).map(({ id, connectedAt, lag = 0, leaseEndsAt = now }) => ({
      gateway: desk.facts.enrolled.get(id)?.name ?? id,
      isConnected: connectedAt !== undefined,
      lag,
      leaseLeft: Math.max(0, leaseEndsAt - now),
    }))
    return { type: metrics.type, text: await metrics.text(gateways, accessCounts(desk)) }
  }
}
