/** Tokens for the gateways of one grant: each is for one gateway, so that a service is called with its own gateway's. */
import type { ServiceView } from '../wire/services.ts'
import type { TokenAnswer } from '../wire/tokens.ts'
import { TokenKeeper } from './token-keeper.ts'

/** The gateway that a service belongs to unless it says otherwise. */
export const ownGateway = 'http'

/** What a grant's scope names comes first, since that is what its tokens are for. */
export function servicesFirst(services: readonly ServiceView[], scope: readonly string[]): readonly ServiceView[] {
  const named = scope.map(serviceOfLine)
  const [inScope, others] = [new Set(named), services.filter(({ name }) => !named.includes(name))]
  return [...[...inScope].flatMap((name) => services.find((each) => each.name === name) ?? []), ...others]
}

/** `read:shop` and `shop/restart,uses=1` are both of `shop`. */
export function serviceOfLine(line: string): string {
  const [head = ''] = line.split(',')
  const [service = ''] = head.slice(head.indexOf(':') + 1).split('/')
  return service
}

export class GatewayTokens {
  readonly #services: readonly ServiceView[]
  readonly #exchange: (gateway: string) => Promise<TokenAnswer>
  readonly #byGateway = new Map<string, TokenKeeper>()
  readonly #byOrigin = new Map<string, string>()

  /** Of services that say the same origin, the first counts. */
  constructor(services: readonly ServiceView[], exchange: (gateway: string) => Promise<TokenAnswer>) {
    this.#services = services
    this.#exchange = exchange
    for (const { url, urls = url === undefined ? [] : [url], gateway = ownGateway } of services)
      for (const each of urls) if (!this.#byOrigin.has(new URL(each).origin)) this.#byOrigin.set(new URL(each).origin, gateway)
  }

  /** For the gateway of a service; without one for that of the first. Rejects for a service that is not there. */
  async of(service?: string): Promise<string> {
    const found = service === undefined ? this.#services[0] : this.#services.find(({ name }) => name === service)
    if (service !== undefined && found === undefined) throw new Error(`there is no service "${service}" behind this Remit's gateways`)
    return this.#keeper(found?.gateway ?? ownGateway).current()
  }

  /** Rejects where no gateway of this Remit listens. */
  async forOrigin(origin: string): Promise<string> {
    const gateway = this.#byOrigin.get(origin)
    if (gateway === undefined) throw new Error(`${origin} is not a gateway of this Remit, so the token is not sent there`)
    return this.#keeper(gateway).current()
  }

  forget(): void {
    for (const keeper of this.#byGateway.values()) keeper.forget()
  }

  #keeper(gateway: string): TokenKeeper {
    const known = this.#byGateway.get(gateway)
    if (known !== undefined) return known
    const keeper = new TokenKeeper(() => this.#exchange(gateway))
    this.#byGateway.set(gateway, keeper)
    return keeper
  }
}
