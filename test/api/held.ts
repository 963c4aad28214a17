/** Brings an agent to where a person must answer: a request that is pending, an action that is held. */
import { createHash } from 'node:crypto'
import { activateGrant } from '../../src/control/work-window.ts'
import { exchangeToken, tokenTypes } from '../../src/control/exchange-token.ts'
import { controlAudience, gatewayAudience, identifyCaller, TokenReader } from '../../src/control/identify.ts'
import type { Caller } from '../../src/control/desk.ts'
import { type GrantRequest, requestGrant } from '../../src/control/request-grant.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import type { Provenance } from '../../src/model/provenance.ts'
import type { ArgumentValue } from '../../src/model/actions.ts'
import type { Grant } from '../../src/model/grants.ts'
import { httpGateway } from '../../src/main/house.ts'
import { actionOf } from '../world/shop.ts'
import type { ApiHouse } from './api-house.ts'

const here = '127.0.0.1'

async function tokenOf(api: ApiHouse, name: string, more: { readonly audience?: string; readonly grant?: string } = {}): Promise<string> {
  const subjectToken = await api.secret(name)
  return reveal(
    mustBe(await exchangeToken(api.house.desk, { subjectToken, subjectTokenType: tokenTypes.secret, address: here, ...more })).token,
  )
}

export async function callerOf(api: ApiHouse, name: string): Promise<Caller> {
  const { desk } = api.house
  return mustBe(await identifyCaller(desk, new TokenReader(desk, controlAudience(desk.space)), await tokenOf(api, name), here))
}

export async function ask(api: ApiHouse, name: string, request: GrantRequest): Promise<Grant> {
  return mustBe(await requestGrant(api.house.desk, await callerOf(api, name), request))
}

export interface Held {
  readonly id: string
  readonly decision: string
  readonly grant: Grant
}

/** The agent looks into an incident and tries to restart a service, with these arguments, headers and body. */
export async function hold(
  api: ApiHouse,
  request: {
    readonly service?: ArgumentValue
    readonly statement?: string
    readonly headers?: readonly (readonly [string, string])[]
    readonly body?: Uint8Array | string
    readonly provenance?: Provenance
  } = {},
): Promise<Held> {
  const { desk } = api.house
  const { service = 'checkout', statement = 'checkout answers slowly since 14:02', headers = [], body = '', provenance } = request
  const caller = await callerOf(api, 'aide')
  const asked = mustBe(await requestGrant(desk, caller, { task: 'incident', statement, scope: ['read|execute:shop'] }))
  const grant = mustBe(await activateGrant(desk, caller, asked.id))
  const token = await tokenOf(api, 'aide', { audience: gatewayAudience(desk.space, httpGateway), grant: grant.id })
  const bearer = mustBe(await api.gateway.identify(token, here))
  const seen = provenance === undefined ? {} : { provenance }
  const action = {
    ...actionOf(desk.facts.service('shop'), 'restart', { service }),
    ...seen,
    target: `POST /services/${String(service)}/restart`,
  }
  const bytes = Buffer.from(body)
  const material = {
    method: 'POST',
    target: `/services/${String(service)}/restart`,
    headers,
    bodySha256: createHash('sha256').update(bytes).digest('hex'),
  }
  const verdict = await api.gateway.authorize({ bearer, action, material, body: bytes })
  if (verdict.outcome !== 'held') throw new Error(`it was not held: ${JSON.stringify(verdict)}`)
  return { id: verdict.hold, decision: verdict.decision, grant }
}
