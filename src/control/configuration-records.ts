/** What a wanted configuration comes to: the records that would be written, beside what is there now. */
import type { IdentityId } from '../kernel/ids.ts'
import { canonicalJson } from '../kernel/json.ts'
import type { Instant } from '../kernel/instants.ts'
import type { Rules } from '../decision/rules.ts'
import type { WantedConfiguration } from '../model/change-sets.ts'
import type { Application } from '../model/applications.ts'
import type { Identity, Issuer } from '../model/identities.ts'
import type { PolicySet } from '../model/policies.ts'
import type { Service } from '../model/services.ts'
import { type ConfigurationProblem, fault } from './configuration-problems.ts'
import { type Picture, type PicturedIdentity, picturedIdentity } from './configuration-picture.ts'
import { wantedApplications } from './configuration-applications.ts'
import { wantedPolicies } from './configuration-policies.ts'
import type { Desk } from './desk.ts'
import { currentPicture, type StandingPicture } from './kept-picture.ts'
import { Slices } from './slices.ts'

/** Only what is another than it was. */
export interface ChangedRecords {
  readonly identities: readonly Identity[]
  readonly issuers: readonly Issuer[]
  readonly services: readonly Service[]
  readonly policies: PolicySet | undefined
  readonly applications: readonly Application[]
}

export interface Compared {
  readonly records: ChangedRecords
  readonly before: StandingPicture & { readonly rules: Rules | undefined }
  readonly after: Picture & { readonly rules: Rules }
  /** Things that the document names and that stay as they are. */
  readonly same: number
  /** The `revision` of `before`. */
  readonly version: number
  /** Identities that are another than in `before`, as they are in `after`. */
  readonly pictured: readonly PicturedIdentity[]
}

type Problems = { readonly problems: readonly ConfigurationProblem[] }

/**
 * Compares what is wanted with what is in force now, in slices: whoever writes it asks once more whether `before` is still in force. Takes a
 * while where policies are to be checked.
 */
export async function compare(desk: Desk, wanted: WantedConfiguration, author: string): Promise<Compared | Problems> {
  const now = desk.clock.now()
  const slices = new Slices(desk.clock)
  const before = { ...(await currentPicture(desk)), rules: desk.facts.rules }
  const identities = await wantedIdentities(desk, wanted, slices)
  if ('problems' in identities) return identities
  const used = usedAgain(desk, wanted)
  if (used !== undefined) return used
  const issuers = merge(before.issuers, wanted.issuers, wanted.prune === 'everything')
  const services = merge(before.services, wanted.services, wanted.prune === 'everything')
  const dangling = danglingSignIn(identities.records, issuers.all)
  if (dangling !== undefined) return dangling
  const shared = sharedIssuer(issuers.all) ?? sharedSubject(desk, identities.changed)
  if (shared !== undefined) return shared
  const roles = new Set([...Object.keys(wanted.roles), ...identities.roles, ...rolesNamedNow(before.rules)])
  const world = { services: services.all, issuers: issuers.all, roles, author }
  await slices.rest()
  const policies = await wantedPolicies(desk, wanted, world)
  if ('problems' in policies) return policies
  const { set, rules } = policies
  const stranger = unknownCaller(wanted, { roles, identities, facts: desk.facts })
  if (stranger !== undefined) return stranger
  const brought = await wantedApplications(desk, wanted.applications ?? [], { before: before.applications, author, slices })
  if ('problems' in brought) return brought
  const applications = merge(
    before.applications,
    brought,
    wanted.prune === 'everything',
    (after, known) => after.version === known?.version,
  )
  const pictured: PicturedIdentity[] = []
  for (const each of identities.changed) {
    await slices.pause()
    pictured.push(picturedIdentity(each, (id) => identities.names.get(id) ?? desk.facts.identity(id)?.name))
  }
  return {
    records: {
      identities: identities.changed,
      issuers: [...issuers.changed, ...issuers.gone.map((each) => ({ ...each, removedAt: now }))],
      services: [...services.changed, ...services.gone.map((each) => withoutCredential(each, now))],
      policies: set.version === before.policies?.version ? undefined : set,
      applications: [...applications.changed, ...applications.gone.map((each) => ({ ...each, removedAt: now }))],
    },
    before,
    same: identities.records.length - identities.changed.length + issuers.same + services.same + applications.same,
    version: before.revision,
    pictured,
    after: {
      identities: laidOver(before.identities, pictured),
      issuers: issuers.all,
      services: services.all,
      policies: set,
      applications: applications.all,
      rules,
    },
  }
}

