/** Who has read what anybody may have written: kept before the first such result is asked for, and looked up by whoever is asked for a grant. */
import type { GrantId, IdentityId } from '../kernel/ids.ts'
import { formatInstant, type Instant } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { resourceOf } from '../model/actions.ts'
import { readersOf, readingId, untrustedFor, type UntrustedReading } from '../model/untrusted.ts'
import { type Desk, machinery, note } from './desk.ts'
import { everyRecord } from './every-record.ts'
import type { UntrustedCall } from './home-port.ts'
import type { Bearer, Reading } from './ports.ts'

/**
 * Keeps that this session reads what anybody may have written, once, for each program of its chain. Refuses `session.ended`. Whoever asks
 * for a grant after this resolves is found to have read it, at whichever node.
 */
export function markUntrusted(desk: Desk, { bearer, session: { id }, action }: UntrustedCall): Promise<Result<undefined>> {
  const operation = resourceOf(action)
  return desk.store.change(async (tx) => {
    const session = await tx.get('session', id)
    if (session?.state !== 'live') return refuse('session.ended')
    const { chain, grant: named } = bearer.claims
    const identities = chain.flatMap((link) => desk.facts.identity(link) ?? [])
    const readers = readersOf(identities)
    const [actor] = readers
    if (identities.length !== chain.length || actor === undefined || actor.id !== session.identity) return refuse('credential.invalid')
    if ((await tx.get('untrustedReading', readingId(id, actor.id))) !== undefined) return done(undefined)
    const expiresAt = session.endsAt + untrustedFor
    const { space, grant, gateway } = session
    for (const { id: identity } of readers) {
      await tx.put('untrustedReading', {
        id: readingId(id, identity),
        space,
        session: id,
        identity,
        chain,
        grant,
        ...(named === undefined ? {} : { named: true }),
        gateway,
        operation,
        at: tx.now,
        expiresAt,
      })
    }
    await note(tx, {
      kind: 'session.read-untrusted',
      actor: actor.name,
      subject: id,
      facts: { grant, operation, identities: readers.map(({ name }) => name), until: expiresAt },
    })
    return done(undefined)
  })
}

/**
 * What somebody of this chain has read that anybody may have written, in a session that lives or whose token ended less than a day ago.
 * Read in the change that it is asked for, so that nothing that was read before is missed.
 */
export async function readBy(tx: Reading, chain: readonly IdentityId[], now: Instant): Promise<UntrustedReading | undefined> {
  for (const identity of chain) {
    for await (const reading of everyRecord(tx, 'untrustedReading', { identity })) if (now < reading.expiresAt) return reading
  }
  return undefined
}

/** The operation that was read first by whoever shows this token, as one memory of a gateway has it: of its chain, under the grant that it names. */
export async function readBefore(desk: Pick<Desk, 'store' | 'clock'>, gateway: string, { claims }: Bearer): Promise<string | undefined> {
  const { chain, grant } = claims
  const [identity] = chain
  if (identity === undefined) return undefined
  return desk.store.read(async (tx) => {
    const found = everyRecord(tx, 'untrustedReading', grant === undefined ? { identity } : { identity, grant })
    for await (const reading of found) {
      const isOfOne = reading.gateway === gateway && (reading.named === true) === (grant !== undefined)
      const isLive = desk.clock.now() < reading.expiresAt
      if (isOfOne && isLive && chain.join() === reading.chain.join()) return reading.operation
    }
    return undefined
  })
}

/** What was read first under each of these grants, by grant. */
export async function firstReadings(
  tx: Reading,
  grants: readonly { readonly id: GrantId }[],
): Promise<ReadonlyMap<string, UntrustedReading>> {
  const first = new Map<string, UntrustedReading>()
  for (let from = 0; from < grants.length; from += grantsAtOnce) {
    const grant = grants.slice(from, from + grantsAtOnce).map(({ id }) => id)
    for await (const reading of everyRecord(tx, 'untrustedReading', { grant })) {
      const known = first.get(reading.grant)
      if (known === undefined || reading.at < known.at) first.set(reading.grant, reading)
    }
  }
  return first
}

const grantsAtOnce = 100

/** Removes what is over; answers how many. In order of id, which is that of their sessions: the oldest come first, and are over first. */
export async function removeReadings(desk: Desk, max: number): Promise<number> {
  const now = desk.clock.now()
  const first = await desk.store.read((tx) => tx.find('untrustedReading', {}, { max }))
  const over = first.filter(({ expiresAt }) => now >= expiresAt)
  if (over.length === 0) return 0
  const removed = await desk.store.change(async (tx) => {
    for (const { id } of over) await tx.remove('untrustedReading', id)
    return done(over.length)
  })
  return removed.ok ? removed.value : 0
}

/** Why a person is asked, for whoever asks: `aide has read ops/look, which anybody may have written, since 2026-…`. */
export function describeReading({ facts }: Pick<Desk, 'facts'>, { identity, operation, at }: UntrustedReading): string {
  const name = facts.identity(identity)?.name ?? machinery
  return `${name} has read ${operation}, which anybody may have written, since ${formatInstant(at)}`
}
