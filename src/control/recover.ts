/** The way back for a Remit in which nobody administers and too few people are left to let somebody: an invitation from its own machine. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Identity } from '../model/identities.ts'
import { type Desk, deskAllows, note } from './desk.ts'
import { machineOperator } from './let-in.ts'
import { type Invitation, makeInvitation } from './people.ts'

/**
 * An invitation for a person without a passkey. It gives no right: whoever comes in by it can approve what another proposes, or propose
 * what another approves. Refuses `recovery.not-needed` while somebody administers, or while two people are there, who can do that alone.
 */
export async function recover(desk: Desk, name: string): Promise<Result<Invitation>> {
  return desk.store.change(async (tx) => {
    const people = peopleWithPasskeys(desk)
    const administrators = people.filter((person) => deskAllows(desk, person, 'administer', desk.clock.now()).ok)
    if (administrators.length > 0)
      return refuse('recovery.not-needed', { detail: `${namesOf(administrators)} may administer: remit invite ${name}` })
    if (people.length > 1)
      return refuse('recovery.not-needed', {
        detail: `${namesOf(people)} are there: one proposes an exception, another approves it: remit exception propose`,
      })
    if ((await tx.find('passkey', {}, { max: 1 })).length === 0)
      return refuse('recovery.not-needed', { detail: 'nobody has registered yet: the link of the first administrator is printed at start' })
    const invitation = await makeInvitation(desk, tx, { name, by: machineOperator })
    if (!invitation.ok) return invitation
    await note(tx, {
      kind: 'recovery.begun',
      actor: machineOperator,
      subject: invitation.value.person.id,
      facts: { person: name, left: people.map((person) => person.name), reason: 'nobody administers, and too few people are left' },
    })
    return done(invitation.value)
  })
}

/** Those who are live and can sign. */
export function peopleWithPasskeys(desk: Desk): Identity[] {
  return [...desk.facts.people()].filter((person) => desk.facts.hasPasskey(person.id))
}

function namesOf(people: readonly Identity[]): string {
  return people
    .map((person) => person.name)
    .toSorted()
    .join(', ')
}
