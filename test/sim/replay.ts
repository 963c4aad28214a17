/** The ledger read as a stranger would: every entry applied in turn gives the state that the store should have. */
import { everyRecord } from '../../src/control/every-record.ts'
import type { House } from '../../src/main/house.ts'
import type { RecordKind } from '../../src/model/records.ts'
import { describeScopeLine } from '../../src/model/scope.ts'

export interface Entry {
  readonly at: number
  readonly kind: string
  readonly actor: string
  readonly subject: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** One thing as the ledger tells it: its state and what else the ledger says of it, in words that can be compared. */
type Told = Readonly<Record<string, unknown>>

/** Every entry so far, numbered or not. */
export async function readLedger(house: House): Promise<Entry[]> {
  await house.sequencer.flush()
  const { size } = await house.database.tree()
  const entries: Entry[] = []
  while (entries.length < size) {
    for (const { body } of await house.database.leaves(entries.length, 1_000)) {
      const entry: Entry = JSON.parse(body ?? 'null')
      entries.push(entry)
    }
  }
  return entries
}

/** What must be equal: the things that the ledger tells of, by their ids. */
export function replay(entries: readonly Entry[]): Map<string, Told> {
  const things = new Map<string, Told>()
  for (const entry of entries) {
    const { subject, facts } = entry
    const before = things.get(subject) ?? {}
    const after = tell(entry, before)
    if (after !== undefined) things.set(subject, after)
    if (entry.kind === 'use.spent') {
      const id = `${subject}/${String(facts['line'])}`
      things.set(id, { spent: facts['spent'] })
    }
  }
  return things
}

function tell({ kind, at, facts }: Entry, before: Told): Told | undefined {
  const { scope, duration, claimBy, expiresAt, name, kind: what, roles, state, owner, grant, digest } = facts
  switch (kind) {
    case 'grant.requested':
      return { state: 'pending', scope, duration }
    case 'grant.approved':
      return { state: 'approved', scope, duration, claimBy }
    case 'grant.activated':
      return { ...before, state: 'active', expiresAt }
    case 'grant.extended':
      return { ...before, expiresAt, duration: undefined }
    case 'grant.ended':
    case 'grant.denied':
    case 'grant.withdrawn':
    case 'grant.unclaimed':
      return { ...before, state: kind.slice('grant.'.length), how: facts['how'], endedAt: at }
    case 'session.opened':
      return { state: 'live', grant }
    case 'session.ended':
      return { ...before, state: 'ended' }
    case 'hold.opened':
      return { state: 'waiting', grant, digest }
    case 'hold.approved':
    case 'hold.denied':
    case 'hold.spent':
    case 'hold.expired':
    case 'hold.withdrawn':
      return { ...before, state: kind.slice('hold.'.length) }
    case 'identity.created':
    case 'identity.changed':
      return { name, kind: what, roles: roles ?? [], state: state ?? 'live', owner, contained: before['contained'] ?? false }
    case 'identity.quarantined':
      return { ...before, contained: true }
    case 'identity.released':
      return { ...before, contained: false }
    case 'credential.issued':
      return { revoked: false, expiresAt }
    case 'credential.revoked':
      return { ...before, revoked: true }
    case 'exception.opened':
      return { state: 'active' }
    case 'exception.ended':
      return { state: 'ended' }
    default:
      return undefined
  }
}

/** The same things as the store has them. */
export async function stored(house: { readonly desk: Pick<House['desk'], 'store'> }): Promise<Map<string, Told>> {
  const things = new Map<string, Told>()
  await house.desk.store.read(async (tx) => {
    const all = <K extends RecordKind>(kind: K) => everyRecord(tx, kind, {})
    for await (const { id, state, scope, duration, claimBy, expiresAt, ending, endedAt } of all('grant')) {
      things.set(id, { state, scope: scope.map(describeScopeLine), duration, claimBy, expiresAt, how: ending?.how, endedAt })
    }
    for await (const { id, state, grant } of all('session')) things.set(id, { state, grant })
    for await (const { id, state, grant, digest } of all('hold')) things.set(id, { state, grant, digest })
    for await (const { id, name, kind, roles, state, owner, quarantine } of all('identity')) {
      things.set(id, { name, kind, roles, state, owner, contained: quarantine !== undefined })
    }
    for await (const { id, revokedAt, expiresAt } of all('credential')) things.set(id, { revoked: revokedAt !== undefined, expiresAt })
    for await (const { id, state } of all('exception')) things.set(id, { state })
    for await (const { id, spent } of all('uses')) things.set(id, { spent })
  })
  return things
}

/** Where ledger and store tell different stories; nothing when they agree. */
export function difference(told: ReadonlyMap<string, Told>, kept: ReadonlyMap<string, Told>): string | undefined {
  for (const id of new Set([...told.keys(), ...kept.keys()])) {
    const [one, two] = [told.get(id), kept.get(id)]
    if (one === undefined || two === undefined)
      return `${id} is only in the ${one === undefined ? 'store' : 'ledger'}: ${JSON.stringify(one ?? two)}`
    // A request that people narrowed on the way to their approval is told in their signed statements.
    const isOnTheWay = two['state'] === 'pending' || two['state'] === 'denied' || two['state'] === 'withdrawn'
    for (const part of new Set([...Object.keys(one), ...Object.keys(two)])) {
      if (one[part] === undefined && (part === 'duration' || part === 'claimBy')) continue
      if (isOnTheWay && (part === 'scope' || part === 'duration')) continue
      if (JSON.stringify(one[part]) !== JSON.stringify(two[part])) {
        return `${id}: the ledger says ${part} ${JSON.stringify(one[part])}, the store ${JSON.stringify(two[part])}`
      }
    }
  }
  return undefined
}
