/** A new epoch: after a restore, or where the store lost its tail, nothing that was permitted before is permitted any more. */
import { done, mustBe, type Result } from '../kernel/result.ts'
import type { ephemeralKinds, RecordKind, Records } from '../model/records.ts'
import { close } from './change-sets.ts'
import { type Desk, machinery, note } from './desk.ts'
import { endGrant } from './end-grant.ts'
import { everyRecord } from './every-record.ts'
import { closeException } from './exception-ending.ts'
import { endException, firstException } from './exceptions.ts'
import { endGateway } from './gateways.ts'
import type { Change, SearchBy } from './ports.ts'

/** Why an epoch begins, and where the record that the world knows of ended. */
export interface EpochStart {
  /** 2, 3, …: the first epoch is that of a new store. */
  readonly epoch: number
  readonly reason: string
  /** Size of the ledger as it was found. */
  readonly size: number
  /** The newest head that a witness or a place outside is known to have: a signed note; empty where nobody kept one. */
  readonly lastHead: string
  /** API secrets and gateways elsewhere stay as they are: whichever was revoked or removed since the backup is good again. */
  readonly keepSecrets: boolean
  /** A live person who is given the first administrator's exception again: nobody else administers after a restore. */
  readonly administrator?: string
}

/** How many of each came to their end. */
export interface EpochBegun {
  readonly grants: number
  readonly exceptions: number
  readonly changeSets: number
  readonly secrets: number
  readonly links: number
  /** That run elsewhere. */
  readonly gateways: number
}

/** One transaction ends at most so many, so that a long history cannot make it one without end. */
const batchMax = 100
const reason = 'a new epoch began'

/**
 * Ends, in one space, everything that lived by a permission: grants with their sessions and held actions, exceptions, proposals, links,
 * sign-ins, and API secrets and gateways elsewhere unless they are kept. Which of them had ended since the backup was made nobody can know. Quarantines stay:
 * only a person lifts them. Repeating it after a crash goes on where it stopped. Tokens end with the key that signed them, which whoever
 * restores replaces.
 */
export async function beginEpoch(desk: Desk, start: EpochStart): Promise<Result<EpochBegun>> {
  const { epoch, size, lastHead, keepSecrets } = start
  const begun = await desk.store.change(async (tx) => {
    const facts = { epoch, reason: start.reason, size, lastHead, keepSecrets }
    await note(tx, { kind: 'epoch.begun', actor: machinery, subject: desk.space, facts })
    return done(undefined)
  })
  if (!begun.ok) return begun
  const ending = { by: machinery, reason }
  const grants = await endAll(
    desk,
    'grant',
    { state: ['requested', 'pending', 'approved', 'active'] },
    {
      end: async (tx, grant) => void (await endGrant(tx, grant, { how: grant.state === 'active' ? 'revoked' : 'withdrawn', ...ending })),
      // Those of exceptions end with them.
      isOpen: (grant) => grant.exception === undefined,
    },
  )
  const exceptions = await endAll(
    desk,
    'exception',
    { state: ['proposed', 'active'] },
    {
      end: async (tx, exception) => {
        if (exception.state === 'proposed') await closeException(tx, exception, { how: 'withdrawn', ...ending })
        else await endException(tx, exception, { how: 'fallen', ...ending })
      },
    },
  )
  const changeSets = await endAll(
    desk,
    'changeSet',
    { state: 'proposed' },
    {
      end: async (tx, set) => void (await close(tx, set, { event: 'outdate', ending: reason, by: machinery })),
    },
  )
  const secrets = keepSecrets ? 0 : await endSecrets(desk)
  const links = await endLinks(desk)
  const gateways = keepSecrets ? 0 : await endGateways(desk)
  for (const kind of ['signIn', 'device', 'challenge', 'binding'] as const) await removeAll(desk, kind)
  const counts = { grants, exceptions, changeSets, secrets, links, gateways }
  return desk.store.change(async (tx) => {
    await note(tx, { kind: 'epoch.settled', actor: machinery, subject: desk.space, facts: { epoch, ...counts } })
    const administrator = start.administrator === undefined ? undefined : desk.facts.identityNamed(start.administrator)
    if (administrator?.kind === 'human' && administrator.state === 'live') {
      const exception = firstException(desk, tx, administrator)
      await tx.put('exception', exception)
      const { id, reason: why, expiresAt } = exception
      const facts = { person: administrator.name, reason: why, expiresAt }
      await note(tx, { kind: 'exception.opened', actor: machinery, subject: id, facts })
    }
    return done(counts)
  })
}

async function endSecrets(desk: Desk): Promise<number> {
  const now = desk.clock.now()
  return endAll(
    desk,
    'credential',
    {},
    {
      end: async (tx, credential) => {
        await tx.put('credential', { ...credential, revokedAt: tx.now })
        const identity = desk.facts.identity(credential.identity)?.name ?? credential.identity
        await note(tx, { kind: 'credential.revoked', actor: machinery, subject: credential.id, facts: { identity, reason } })
      },
      isOpen: (credential) => credential.revokedAt === undefined && now < credential.expiresAt,
    },
  )
}

async function endLinks(desk: Desk): Promise<number> {
  const now = desk.clock.now()
  return endAll(
    desk,
    'link',
    {},
    {
      end: async (tx, link) => {
        await tx.put('link', { ...link, usedAt: tx.now })
        await note(tx, { kind: 'link.ended', actor: machinery, subject: link.id, facts: { reason } })
      },
      isOpen: (link) => link.usedAt === undefined && now < link.expiresAt,
    },
  )
}

/** One that was removed since the backup would be enrolled again, with the secrets of its services. */
function endGateways(desk: Desk): Promise<number> {
  const end = async (tx: Change, gateway: Records['gateway']) => void (await endGateway(tx, gateway, { by: machinery, right: {}, reason }))
  return endAll(desk, 'gateway', { state: ['invited', 'enrolled'] }, { end })
}

interface EndingOf<R> {
  readonly end: (tx: Change, record: R) => Promise<void>
  /** Which of those that are found; all unless said. */
  readonly isOpen?: (record: R) => boolean
}

/** Each record as it is when its turn comes; throws where the store cannot be written, since an epoch half begun must not be served. */
async function endAll<K extends RecordKind>(
  desk: Desk,
  kind: K,
  by: SearchBy<K>,
  { end, isOpen = () => true }: EndingOf<Records[K]>,
): Promise<number> {
  const ids = await desk.store.read(async (tx) => {
    const found: string[] = []
    for await (const record of everyRecord(tx, kind, by)) if (isOpen(record)) found.push(record.id)
    return found
  })
  for (let from = 0; from < ids.length; from += batchMax) {
    const batch = ids.slice(from, from + batchMax)
    mustBe(
      await desk.store.change(async (tx) => {
        for (const id of batch) {
          const record = await tx.get(kind, id)
          if (record !== undefined && isOpen(record)) await end(tx, record)
        }
        return done(undefined)
      }),
    )
  }
  return ids.length
}

async function removeAll(desk: Desk, kind: (typeof ephemeralKinds)[number]): Promise<void> {
  const ids = await desk.store.read(async (tx) => {
    const found: string[] = []
    for await (const { id } of everyRecord(tx, kind, {})) found.push(id)
    return found
  })
  for (let from = 0; from < ids.length; from += batchMax) {
    mustBe(
      await desk.store.change(async (tx) => {
        for (const id of ids.slice(from, from + batchMax)) await tx.remove(kind, id)
        return done(undefined)
      }),
    )
  }
}
