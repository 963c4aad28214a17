/** One action: one thing done to one resource, and the digest that an approval is bound to. */
import { createHash } from 'node:crypto'
import type { GrantId, IdentityId } from '../kernel/ids.ts'
import { canonicalJson, type Fraction } from '../kernel/json.ts'
import type { Worse } from './definitions.ts'
import type { Effect, Tier } from './effects.ts'
import type { Provenance } from './provenance.ts'
import type { Protocol } from './services.ts'

/** An argument's value: exact, never a rounded number. */
export type ArgumentValue = string | boolean | number | bigint | Fraction | readonly string[]
export type Arguments = Readonly<Record<string, ArgumentValue>>

export interface Action {
  readonly protocol: Protocol
  readonly service: string
  /** The declared operation's name within the service. */
  readonly operation: string
  readonly verb: string
  readonly effect: Effect
  readonly tier: Tier
  readonly arguments: Arguments
  /** Where its arguments came from, as far as its gateway saw; no part of its digest. */
  readonly provenance?: Provenance
  /** Of a tool: what its server says that it is, as its gateway heard it last. */
  readonly definition?: SaidDefinition
  /** What a person reads: `POST /services/checkout/restart`. */
  readonly target: string
}

/** By its hash, and what of it is worse than what was declared. */
export interface SaidDefinition {
  readonly hash: string
  readonly worse?: Worse
}

/** The resource path of an action, such as `shop/restart`. */
export function resourceOf(action: Pick<Action, 'service' | 'operation'>): string {
  return `${action.service}/${action.operation}`
}

/** What is forwarded, byte for byte: the codec says what each part is. */
export interface Material {
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
  /** SHA-256 of the whole body, hex. */
  readonly bodySha256: string
}

/**
 * The digest of an action (version 1): SHA-256 over the canonical form of everything that will be forwarded,
 * with chain, grant and resource, and for a tool its definition: what people said yes to. Hex, prefixed by its version.
 */
export function actionDigest(action: Action, material: Material, chain: readonly IdentityId[], grant: GrantId): string {
  const form = canonicalJson({
    v: 1,
    protocol: action.protocol,
    resource: resourceOf(action),
    method: material.method,
    target: material.target,
    headers: material.headers.map(([name, value]) => [name, value]),
    body: material.bodySha256,
    chain: [...chain],
    grant,
    ...(action.definition === undefined ? {} : { definition: action.definition.hash }),
  })
  return `v1:${createHash('sha256').update(form).digest('hex')}`
}
