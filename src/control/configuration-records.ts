/** What a wanted configuration comes to: the records that would be written, beside what is there now. */
import type { IdentityId } from '../kernel/ids.ts'
import { canonicalJson } from '../kernel/json.ts'
import type { Instant } from '../kernel/instants.ts'
import type { Rules } from '../decision/rules.ts'
import type { WantedConfiguration } from '../model/change-sets.ts'
import type { Identity, Issuer } from '../model/identities.ts'
import type { PolicySet } from '../model/policies.ts'
import type { Service } from '../model/services.ts'
import { type ConfigurationProblem, fault } from './configuration-problems.ts'
import { type Picture, picturedIdentity, pictureOf } from './configuration-picture.ts'
import { wantedPolicies } from './configuration-policies.ts'
import type { Desk } from './desk.ts'

/** Only what is another than it was. */
export interface ChangedRecords {
  readonly identities: readonly Identity[]
  readonly issuers: readonly Issuer[]
  readonly services: readonly Service[]
  readonly policies: PolicySet | undefined
}

export interface Compared {
  readonly records: ChangedRecords
  readonly before: Picture & { readonly rules: Rules | undefined }
  readonly after: Picture & { readonly rules: Rules }
  /** Things that the document names and that stay as they are. */
  readonly same: number
  /** Version of the facts it was compared with. */
  readonly version: number
}

type Problems = { readonly problems: readonly ConfigurationProblem[] }

/** Compares what is wanted with what is in force now. Takes a while where policies are to be checked. */
export async function compare(desk: Desk, wanted: WantedConfiguration, author: string): Promise<Compared | Problems> {
  const now = desk.clock.now()
  const { version } = desk.facts
  const before = { ...pictureOf(desk), rules: desk.facts.rules }
  const identities = wantedIdentities(desk, wanted, now)
  if ('problems' in identities) return identities
  const used = usedAgain(desk, wanted)
  if (used !== undefined) return used
  const issuers = merge(before.issuers, wanted.issuers, wanted.prune === 'everything')
  const services = merge(before.services, wanted.services, wanted.prune === 'everything')
  const dangling = danglingSignIn(identities.records, issuers.all)
  if (dangling !== undefined) return dangling
  const roles = new Set([...Object.keys(wanted.roles), ...identities.records.flatMap((each) => each.roles), ...rolesNamedNow(before.rules)])
  const world = { services: services.all, issuers: issuers.all, roles, author }
  const policies = await wantedPolicies(desk, wanted, world)
  if ('problems' in policies) return policies
  const { set, rules } = policies
  const nameOf = (id: IdentityId) => identities.records.find((each) => each.id === id)?.name ?? desk.facts.identity(id)?.name
  const pictured = identities.changed.map((each) => picturedIdentity(each, nameOf))
  return {
    records: {
      identities: identities.changed,
      issuers: [...issuers.changed, ...issuers.gone.map((each) => ({ ...each, removedAt: now }))],
      services: [...services.changed, ...services.gone.map((each) => withoutCredential(each, now))],
      policies: set.version === before.policies?.version ? undefined : set,
    },
    before,
    same: identities.records.length - identities.changed.length + issuers.same + services.same,
    version,
    after: {
      identities: new Map([...before.identities, ...pictured.map((each) => [each.name, each] as const)]),
      issuers: issuers.all,
      services: services.all,
      policies: set,
      rules,
    },
  }
}

/** Its secret is of no use any more. */
function withoutCredential(service: Service, now: Instant): Service {
  const { credential: _, ...rest } = service
  return { ...rest, removedAt: now }
}

/** Roles that the policies in force speak of were declared when those were published. */
function rolesNamedNow(rules: Rules | undefined): readonly string[] {
  if (rules === undefined) return []
  const policies = [rules.eligibility, rules.guardrails, rules.desk].flatMap((set) => set.policies)
  return policies.flatMap((policy) => policy.mentions.filter((uid) => uid.type === 'Role').map((uid) => uid.id))
}

