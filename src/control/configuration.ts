/** Configuration: a document compared with what is there, shown as a plan, and applied in one change with its ledger entries. */
import type { IdentityId } from '../kernel/ids.ts'
import { canonicalJson, type JsonObject } from '../kernel/json.ts'
import type { Instant } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { Secret } from '../kernel/secret.ts'
import type { SourceProblem } from '../kernel/source-problems.ts'
import { readRules, rulesVersion } from '../decision/rules.ts'
import { cedarSchema } from '../decision/schema.ts'
import { knownNames, schemaWorld } from '../decision/world.ts'
import { type Configuration, type ConfiguredService, readConfiguration } from '../model/configuration.ts'
import type { Identity, Issuer } from '../model/identities.ts'
import type { ParsedPolicy, PolicyFile, PolicySet } from '../model/policies.ts'
import type { Service } from '../model/services.ts'
import { type Caller, type Desk, type DeskRight, note } from './desk.ts'
import { endGrant } from './end-grant.ts'
import type { Change } from './ports.ts'
import { callerMay } from './rights.ts'
import { reevaluate } from './reevaluate.ts'

/** How often a document is prepared anew because something changed while its policies were being checked. */
const attemptsMax = 5

export interface PlannedChange {
  readonly kind: 'person' | 'identity' | 'issuer' | 'service' | 'policies'
  readonly name: string
  readonly what: 'add' | 'change' | 'same'
  readonly says: string
}

/** A fault in the document (`pointer` says where) or in a policy file (line and column do). */
export interface ConfigurationProblem extends SourceProblem {
  readonly pointer?: string
}

export interface Plan {
  readonly changes: readonly PlannedChange[]
  readonly problems?: readonly ConfigurationProblem[]
}

/** Who applies: somebody at the desk, or whoever runs the machine and starts Remit there. */
export type Author = Caller | { readonly machine: string }

interface Prepared {
  readonly identities: readonly Identity[]
  readonly issuers: readonly Issuer[]
  readonly services: readonly Service[]
  readonly policies: PolicySet | undefined
  readonly changes: readonly PlannedChange[]
}

export async function planConfiguration(desk: Desk, author: Author, document: JsonObject): Promise<Result<Plan>> {
  const may = mayApply(desk, author)
  if (!may.ok) return may
  const prepared = await prepare(desk, author, document)
  return done('problems' in prepared ? { changes: [], problems: prepared.problems } : { changes: prepared.changes })
}

/**
 * Applies what the plan shows; a document with a fault changes nothing. Safe to repeat: what is there already is left alone. Grants that
 * would not be given any more have ended when it answers.
 */
export async function applyConfiguration(desk: Desk, author: Author, document: JsonObject): Promise<Result<Plan>> {
  for (let attempt = 1; ; attempt += 1) {
    const may = mayApply(desk, author)
    if (!may.ok) return may
    const applied = await applyOnce(desk, author, document, may.value)
    if (applied.ok) await reevaluate(desk)
    if (applied.ok || applied.refusal.code !== 'action.changed' || attempt === attemptsMax) return applied
  }
}

async function applyOnce(desk: Desk, author: Author, document: JsonObject, right: DeskRight): Promise<Result<Plan>> {
  const { entities, rules } = desk.facts
  const prepared = await prepare(desk, author, document)
  if ('problems' in prepared) return done({ changes: [], problems: prepared.problems })
  const changed = prepared.changes.filter((change) => change.what !== 'same')
  if (changed.length === 0) return done({ changes: prepared.changes })
  const by = authorName(author)
  return desk.store.change<Plan>(async (tx) => {
    // Policies were being checked meanwhile. Written over what happened since, this would lift a quarantine or bring back who left.
    if (desk.facts.entities !== entities || desk.facts.rules !== rules) return refuse('action.changed', { detail: 'the configuration' })
    for (const identity of prepared.identities) await putIdentity(desk, tx, identity, by)
    for (const issuer of prepared.issuers) await tx.put('issuer', issuer)
    for (const service of prepared.services) await tx.put('service', service)
    if (prepared.policies !== undefined) {
      const { version, files } = prepared.policies
      await tx.put('policySet', { ...prepared.policies, publishedAt: tx.now })
      await note(tx, { kind: 'policy.published', actor: by, subject: version, facts: { files: files.map((file) => file.name) } })
    }
    const facts = { changes: changed.map((change) => ({ ...change })) }
    await note(tx, { kind: 'configuration.applied', actor: by, subject: desk.space, facts, right })
    return done({ changes: prepared.changes })
  })
}

