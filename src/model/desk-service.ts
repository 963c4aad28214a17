/** Remit's own desk as something that is asked for: never configured, never served by a gateway, and its name is taken. */
import { type Effect, type Impact, tierOf } from './effects.ts'
import type { Route } from './services.ts'

/** The service that no configuration may declare. */
export const deskServiceName = 'desk'

/** What of the desk is asked for; approve, audit and stop stand. */
export type DeskOperation = 'operate' | 'administer'

function operation(name: DeskOperation, effect: Effect, service: Impact['service']): Route {
  const impact: Impact = { data: 'low', service, safety: 'none' }
  return { name, method: 'DESK', path: `/${name}`, effect, impact, tier: tierOf(impact, effect), arguments: [] }
}

/** `desk/operate` is tier 1; `desk/administer` changes who may do what: tier 2, an hour at most, one other person. */
export const deskService: {
  readonly id: string
  readonly protocol: 'http'
  readonly environment: string
  readonly impact: Impact
  readonly routes: readonly Route[]
} = {
  id: deskServiceName,
  protocol: 'http',
  environment: 'remit',
  impact: { data: 'low', service: 'high', safety: 'none' },
  routes: [operation('operate', 'configure', 'moderate'), operation('administer', 'administer', 'high')],
}