interface Merged<T> {
  readonly all: ReadonlyMap<string, T>
  readonly changed: readonly T[]
  readonly gone: readonly T[]
  readonly same: number
}

function merge<T extends { readonly id: string }>(before: ReadonlyMap<string, T>, wanted: readonly T[], prune: boolean): Merged<T> {
  const changed = wanted.filter((each) => !isSame(each, before.get(each.id)))
  // What is the same stays the same object, so that whoever compares sees it at once.
  const named = new Map(wanted.map((each) => [each.id, changed.includes(each) ? each : (before.get(each.id) ?? each)]))
  return {
    all: prune ? named : new Map([...before, ...named]),
    changed,
    same: wanted.length - changed.length,
    gone: prune ? [...before.values()].filter((each) => !named.has(each.id)) : [],
  }
}

function isSame(after: object, before: object | undefined): boolean {
  return before !== undefined && canonicalJson(before) === canonicalJson(after)
}

/** Everybody the document names and everybody whose roles it changes; with pruning, everybody. */
function wantedIdentities(
  desk: Desk,
  { people, identities, roles, prune }: WantedConfiguration,
  now: Instant,
): { readonly records: readonly Identity[]; readonly changed: readonly Identity[] } | Problems {
  const records = new Map<string, Identity>()
  const idOf = (name: string): IdentityId => records.get(name)?.id ?? desk.facts.identityNamed(name)?.id ?? desk.chance.id('idn', now)
  const base = (name: string) => {
    const known = desk.facts.identityNamed(name)
    const { quarantine } = known ?? {}
    return {
      id: idOf(name),
      space: desk.space,
      name,
      roles: rolesOf(name, roles, prune === 'everything' ? [] : (known?.roles ?? [])),
      createdAt: known?.createdAt ?? now,
      ...(quarantine === undefined ? {} : { quarantine }),
    }
  }
  for (const { name, disabled } of people) {
    records.set(name, { ...base(name), kind: 'human', state: disabled ? 'disabled' : 'live', signsInBy: [] })
  }
  for (const { name, kind, owner, disabled, signsInBy } of identities) {
    records.set(name, { ...base(name), kind, owner: idOf(owner), state: disabled ? 'disabled' : 'live', signsInBy })
  }
  for (const known of desk.facts.identities()) {
    if (records.has(known.name)) continue
    if (prune === 'everything') records.set(known.name, { ...known, roles: [], state: 'disabled' })
    else if (known.roles.some((role) => Object.hasOwn(roles, role))) records.set(known.name, { ...known, ...base(known.name) })
  }
  for (const [place, { name, kind }] of [...people.map((person) => ({ ...person, kind: 'human' as const })), ...identities].entries()) {
    const known = desk.facts.identityNamed(name)
    if (known === undefined || known.kind === kind) continue
    const pointer = place < people.length ? `/people/${place}/name` : `/identities/${place - people.length}/kind`
    return fault(pointer, `"${name}" is a ${known.kind}, and a name keeps its kind for ever`, 'choose another name')
  }
  const all = [...records.values()]
  return { records: all, changed: all.filter((each) => !isSame(each, desk.facts.identity(each.id))) }
}

/** Roles that the document speaks of are as it says; the others stay. */
function rolesOf(name: string, roles: WantedConfiguration['roles'], before: readonly string[]): readonly string[] {
  const kept = before.filter((role) => !Object.hasOwn(roles, role))
  const given = Object.entries(roles).flatMap(([role, members]) => (members.includes(name) ? [role] : []))
  return [...new Set([...kept, ...given])].toSorted()
}

/** What was removed keeps its name for ever: the ledger and old grants speak of it. */
function usedAgain(desk: Desk, { issuers, services }: WantedConfiguration): Problems | undefined {
  for (const [kind, section, things] of [
    ['service', 'services', services],
    ['issuer', 'issuers', issuers],
  ] as const) {
    const place = things.findIndex(({ id }) => desk.facts.changes.isRemoved(kind, id))
    if (place >= 0)
      return fault(`/${section}/${place}/name`, `a ${kind} of this name was removed, and names are never used again`, 'choose another name')
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
