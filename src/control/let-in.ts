/** Who let a person in: for a week they could be the one who signs, so that nobody gains a second voice by an invitation. */
import type { IdentityId } from '../kernel/ids.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { Passkey } from '../model/identities.ts'
import type { Desk } from './desk.ts'

/** Whoever issued a credential this lately may not approve what it is used for. */
export const lately: Milliseconds = 7 * 86_400_000

/** Whoever starts Remit on its machine: they hold its keys and its store. */
export const machineOperator = "the machine's operator"

/** Those who have a part in what is answered: by name, since whoever runs the machine is no identity. */
export type Parties = ReadonlySet<string>

export interface LetIn {
  /** Name of the party by whose link they came in, or by the link of somebody whom that party had let in. */
  readonly by: string
  /** Until when it counts against them. */
  readonly until: Instant
  /** Their passkeys took the place of others: then there was somebody before, and nothing excuses it. */
  readonly replaced: boolean
}

/** How one of the parties let this person in within the last week, themselves or through others whom they let in. */
export function letIn(desk: Pick<Desk, 'facts'>, person: IdentityId, parties: Parties, now: Instant): LetIn | undefined {
  return traced(desk, person, { parties, now, seen: new Set() })
}

interface Tracing {
  readonly parties: Parties
  readonly now: Instant
  readonly seen: Set<string>
}

function traced(desk: Pick<Desk, 'facts'>, person: IdentityId, tracing: Tracing): LetIn | undefined {
  if (tracing.seen.has(person)) return undefined
  tracing.seen.add(person)
  for (const passkey of desk.facts.proofs.passkeysOf(person)) {
    const found = passkey.revokedAt === undefined ? tracedKey(desk, passkey, tracing) : undefined
    if (found !== undefined) return found
  }
  return undefined
}

function tracedKey(desk: Pick<Desk, 'facts'>, { issuedBy, createdAt, replaces }: Passkey, tracing: Tracing): LetIn | undefined {
  const until = createdAt + lately
  if (issuedBy === undefined || tracing.now > until) return undefined
  const replaced = replaces === true
  if (tracing.parties.has(issuedBy)) return { by: issuedBy, until, replaced }
  const giver = desk.facts.identityNamed(issuedBy)
  const before = giver === undefined ? undefined : traced(desk, giver.id, tracing)
  // It ends with whichever of the two is over first: then nothing leads back to the party any more.
  return before === undefined ? undefined : { by: before.by, until: Math.min(until, before.until), replaced: replaced || before.replaced }
}

/**
 * Whether anybody is, or ever was, in the house whom that party did not let in lately. Passkeys that were revoked count, and people who
 * are disabled or quarantined: or else whoever can end those could make themselves the only one who could be asked.
 */
export function hasOthers(desk: Pick<Desk, 'facts'>, person: IdentityId, { by }: LetIn, now: Instant): boolean {
  const parties = new Set([by])
  return desk.facts.proofs.passkeyHolders().some((id) => {
    if (id === person || desk.facts.identity(id)?.name === by) return false
    return desk.facts.proofs.passkeysOf(id).some((passkey) => tracedKey(desk, passkey, { parties, now, seen: new Set([id]) }) === undefined)
  })
}
