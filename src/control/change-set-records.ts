/** A change-set comes into force: every record of it and an entry for each, in the one change that the caller holds. */
import type { GrantId, IdentityId } from '../kernel/ids.ts'
import type { JsonObject } from '../kernel/json.ts'
import type { ChangeSet } from '../model/change-sets.ts'
import { type Application, describeCallers } from '../model/applications.ts'
import type { Identity } from '../model/identities.ts'
import { type Desk, type DeskRight, note } from './desk.ts'
import { endGrant } from './end-grant.ts'
import type { Compared } from './configuration-records.ts'
import { policyId, type RuledPicture } from './change-set-policies.ts'
import { digestOf } from './configuration-picture.ts'
import { isOpen } from './known-work.ts'
import { digestAfter } from './kept-picture.ts'
import type { Change } from './ports.ts'
import { Slices } from './slices.ts'

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

/** In slices: other changes wait until this one is written, and everything else has its turn meanwhile. */
export async function putRecords({ desk, tx, compared, set, by, right, alone }: Applying): Promise<void> {
  const { records, before, after } = compared
  const slices = new Slices(desk.clock)
  const leaving = leavingOf(desk, records.identities)
  for (const identity of records.identities) {
    await slices.pause()
    const digests = digestsOf(before.identities.get(identity.name), after.identities.get(identity.name))
    await putIdentity({ desk, tx, by, leaving }, identity, digests)
  }
  for (const issuer of records.issuers) {
    await tx.put('issuer', issuer)
    const kind = issuer.removedAt === undefined ? 'issuer.changed' : 'issuer.removed'
    await note(tx, {
      kind,
      actor: by,
      subject: issuer.id,
      facts: { issuer: issuer.issuer, ...digestsOf(before.issuers.get(issuer.id), after.issuers.get(issuer.id)) },
    })
  }
  for (const service of records.services) {
    await tx.put('service', service)
    const kind = service.removedAt === undefined ? 'service.changed' : 'service.removed'
    await note(tx, {
      kind,
      actor: by,
      subject: service.id,
      facts: { upstream: service.upstream, ...digestsOf(before.services.get(service.id), after.services.get(service.id)) },
    })
  }
  for (const application of records.applications) {
    await slices.pause()
    await putApplication({ tx, by }, application)
  }
  if (records.policies !== undefined) {
    const { version, files } = records.policies
    await tx.put('policySet', { ...records.policies, publishedAt: tx.now, publishedBy: by })
    const policies = await changedPolicies(before, after, slices)
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
      after: await digestAfter(desk, compared.pictured, after),
      changes: set.changes.slice(0, notedMax).map((line) => ({ ...line })),
      ...(set.changes.length > notedMax ? { more: set.changes.length - notedMax } : {}),
      ...(alone === undefined ? {} : { alone }),
    },
    ...(right === undefined ? {} : { right }),
  })
}

/** Its content is in the store; the entry has its digest, which is its version. */
async function putApplication({ tx, by }: Pick<By, 'tx' | 'by'>, application: Application): Promise<void> {
  const { id, version, callers, parsed, links, entities, removedAt } = application
  const bare = { ...application, files: [], parsed: [], links: [], entities: [] }
  await tx.put('application', removedAt === undefined ? { ...application, publishedAt: tx.now, publishedBy: by } : bare)
  await note(tx, {
    kind: removedAt === undefined ? 'application.published' : 'application.removed',
    actor: by,
    subject: id,
    facts: { version, callers: describeCallers(callers), policies: parsed.length, links: links.length, entities: entities.length },
  })
}

/** Of one thing, as it was and as it is. */
function digestsOf(was: unknown, is: unknown): JsonObject {
  return { ...(was === undefined ? {} : { before: digestOf(was) }), ...(is === undefined ? {} : { after: digestOf(is) }) }
}

async function changedPolicies(before: RuledPicture, after: RuledPicture, slices: Slices): Promise<JsonObject[]> {
  const [was, is] = [parsedById(before), parsedById(after)]
  const changed: JsonObject[] = []
  for (const id of new Set([...was.keys(), ...is.keys()])) {
    await slices.pause()
    const digests = digestsOf(was.get(id), is.get(id))
    if (digests['before'] !== digests['after']) changed.push({ id, ...digests })
  }
  return changed
}

function parsedById({ policies }: RuledPicture): ReadonlyMap<string, unknown> {
  return new Map((policies?.parsed ?? []).map((each) => [policyId(each), each.json]))
}

interface By {
  readonly desk: Desk
  readonly tx: Change
  readonly by: string
  readonly leaving: Leaving
}

/** Whoever is live and would not be: what they own, and the open grants that end with them. Looked up once for all of them. */
interface Leaving {
  readonly owned: ReadonlyMap<IdentityId, readonly IdentityId[]>
  readonly grants: ReadonlyMap<IdentityId, readonly GrantId[]>
}

function leavingOf({ facts }: Desk, wanted: readonly Identity[]): Leaving {
  const gone = new Set(wanted.filter(({ id, state }) => state !== 'live' && facts.identity(id)?.state === 'live').map(({ id }) => id))
  const owned = new Map<IdentityId, IdentityId[]>()
  const grants = new Map<IdentityId, GrantId[]>()
  if (gone.size === 0) return { owned, grants }
  for (const { id, owner } of facts.identities()) if (owner !== undefined && gone.has(owner)) put(owned, owner, id)
  for (const grant of facts.openGrants()) for (const link of new Set(grant.chain)) put(grants, link, grant.id)
  return { owned, grants }
}

function put<V>(map: Map<IdentityId, V[]>, key: IdentityId, value: V): void {
  const there = map.get(key)
  if (there === undefined) map.set(key, [value])
  else there.push(value)
}

/** Disabling ends what somebody has, in the same change; so does the leaving of an owner for what they own. */
async function putIdentity({ desk, tx, by, leaving }: By, wanted: Identity, digests: JsonObject): Promise<void> {
  // Changes come one after another, and facts have all those before this one: thousands need not be read again.
  const before = desk.facts.identity(wanted.id)
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
  for (const gone of [identity.id, ...(leaving.owned.get(identity.id) ?? [])]) {
    for (const id of leaving.grants.get(gone) ?? []) {
      const grant = await tx.get('grant', id)
      if (grant !== undefined && isOpen(grant))
        await endGrant(tx, grant, { how: grant.state === 'active' ? 'revoked' : 'withdrawn', by, reason: `${name} was disabled` })
    }
  }
}