function laidOver(identities: Picture['identities'], changed: readonly PicturedIdentity[]): Picture['identities'] {
  if (changed.length === 0) return identities
  const all = new Map(identities)
  for (const each of changed) all.set(each.name, each)
  return all
}

/** Its secret is of no use any more. */
function withoutCredential(service: Service, now: Instant): Service {
  const { credential: _, ...rest } = service
  return { ...rest, removedAt: now }
}

/** Roles that the policies in force speak of were declared when those were published. */
function rolesNamedNow(rules: Rules | undefined): ReadonlySet<string> {
  const named = new Set<string>()
  if (rules === undefined) return named
  for (const set of [rules.eligibility, rules.guardrails, rules.desk])
    for (const policy of set.policies) for (const uid of policy.mentions) if (uid.type === 'Role') named.add(uid.id)
  return named
}

interface Merged<T> {
  readonly all: ReadonlyMap<string, T>
  readonly changed: readonly T[]
  readonly gone: readonly T[]
  readonly same: number
}

function merge<T extends { readonly id: string }>(
  before: ReadonlyMap<string, T>,
  wanted: readonly T[],
  prune: boolean,
  isKept: (after: T, before: T | undefined) => boolean = isSame,
): Merged<T> {
  const changed = new Set(wanted.filter((each) => !isKept(each, before.get(each.id))))
  // What is the same stays the same object, so that whoever compares sees it at once.
  const named = new Map(wanted.map((each) => [each.id, changed.has(each) ? each : (before.get(each.id) ?? each)]))
  return {
    all: prune ? named : new Map([...before, ...named]),
    changed: [...changed],
    same: wanted.length - changed.size,
    gone: prune ? [...before.values()].filter((each) => !named.has(each.id)) : [],
  }
}

function isSame(after: object, before: object | undefined): boolean {
  return before !== undefined && canonicalJson(before) === canonicalJson(after)
}

interface WantedIdentities {
  readonly records: readonly Identity[]
  readonly changed: readonly Identity[]
  /** Of everybody who has a record here. */
  readonly names: ReadonlyMap<IdentityId, string>
  /** Those that anybody has, before or after. */
  readonly roles: ReadonlySet<string>
}

/** Everybody the document names and everybody whose roles it changes; with pruning, everybody. */
async function wantedIdentities(
  desk: Desk,
  { people, identities, roles, prune }: WantedConfiguration,
  slices: Slices,
): Promise<WantedIdentities | Problems> {
  const { facts } = desk
  const now = desk.clock.now()
  const named = [...people.map((person) => ({ ...person, kind: 'human' as const })), ...identities]
  for (const [place, { name, kind }] of named.entries()) {
    const known = facts.identityNamed(name)
    if (known === undefined || known.kind === kind) continue
    const pointer = place < people.length ? `/people/${place}/name` : `/identities/${place - people.length}/kind`
    return fault(pointer, `"${name}" is a ${known.kind}, and a name keeps its kind for ever`, 'choose another name')
  }
  const records = new Map<string, Identity>()
  const given = rolesGiven(roles)
  const idOf = (name: string): IdentityId => records.get(name)?.id ?? facts.identityNamed(name)?.id ?? desk.chance.id('idn', now)
  const base = (name: string) => {
    const known = facts.identityNamed(name)
    const { quarantine } = known ?? {}
    // Roles that the document speaks of are as it says; the others stay.
    const kept = prune === 'everything' ? [] : (known?.roles ?? []).filter((role) => !Object.hasOwn(roles, role))
    return {
      id: idOf(name),
      space: desk.space,
      name,
      roles: [...new Set([...kept, ...(given.get(name) ?? [])])].toSorted(),
      createdAt: known?.createdAt ?? now,
      ...(quarantine === undefined ? {} : { quarantine }),
    }
  }
  for (const { name, disabled } of people) {
    await slices.pause()
    records.set(name, { ...base(name), kind: 'human', state: disabled ? 'disabled' : 'live', signsInBy: [] })
  }
  for (const { name, kind, owner, disabled, signsInBy } of identities) {
    await slices.pause()
    records.set(name, { ...base(name), kind, owner: idOf(owner), state: disabled ? 'disabled' : 'live', signsInBy })
  }
  const held = new Set<string>()
  for (const known of [...facts.identities()]) {
    await slices.pause()
    if (prune !== 'everything') for (const role of known.roles) held.add(role)
    if (records.has(known.name)) continue
    if (prune === 'everything') records.set(known.name, { ...known, roles: [], state: 'disabled' })
    else if (known.roles.some((role) => Object.hasOwn(roles, role))) records.set(known.name, { ...known, ...base(known.name) })
  }
  const changed: Identity[] = []
  for (const each of records.values()) {
    await slices.pause()
    for (const role of each.roles) held.add(role)
    if (!isSame(each, facts.identity(each.id))) changed.push(each)
  }
  return { records: [...records.values()], changed, names: new Map([...records.values()].map(({ id, name }) => [id, name])), roles: held }
}

