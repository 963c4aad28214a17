/** Which guardrails speak of an identity and an operation at all: found once for each picture of policies and entities. */
import type { Action } from '../model/actions.ts'
import type { Identity } from '../model/identities.ts'
import type { EntityStore } from './cedar/entities.ts'
import { inScope } from './cedar/evaluate.ts'
import type { CompiledPolicy } from './cedar/policies.ts'
import type { Uid } from './cedar/values.ts'
import type { Rules } from './rules.ts'
import { identityUid, operationUid, resourceUid } from './names.ts'

/** What one link of a chain and one operation are to Cedar, and the guardrails whose scope matches both. */
export interface Guards {
  readonly principal: Uid
  readonly operation: Uid
  readonly resource: Uid
  readonly policies: readonly CompiledPolicy[]
  /** The first of the three that is no entity: no policy about it can be trusted to match. */
  readonly missing: Uid | undefined
}

/** Of one identity: by service, then by operation. Their names are those of a configuration, never what a client chose. */
interface OfLink {
  readonly principal: Uid
  readonly services: Map<string, Map<string, Guards>>
}

interface Known {
  readonly rules: Rules
  /** By the record of the identity: a changed one is another record. */
  readonly links: WeakMap<Identity, OfLink>
}

/** By the entities, so that what was found among older ones goes with them. */
const known = new WeakMap<EntityStore, Known>()

export function guardsOf(
  rules: Rules,
  entities: EntityStore,
  link: Identity,
  action: Pick<Action, 'protocol' | 'service' | 'operation'>,
): Guards {
  const { principal, services } = ofLink(rules, entities, link)
  let operations = services.get(action.service)
  if (operations === undefined) {
    operations = new Map()
    services.set(action.service, operations)
  }
  let guards = operations.get(action.operation)
  if (guards === undefined) {
    const operation = operationUid({ id: action.service, protocol: action.protocol }, action.operation)
    const resource = resourceUid({ id: action.service, protocol: action.protocol }, action.operation)
    const policies = inScope(rules.guardrails, { principal, action: operation, resource }, entities)
    const missing = [principal, operation, resource].find((uid) => entities.get(uid.key) === undefined)
    guards = { principal, operation, resource, policies, missing }
    operations.set(action.operation, guards)
  }
  return guards
}

function ofLink(rules: Rules, entities: EntityStore, link: Identity): OfLink {
  let among = known.get(entities)
  if (among?.rules !== rules) {
    among = { rules, links: new WeakMap() }
    known.set(entities, among)
  }
  let found = among.links.get(link)
  if (found === undefined) {
    found = { principal: identityUid(link), services: new Map() }
    among.links.set(link, found)
  }
  return found
}
