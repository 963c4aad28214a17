/** Gateway processes outside the control node: who they are, by which key, and for which gateway they stand. */
import type { GatewayId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import type { GatewayState } from './lives.ts'

/** The gateway that `remit up` has in its own process, and that a service belongs to unless it says otherwise. */
export const ownGateway = 'http'

/** The name of the gateway that serves a service. */
export function gatewayOf({ gateway }: { readonly gateway?: string }): string {
  return gateway ?? ownGateway
}

/**
 * One gateway process. Several may stand for one gateway: they serve the same services and take the same tokens, each under a key and a
 * name of its own.
 */
export interface EnrolledGateway {
  readonly id: GatewayId
  readonly space: string
  /** Of this process alone, such as `edge-1`; free again once it is removed. */
  readonly name: string
  /** The name that services and tokens use: `http` or another. */
  readonly gateway: string
  readonly state: GatewayState
  /** SHA-256 in hex of the one-time code. */
  readonly codeHash: string
  readonly codeEndsAt: Instant
  /** SHA-256 in hex of its public key (SPKI): another key is another gateway. */
  readonly key?: string
  /** Verifies its journal (a vkey of C2SP signed-note). */
  readonly journal?: string
  readonly invitedAt: Instant
  readonly enrolledAt?: Instant
  /** The address it enrolled from. */
  readonly address?: string
  readonly removedAt?: Instant
}
