/** A change-set comes into force: every record of it and an entry for each, in the one change that the caller holds. */
import type { JsonObject } from '../kernel/json.ts'
import type { ChangedThing, ChangeSet } from '../model/change-sets.ts'
import type { Identity } from '../model/identities.ts'
import { type Desk, type DeskRight, note } from './desk.ts'
import { endGrant } from './end-grant.ts'
import type { Compared } from './configuration-records.ts'
import { changedThings } from './change-set-diff.ts'
import { pictureDigest } from './configuration-picture.ts'
import type { Change } from './ports.ts'

export interface Applying {
  readonly desk: Desk
  readonly tx: Change
  readonly compared: Compared
  readonly set: ChangeSet
  /** Who is named in the entries: the author, or whoever gave the last yes. */
  readonly by: string
  readonly right?: DeskRight
  readonly alone?: string
}

/** So many lines stand in the entry itself; the digest is over all of them. */
const notedMax = 200

export async function putRecords({ desk, tx, compared, set, by, right, alone }: Applying): Promise<void> {
  const { records, after } = compared
  const things = new Map(changedThings(compared).map((thing) => [`${thing.kind}/${thing.name}`, thing]))
  const digests = (kind: ChangedThing['kind'], name: string): JsonObject => {
    const { before: was, after: is } = things.get(`${kind}/${name}`) ?? {}
    return { ...(was === undefined ? {} : { before: was }), ...(is === undefined ? {} : { after: is }) }
  }
  for (const identity of records.identities) {
    await putIdentity({ desk, tx, by }, identity, digests(identity.kind === 'human' ? 'person' : 'identity', identity.name))
  }
  for (const issuer of records.issuers) {
    await tx.put('issuer', issuer)
    const kind = issuer.removedAt === undefined ? 'issuer.changed' : 'issuer.removed'
    await note(tx, { kind, actor: by, subject: issuer.id, facts: { issuer: issuer.issuer, ...digests('issuer', issuer.id) } })
  }
  for (const service of records.services) {
    await tx.put('service', service)
    const kind = service.removedAt === undefined ? 'service.changed' : 'service.removed'
    await note(tx, { kind, actor: by, subject: service.id, facts: { upstream: service.upstream, ...digests('service', service.id) } })
  }
  if (records.policies !== undefined) {
    const { version, files } = records.policies
    await tx.put('policySet', { ...records.policies, publishedAt: tx.now, publishedBy: by })
    const policies = [...things.values()]
      .filter(({ kind }) => kind === 'policy')
      .map(({ name }) => ({ id: name, ...digests('policy', name) }))
    await note(tx, { kind: 'policy.published', actor: by, subject: version, facts: { files: files.map((file) => file.name), policies } })
  }
  await note(tx, {
    kind: 'configuration.applied',
    actor: by,
    subject: set.id,
    facts: {
      author: set.author.name,
      digest: set.digest,
      class: set.class,
      before: set.base,
      after: pictureDigest(after),
      changes: set.changes.slice(0, notedMax).map((line) => ({ ...line })),
      ...(set.changes.length > notedMax ? { more: set.changes.length - notedMax } : {}),
      ...(alone === undefined ? {} : { alone }),
    },
    ...(right === undefined ? {} : { right }),
  })
}

interface By {
  readonly desk: Desk
  readonly tx: Change
  readonly by: string
}

/** Disabling ends what somebody has, in the same change; so does the leaving of an owner for what they own. */
async function putIdentity({ desk, tx, by }: By, wanted: Identity, digests: JsonObject): Promise<void> {
  const before = await tx.get('identity', wanted.id)
  const { quarantine: _, ...rest } = wanted
  // Whoever was contained meanwhile stays so.
  const identity: Identity = before?.quarantine === undefined ? rest : { ...rest, quarantine: before.quarantine }
  await tx.put('identity', identity)
  const { name, kind, roles, state, owner } = identity
  await note(tx, {
    kind: before === undefined ? 'identity.created' : 'identity.changed',
    actor: by,
    subject: identity.id,
    facts: { name, kind, roles: [...roles], state, ...(owner === undefined ? {} : { owner }), ...digests },
  })
  if (before?.state !== 'live' || state === 'live') return
  const owned = [...desk.facts.identities()].filter((each) => each.owner === identity.id).map((each) => each.id)
  const gone = new Set<string>([identity.id, ...owned])
  for (const grant of [...desk.facts.openGrants()].filter((each) => each.chain.some((link) => gone.has(link)))) {
    const current = await tx.get('grant', grant.id)
    if (current !== undefined)
      await endGrant(tx, current, { how: current.state === 'active' ? 'revoked' : 'withdrawn', by, reason: `${name} was disabled` })
  }
}