function mayApply(desk: Desk, author: Author): Result<DeskRight> {
  return 'machine' in author ? done({}) : callerMay(desk, author, 'administer')
}

function authorName(author: Author): string {
  return 'machine' in author ? author.machine : author.actor.name
}

async function prepare(
  desk: Desk,
  author: Author,
  document: JsonObject,
): Promise<Prepared | { readonly problems: readonly ConfigurationProblem[] }> {
  const read = readConfiguration(document)
  if ('problems' in read) return { problems: read.problems.map((problem) => asSource(problem)) }
  const { configuration } = read
  if (configuration.space !== desk.space)
    return fault('/space', `this Remit keeps the space "${desk.space}"`, 'apply it where its space is kept')
  const identities = desiredIdentities(desk, configuration, desk.clock.now())
  if ('problems' in identities) return identities
  const issuers = configuration.issuers.map(({ name, ...issuer }): Issuer => ({ id: name, space: desk.space, ...issuer }))
  const services = configuration.services.map((service) => desiredService(desk, service))
  const policies = await desiredPolicies(desk, author, configuration, services)
  if ('problems' in policies) return policies
  const changedIdentities = identities.records.filter((identity) => !isSame(identity, desk.facts.identity(identity.id)))
  const knownIssuers = new Map([...desk.facts.issuers()].map((issuer) => [issuer.id, issuer]))
  return {
    identities: changedIdentities,
    issuers: issuers.filter((issuer) => !isSame(issuer, knownIssuers.get(issuer.id))),
    services: services.filter((service) => !isSame(service, desk.facts.service(service.id))),
    policies: policies.set,
    changes: [
      ...identities.records.map((identity) => plannedIdentity(desk, identity)),
      ...issuers.map((issuer) =>
        planned('issuer', issuer.id, { before: knownIssuers.get(issuer.id), after: issuer, says: `tokens of ${issuer.issuer}` }),
      ),
      ...services.map((service) =>
        planned('service', service.id, {
          before: desk.facts.service(service.id),
          after: service,
          says: `${service.routes.length} operations at ${service.upstream}, ${service.environment}${describeCredential(service)}`,
        }),
      ),
      policies.planned,
    ],
  }
}

function asSource(problem: { readonly pointer: string; readonly message: string; readonly remedy: string }): ConfigurationProblem {
  return { file: 'remit.yaml', line: 0, column: 0, ...problem }
}

function fault(pointer: string, message: string, remedy: string): { readonly problems: readonly ConfigurationProblem[] } {
  return { problems: [asSource({ pointer, message, remedy })] }
}

function isSame(after: object, before: object | undefined): boolean {
  return before !== undefined && canonicalJson(before) === canonicalJson(after)
}

function planned(
  kind: PlannedChange['kind'],
  name: string,
  { before, after, says }: { readonly before: object | undefined; readonly after: object; readonly says: string },
): PlannedChange {
  return { kind, name, what: before === undefined ? 'add' : isSame(after, before) ? 'same' : 'change', says }
}

