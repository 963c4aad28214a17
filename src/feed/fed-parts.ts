/** What one gateway elsewhere is made of, whichever link it has to control. */
import type { GatewayId } from '../kernel/ids.ts'
import type { Milliseconds } from '../kernel/instants.ts'
import type { Endings } from '../control/endings.ts'
import type { Facts } from '../control/facts.ts'
import type { NotUnderstood } from '../control/not-understood.ts'
import type { Chance } from '../control/ports.ts'
import type { FedClock } from './fed-clock.ts'
import type { FedSecrets } from './fed-secrets.ts'
import type { FedTokens } from './fed-tokens.ts'
import type { Lease } from './lease.ts'
import type { Standing } from './remote-home.ts'

/** Who it is, as it was told when it enrolled: control that takes it for another is not believed. */
export interface FedSelf {
  readonly id: GatewayId
  readonly space: string
  /** Of this process. */
  readonly name: string
  /** That it stands for. */
  readonly gateway: string
}

export interface FedParts {
  readonly self: FedSelf
  readonly facts: Facts
  readonly clock: FedClock
  readonly monotonic: () => Milliseconds
  readonly chance: Chance
  readonly lease: Lease
  readonly endings: Endings
  readonly secrets: FedSecrets
  readonly tokens: FedTokens
  readonly standing: Standing
  readonly epochSeen: () => number
  /** Something could not be applied or cut: facts and lease are worth nothing any more. */
  readonly distrust: (cause: unknown) => void
  readonly notUnderstood: (record: NotUnderstood) => void
}