function rolesGiven(roles: WantedConfiguration['roles']): ReadonlyMap<string, readonly string[]> {
  const given = new Map<string, string[]>()
  for (const [role, members] of Object.entries(roles)) {
    for (const member of members) {
      const there = given.get(member)
      if (there === undefined) given.set(member, [role])
      else there.push(role)
    }
  }
  return given
}

/** What was removed keeps its name for ever: the ledger and old grants speak of it. */
function usedAgain(desk: Desk, { issuers, services, applications = [] }: WantedConfiguration): Problems | undefined {
  for (const [kind, section, things] of [
    ['service', 'services', services],
    ['issuer', 'issuers', issuers],
    ['application', 'applications', applications.map(({ name }) => ({ id: name }))],
  ] as const) {
    const place = things.findIndex(({ id }) => desk.facts.changes.isRemoved(kind, id))
    if (place >= 0)
      return fault(
        `/${section}/${place}/name`,
        `${kind === 'service' ? 'a' : 'an'} ${kind} of this name was removed, and names are never used again`,
        'choose another name',
      )
  }
  return undefined
}

/** A caller that is misspelt would be nobody, and nobody would notice. */
function unknownCaller(
  { applications = [] }: WantedConfiguration,
  known: { readonly roles: ReadonlySet<string>; readonly identities: WantedIdentities; readonly facts: Desk['facts'] },
): Problems | undefined {
  const names = new Set(known.identities.names.values())
  for (const [place, { callers }] of applications.entries()) {
    const stranger = callers.find(({ kind, name }) =>
      kind === 'role' ? !known.roles.has(name) : !names.has(name) && known.facts.identityNamed(name) === undefined,
    )
    if (stranger !== undefined)
      return fault(
        `/applications/${place}/callers`,
        `there is no ${stranger.kind} "${stranger.name}"`,
        'declare it, or name one that there is',
      )
  }
  return undefined
}

/** Nobody may be left signing in by an issuer that goes: under that name nothing will ever vouch for them. */
function danglingSignIn(identities: readonly Identity[], issuers: ReadonlyMap<string, Issuer>): Problems | undefined {
  for (const { name, signsInBy, state } of identities) {
    const missing = state === 'live' ? signsInBy.find((by) => !issuers.has(by.issuer)) : undefined
    if (missing !== undefined)
      return fault(
        '/issuers',
        `${name} signs in by "${missing.issuer}", which would be gone`,
        'declare the issuer, or change how it signs in',
      )
  }
  return undefined
}

/** A token names who issued it: of two that are called the same one would be asked, and taking that away would put the other in its place. */
function sharedIssuer(issuers: ReadonlyMap<string, Issuer>): Problems | undefined {
  const names = new Map<string, string>()
  for (const { id, issuer } of issuers.values()) {
    const other = names.get(issuer)
    if (other !== undefined)
      return fault('/issuers', `"${id}" and "${other}" are both ${issuer}, and a token would not tell which of them`, 'keep one of the two')
    names.set(issuer, id)
  }
  return undefined
}

/** One subject of an issuer is one identity: shared it signs in nobody, until one of the two loses it and the other one gains by that. */
function sharedSubject({ facts }: Desk, changed: readonly Identity[]): Problems | undefined {
  if (changed.every(({ signsInBy }) => signsInBy.length === 0)) return undefined
  const own = new Map(changed.map((each) => [each.id, each]))
  const names = new Map<string, string>()
  const rest = [...facts.identities()].filter(({ id, signsInBy }) => signsInBy.length > 0 && !own.has(id))
  for (const { name, signsInBy } of [...rest, ...changed]) {
    for (const { issuer, subject } of signsInBy) {
      const key = canonicalJson([issuer, subject])
      const other = names.get(key)
      if (other !== undefined && other !== name)
        return fault(
          '/identities',
          `${name} and ${other} would both sign in by ${issuer} as "${subject}"`,
          'give each a subject of its own',
        )
      names.set(key, name)
    }
  }
  return undefined
}
