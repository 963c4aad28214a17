/** Who has read what anybody may have written, and until when what they ask for may be somebody else's wish. */
import type { GrantId, IdentityId, SessionId } from '../kernel/ids.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { Identity } from './identities.ts'

/** How long after the end of the token it was read with. */
export const untrustedFor: Milliseconds = 24 * 3_600_000

/**
 * Kept before the first result is asked for that may say anything: one for each identity that hears of it, which is whoever acts, and every
 * program that it acts for. People at the end of a chain read what they are told, and are no part of it.
 */
export interface UntrustedReading {
  /** session id and identity id. */
  readonly id: string
  readonly space: string
  readonly session: SessionId
  readonly identity: IdentityId
  /** Of the session: who acts first. */
  readonly chain: readonly IdentityId[]
  readonly grant: GrantId
  /** The token named the grant: then what was read is known under that grant alone, at the gateway that passed it. */
  readonly named?: true
  readonly gateway: string
  /** What was called first: `mail/read`. */
  readonly operation: string
  readonly at: Instant
  readonly expiresAt: Instant
}

export function readingId(session: SessionId, identity: IdentityId): string {
  return `${session}/${identity}`
}

/** Of a chain, who acts first: the identities that hear what it reads. */
export function readersOf(chain: readonly Identity[]): readonly Identity[] {
  return chain.filter(({ kind }, place) => place === 0 || kind !== 'human')
}
