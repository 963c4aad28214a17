/** The port at which existing proxies ask, opened as `remit up` or `remit gateway` was told. */
import type { UpOptions } from '../cli/house.ts'
import type { Clock, GatewayControl } from '../control/ports.ts'
import { type ForwardAuth, loopback, readProxies, startForwardAuth } from '../gateways/http/forward-auth.ts'
import type { Log } from '../host/logs.ts'
import { gatewayLog } from './gateway-log.ts'
import { plaintextWarnings, type Reached } from './secrecy.ts'

export interface Authz extends ForwardAuth {
  readonly warnings: readonly string[]
}

/** Throws a sentence for a person where it would listen unencrypted for other machines and nobody said so, or where a proxy is no address. */
export async function openAuthz(
  { authz, authzProxies, host: usual, plaintext = false }: Pick<UpOptions, 'authz' | 'authzProxies' | 'host' | 'plaintext'>,
  parts: { readonly control: GatewayControl; readonly clock: Clock; readonly log: Log; readonly reached: Reached },
): Promise<Authz | undefined> {
  if (authz === undefined) return undefined
  const { control, clock, log, reached } = parts
  const { tls } = reached
  const host = authz.host ?? usual
  const warnings = tls === undefined && host !== usual ? plaintextWarnings({ host, plaintext }) : []
  const proxies = readProxies(authzProxies ?? loopback)
  if (!proxies.ok) throw new Error(`--authz-proxies: ${proxies.refusal.detail ?? ''}`)
  const listen = { host, port: authz.port, ...(tls === undefined ? {} : { tls }) }
  return { ...(await startForwardAuth({ control, clock, log: gatewayLog(log), listen, proxies: proxies.value })), warnings }
}
