/** Containment of one identity: everything it has ends, everything it asks is refused, nobody else is disturbed. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Identity } from '../model/identities.ts'
import { type Caller, type Desk, note } from './desk.ts'
import { endGrant, type Revocation } from './end-grant.ts'
import { reevaluate } from './reevaluate.ts'
import { callerMay } from './rights.ts'

export interface Quarantined {
  readonly identity: Identity
  readonly ended: readonly string[]
  readonly confirmed: Revocation['confirmed']
}

/** Its owner may, and whoever may stop at the desk. Repeating it is harmless. */
export async function quarantine(desk: Desk, caller: Caller, name: string, reason: string): Promise<Result<Quarantined>> {
  let mark = desk.stopping.mark()
  const contained = await desk.store.change(async (tx) => {
    const known = desk.facts.identityNamed(name)
    const identity = known === undefined ? undefined : await tx.get('identity', known.id)
    const mayStop = callerMay(desk, caller, 'stop').ok
    if (identity === undefined && mayStop) return refuse('not-found')
    const may = identity !== undefined && (identity.owner === caller.actor.id || mayStop)
    if (identity === undefined || !may) return refuse(callerMay(desk, caller, 'audit').ok ? 'caller.not-allowed' : 'not-found')
    // What ended with it the first time may not have stopped everywhere.
    if (identity.quarantine !== undefined) mark = { ...mark, version: 0 }
    const contained: Identity =
      identity.quarantine === undefined ? { ...identity, quarantine: { at: tx.now, by: caller.actor.name, reason } } : identity
    await tx.put('identity', contained)
    await note(tx, { kind: 'identity.quarantined', actor: caller.actor.name, subject: identity.id, facts: { name, reason } })
    const ended: string[] = []
    for (const grant of [...desk.facts.openGrants()].filter((each) => each.chain.includes(identity.id))) {
      const current = await tx.get('grant', grant.id)
      if (current === undefined) continue
      const how = current.state === 'active' ? 'contained' : 'withdrawn'
      await endGrant(tx, current, { how, by: caller.actor.name, reason: `${name} was quarantined: ${reason}` })
      ended.push(grant.id)
    }
    return done({ identity: contained, ended })
  })
  // What stands on a yes of theirs ends too: it may be the very thing that they were contained for.
  if (contained.ok) await reevaluate(desk)
  return contained.ok ? done({ ...contained.value, confirmed: await desk.stopping.confirmed(mark) }) : contained
}

/** Lifting it is a desk operator's, never the quarantined identity's own; grants stay ended. */
export async function release(desk: Desk, caller: Caller, name: string, reason: string): Promise<Result<Identity>> {
  return desk.store.change(async (tx) => {
    const may = callerMay(desk, caller, 'stop')
    const known = desk.facts.identityNamed(name)
    const identity = known === undefined ? undefined : await tx.get('identity', known.id)
    // The right first: whoever lacks it hears the same of a name that is there and of one that is not.
    if (!may.ok) return may
    if (identity === undefined) return refuse('not-found')
    if (caller.chain.some((link) => link.id === identity.id)) return refuse('caller.not-allowed', { detail: 'nobody releases themselves' })
    const { quarantine: _lifted, ...released } = identity
    await tx.put('identity', released)
    await note(tx, { kind: 'identity.released', actor: caller.actor.name, subject: identity.id, facts: { name, reason } })
    return done(released)
  })
}