function plannedIdentity(desk: Desk, identity: Identity): PlannedChange {
  const before = desk.facts.identity(identity.id)
  const owner = identity.owner === undefined ? undefined : desk.facts.identity(identity.owner)?.name
  const roles = identity.roles.length === 0 ? '' : `, in ${identity.roles.join(', ')}`
  const says =
    identity.kind === 'human' ? `a person${roles}` : `${identity.kind}${owner === undefined ? '' : `, owned by ${owner}`}${roles}`
  const state = identity.state === 'disabled' ? ', disabled' : ''
  return planned(identity.kind === 'human' ? 'person' : 'identity', identity.name, { before, after: identity, says: `${says}${state}` })
}

/** Everybody the document names and everybody whose roles it changes. */
function desiredIdentities(
  desk: Desk,
  configuration: Configuration,
  now: Instant,
): { readonly records: readonly Identity[] } | { readonly problems: readonly ConfigurationProblem[] } {
  const { people, identities, roles } = configuration
  const records = new Map<string, Identity>()
  const idOf = (name: string): IdentityId => records.get(name)?.id ?? desk.facts.identityNamed(name)?.id ?? desk.chance.id('idn', now)
  const base = (name: string) => {
    const known = desk.facts.identityNamed(name)
    const quarantine = known?.quarantine === undefined ? {} : { quarantine: known.quarantine }
    return {
      id: idOf(name),
      space: desk.space,
      name,
      roles: rolesOf(name, roles, known?.roles ?? []),
      createdAt: known?.createdAt ?? now,
      ...quarantine,
    }
  }
  for (const { name, disabled } of people) {
    records.set(name, { ...base(name), kind: 'human', state: disabled ? 'disabled' : 'live', signsInBy: [] })
  }
  for (const { name, kind, owner, disabled, signsInBy } of identities) {
    records.set(name, { ...base(name), kind, owner: idOf(owner), state: disabled ? 'disabled' : 'live', signsInBy })
  }
  for (const known of desk.facts.identities()) {
    if (!records.has(known.name) && known.roles.some((role) => Object.hasOwn(roles, role)))
      records.set(known.name, { ...known, ...base(known.name) })
  }
  for (const [place, { name, kind }] of [...people.map((person) => ({ ...person, kind: 'human' as const })), ...identities].entries()) {
    const known = desk.facts.identityNamed(name)
    if (known === undefined || known.kind === kind) continue
    const pointer = place < people.length ? `/people/${place}/name` : `/identities/${place - people.length}/kind`
    return fault(pointer, `"${name}" is a ${known.kind}, and a name keeps its kind for ever`, 'choose another name')
  }
  return { records: [...records.values()] }
}

/** Roles that the document speaks of are as it says; the others stay. */
function rolesOf(name: string, roles: Configuration['roles'], before: readonly string[]): readonly string[] {
  const kept = before.filter((role) => !Object.hasOwn(roles, role))
  const given = Object.entries(roles).flatMap(([role, members]) => (members.includes(name) ? [role] : []))
  return [...new Set([...kept, ...given])].toSorted()
}

/** A secret that did not change keeps its sealed form, so that a repeat is no change. */
function desiredService(desk: Desk, configured: ConfiguredService): Service {
  const { name, credential, ...rest } = configured
  const service: Service = { id: name, space: desk.space, protocol: 'http', ...rest }
  if (credential === undefined) return service
  const { header, prefix, value, use } = credential
  const place = { space: desk.space, service: name, origin: configured.upstream, use }
  const before = desk.facts.service(name)?.credential?.sealed
  const opened = before === undefined ? undefined : desk.vault.open(before, place)
  // What was sealed in an earlier form is sealed anew when it is given again.
  const isKept = before !== undefined && opened?.ok === true && opened.value.is(value) && desk.vault.isCurrent(before)
  const sealed = isKept ? before : desk.vault.seal(new Secret(value), place)
  return { ...service, credential: { header, prefix, sealed, ...(use === 'reference' ? { reference: value } : {}) } }
}

function describeCredential({ credential }: Service): string {
  if (credential === undefined) return ''
  return credential.reference === undefined ? ', with its own credential' : `, with the credential that ${credential.reference} names`
}

