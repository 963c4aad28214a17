/** The names under which policies know what Remit guards: one for each protocol's nouns, and those of asking, effects and the desk. */
import type { Effect } from '../model/effects.ts'
import { cedarTypes, type DeskAction, type Identity } from '../model/identities.ts'
import type { Protocol, Service } from '../model/services.ts'
import { Uid } from './cedar/values.ts'

/** What is enough of a service to name it. */
export type NamedService = Pick<Service, 'id' | 'protocol'>

/** By protocol: what a service is called, and what an operation of it is as a resource. */
export const cedarNouns = {
  http: { service: 'Service', operation: 'Route' },
  mcp: { service: 'Server', operation: 'Tool' },
} as const satisfies Readonly<Record<Protocol, { readonly service: string; readonly operation: string }>>

export function identityUid(identity: Pick<Identity, 'kind' | 'name'>): Uid {
  return new Uid(cedarTypes[identity.kind], identity.name)
}

export function roleUid(role: string): Uid {
  return new Uid('Role', role)
}

/** `Service::"shop"`, `Server::"ops"`. */
export function serviceUid({ id, protocol }: NamedService): Uid {
  return new Uid(cedarNouns[protocol].service, id)
}

/** `Route::"shop/restart"`, whose parent is `Service::"shop"`; `Tool::"ops/restart_service"`, whose parent is `Server::"ops"`. */
export function resourceUid({ id, protocol }: NamedService, operation: string): Uid {
  return new Uid(cedarNouns[protocol].operation, `${id}/${operation}`)
}

/** `Action::"http:shop/restart"`, `Action::"mcp:ops/restart_service"`. */
export function operationUid({ id, protocol }: NamedService, operation: string): Uid {
  return new Uid('Action', `${protocol}:${id}/${operation}`)
}

/** `Effect::Action::"execute"`; `any` stands above all of them. */
export function effectUid(effect: Effect | 'any'): Uid {
  return new Uid('Effect::Action', effect)
}

/** `Action::"request"`: asking for a grant on a resource. */
export const requestAction = new Uid('Action', 'request')

/** `Desk::Action::"ask"`: asking for a desk grant. An action of its own, so that a rule about any resource never lets somebody ask for the desk. */
export const deskAskAction = new Uid('Desk::Action', 'ask')

/** `Desk::Operation::"administer"`, below the desk of its space: what a desk grant is asked for. */
export function deskOperationUid(operation: string): Uid {
  return new Uid('Desk::Operation', operation)
}

/** `Desk::Space::"main"`: the desk of one space. */
export function deskUid(space: string): Uid {
  return new Uid('Desk::Space', space)
}

/** `Desk::Action::"approve"`. */
export function deskActionUid(action: DeskAction): Uid {
  return new Uid('Desk::Action', action)
}
