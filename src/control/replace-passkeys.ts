/** For a person who lost their passkeys: the old ones are revoked first, with everything that stood on them, then there is a link. */
import { refuse } from '../kernel/refusals.ts'
import type { Result } from '../kernel/result.ts'
import type { Identity } from '../model/identities.ts'
import { type Caller, type Desk, type DeskRight, note } from './desk.ts'
import { endGrant } from './end-grant.ts'
import { everyRecord } from './every-record.ts'
import { passkeysOf } from './passkey-use.ts'
import { type Invitation, makeInvitation } from './people.ts'
import type { Change } from './ports.ts'
import { callerMay } from './rights.ts'
import { reevaluate } from './reevaluate.ts'

/**
 * Whoever may administer. It ends the person's passkeys, sign-ins and grants, and every grant that stands on their yes. What the new
 * passkey says yes to counts for a week nowhere that whoever made its link is a party: an administrator gains no second voice by it.
 */
export async function replacePasskeys(desk: Desk, caller: Caller, name: string, reason: string): Promise<Result<Invitation>> {
  return desk.stopping.through(async () => {
    const replaced = await desk.store.change(async (tx) => {
      const may = callerMay(desk, caller, 'administer')
      if (!may.ok) return may
      const known = desk.facts.identityNamed(name)
      const person = known === undefined ? undefined : await tx.get('identity', known.id)
      if (person?.kind !== 'human') return refuse('not-found')
      const by = caller.actor.name
      await revokeAll(desk, tx, { person, by, reason, right: may.value })
      return makeInvitation(desk, tx, { name, by, right: may.value })
    })
    if (replaced.ok) await reevaluate(desk)
    return replaced
  })
}

interface Replacing {
  readonly person: Identity
  readonly by: string
  readonly reason: string
  readonly right: DeskRight
}

async function revokeAll(desk: Desk, tx: Change, { person, by, reason, right }: Replacing): Promise<void> {
  const { id, name } = person
  const passkeys = await passkeysOf(tx, id)
  for (const passkey of passkeys) {
    await tx.put('passkey', { ...passkey, revokedAt: tx.now })
    await note(tx, { kind: 'passkey.revoked', actor: by, subject: passkey.id, facts: { person: name, reason }, right })
  }
  for await (const signIn of everyRecord(tx, 'signIn', { person: id })) await tx.remove('signIn', signIn.id)
  for await (const challenge of everyRecord(tx, 'challenge', { person: id })) await tx.remove('challenge', challenge.id)
  for (const grant of [...desk.facts.openGrants()].filter((each) => each.chain.includes(id))) {
    const current = await tx.get('grant', grant.id)
    const how = current?.state === 'active' ? 'revoked' : 'withdrawn'
    if (current !== undefined) await endGrant(tx, current, { how, by, reason: `the passkeys of ${name} were replaced: ${reason}` })
  }
  const facts = { person: name, reason, passkeys: passkeys.map((passkey) => passkey.id) }
  await note(tx, { kind: 'passkeys.replaced', actor: by, subject: id, facts, right })
}