type DesiredPolicies =
  | { readonly set: PolicySet | undefined; readonly planned: PlannedChange }
  | { readonly problems: readonly ConfigurationProblem[] }

/** The policies of the document, or those in force, checked against the services as they will be. */
async function desiredPolicies(
  desk: Desk,
  author: Author,
  configuration: Configuration,
  changed: readonly Service[],
): Promise<DesiredPolicies> {
  const services = new Map([...desk.facts.services(), ...changed].map((service) => [service.id, service]))
  const current = desk.facts.policies
  const own =
    configuration.policyFiles ?? current?.files.filter((file) => !desk.shipped.some((shipped) => shipped.name === file.name)) ?? []
  const files = [...desk.shipped, ...own]
  const issuers = new Map(
    [...desk.facts.issuers(), ...configuration.issuers.map((issuer) => ({ ...issuer, id: issuer.name }))].map((issuer) => [
      issuer.id,
      issuer,
    ]),
  )
  const schema = cedarSchema(schemaWorld(services.values(), issuers.values()))
  const version = rulesVersion({ files, schema })
  const says = `${files.length} files, version ${version.slice(0, 12)}`
  const planned = { kind: 'policies', name: 'policies', says } as const
  if (current?.version === version) return { set: undefined, planned: { ...planned, what: 'same' } }
  const checked = await checkPolicies(desk.checker, {
    files,
    schema,
    known: knownNames(services.values(), rolesThereAre(desk, configuration)),
  })
  if ('problems' in checked) return checked
  const set = {
    id: 'current',
    space: desk.space,
    version,
    files,
    parsed: checked.policies,
    publishedAt: 0,
    publishedBy: authorName(author),
  }
  return { set, planned: { ...planned, what: current === undefined ? 'add' : 'change' } }
}

/** Those that the document declares, with or without anybody in them, and those that somebody has. */
function rolesThereAre(desk: Desk, { roles }: Configuration): readonly string[] {
  return [...Object.keys(roles), ...new Set([...desk.facts.identities()].flatMap((identity) => identity.roles))]
}

/** Cedar's own validation, then Remit's: every policy parsed, or every problem found. */
export async function checkPolicies(
  checker: Desk['checker'],
  {
    files,
    schema,
    known,
  }: { readonly files: readonly PolicyFile[]; readonly schema: string; readonly known: ReadonlyMap<string, ReadonlySet<string>> },
): Promise<{ readonly policies: readonly ParsedPolicy[] } | { readonly problems: readonly SourceProblem[] }> {
  const checked = await checker.check(files, schema)
  if ('problems' in checked) return checked
  const rules = readRules({ policies: checked.policies, files, schema, known })
  return rules.ok ? checked : { problems: rules.problems }
}

/** Disabling ends what somebody has, in the same change; so does the leaving of an owner for what they own. */
async function putIdentity(desk: Desk, tx: Change, identity: Identity, by: string): Promise<void> {
  const before = await tx.get('identity', identity.id)
  await tx.put('identity', identity)
  const { name, kind, roles, state, owner } = identity
  await note(tx, {
    kind: before === undefined ? 'identity.created' : 'identity.changed',
    actor: by,
    subject: identity.id,
    facts: { name, kind, roles: [...roles], state, ...(owner === undefined ? {} : { owner }) },
  })
  if (before?.state !== 'live' || state === 'live') return
  const gone = new Set<string>([
    identity.id,
    ...[...desk.facts.identities()].filter((each) => each.owner === identity.id).map((each) => each.id),
  ])
  for (const grant of [...desk.facts.openGrants()].filter((each) => each.chain.some((link) => gone.has(link)))) {
    const current = await tx.get('grant', grant.id)
    if (current !== undefined)
      await endGrant(tx, current, { how: current.state === 'active' ? 'revoked' : 'withdrawn', by, reason: `${name} was disabled` })
  }
}
