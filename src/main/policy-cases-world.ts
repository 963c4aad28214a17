/** The world of a policy case: remit.yaml with the facts of the case laid over it, its policies checked, and everybody in it as decisions see them. */
import { type EntityStore, entityStore } from '../decision/cedar/entities.ts'
import { checkPolicies } from '../control/configuration-policies.ts'
import type { PolicyChecker } from '../host/policy-checker.ts'
import type { Rules } from '../decision/rules.ts'
import { cedarSchema } from '../decision/schema.ts'
import { identityEntities, knownNames, schemaWorld, serviceEntities, standingEntities } from '../decision/world.ts'
import { type IdentityId, makeId } from '../kernel/ids.ts'
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from '../kernel/json.ts'
import { mustBe } from '../kernel/result.ts'
import type { SourceProblem } from '../kernel/source-problems.ts'
import { type Configuration, readConfiguration } from '../model/configuration.ts'
import { effects } from '../model/effects.ts'
import type { Identity } from '../model/identities.ts'
import type { DocumentProblem } from '../model/parse-document.ts'
import type { PolicyFile } from '../model/policies.ts'
import type { Service } from '../model/services.ts'
import { asDocument } from './check.ts'
import type { CaseFacts } from './policy-cases-shape.ts'

export interface CaseWorld {
  readonly rules: Rules
  readonly entities: EntityStore
  readonly identities: ReadonlyMap<string, Identity>
  readonly byId: ReadonlyMap<IdentityId, Identity>
  readonly services: ReadonlyMap<string, Service>
}

export type WorldRead =
  | { readonly world: CaseWorld }
  /** Of the policies, in their files; or of the facts, as places in the document that they made. */
  | { readonly problems: readonly SourceProblem[] }
  | { readonly faults: readonly DocumentProblem[] }

const worldsMax = 50

/** Worlds by the facts that make them: most cases share one, and checking policies takes its time. */
export class CaseWorlds {
  readonly #checker: PolicyChecker
  readonly #document: JsonObject
  readonly #files: readonly PolicyFile[]
  readonly #known = new Map<string, Promise<WorldRead>>()

  constructor(checker: PolicyChecker, document: JsonObject, files: readonly PolicyFile[]) {
    this.#checker = checker
    this.#document = document
    this.#files = files
  }

  /** Facts are laid over the document in this order. */
  with(...facts: readonly (CaseFacts | undefined)[]): Promise<WorldRead> {
    const there = facts.filter((each) => each !== undefined)
    const key = JSON.stringify(there)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const made = this.#make(there)
    if (this.#known.size >= worldsMax) this.#known.clear()
    this.#known.set(key, made)
    return made
  }

  async #make(facts: readonly CaseFacts[]): Promise<WorldRead> {
    const read = readConfiguration(facts.reduce(laidOver, this.#document))
    if ('problems' in read) return { faults: read.problems }
    const { configuration } = read
    const services = configuration.services.map(asService)
    const schema = cedarSchema(schemaWorld(services, configuration.issuers))
    const known = knownNames(services, Object.keys(configuration.roles))
    const checked = await checkPolicies(this.#checker, { files: this.#files, schema, known })
    if ('problems' in checked) return checked
    const identities = identitiesOf(configuration)
    const byId = new Map([...identities.values()].map((identity) => [identity.id, identity]))
    const entities = entityStore([
      ...standingEntities(effects, configuration.space),
      ...services.flatMap(serviceEntities),
      ...[...byId.values()].flatMap((identity) => identityEntities(identity, (id) => byId.get(id))),
    ])
    return {
      world: {
        rules: checked.rules,
        entities: mustBe(entities),
        identities,
        byId,
        services: new Map(services.map((service) => [service.id, service])),
      },
    }
  }
}

/** What a credential seals is no matter of policies. */
function asService({ name, protocol, upstream, port, environment, impact, labels, routes }: Configuration['services'][number]): Service {
  return { id: name, space: 'main', protocol, upstream, port, environment, impact, labels, routes }
}

function identitiesOf({ people, identities, roles, space }: Configuration): ReadonlyMap<string, Identity> {
  const all = [...people.map((person) => ({ ...person, kind: 'human' as const, owner: undefined })), ...identities]
  const ids = new Map(all.map(({ name }, place) => [name, makeId('idn', place, new Uint8Array(10))]))
  return new Map(
    all.map(({ name, kind, owner, disabled }): [string, Identity] => {
      const answers = owner === undefined ? undefined : ids.get(owner)
      const held = Object.entries(roles).flatMap(([role, members]) => (members.includes(name) ? [role] : []))
      return [
        name,
        {
          id: ids.get(name) ?? makeId('idn', 0, new Uint8Array(10)),
          space,
          name,
          kind,
          ...(answers === undefined ? {} : { owner: answers }),
          roles: held.toSorted(),
          state: disabled ? 'disabled' : 'live',
          signsInBy: [],
          createdAt: 0,
        },
      ]
    }),
  )
}

/** Things of the same name take the members that are given; the others are added. A role has the members that are given. */
function laidOver(document: JsonObject, facts: CaseFacts): JsonObject {
  const given = asDocument(facts)
  const named = (['people', 'identities', 'services'] as const).flatMap((section) => {
    const list = given[section]
    return Array.isArray(list) ? [[section, together(document[section], list)] as const] : []
  })
  const roles = given['roles'] === undefined ? {} : { roles: { ...objectOf(document['roles']), ...objectOf(given['roles']) } }
  return { ...document, ...Object.fromEntries(named), ...roles }
}

function together(before: JsonValue | undefined, given: readonly JsonValue[]): readonly JsonValue[] {
  const known = Array.isArray(before) ? before.map(objectOf) : []
  const all = new Map<string, JsonObject>(known.map((each) => [nameOf(each), each]))
  for (const each of given.map(objectOf)) all.set(nameOf(each), { ...all.get(nameOf(each)), ...each })
  return [...all.values()]
}

function nameOf({ name }: JsonObject): string {
  return typeof name === 'string' ? name : canonicalJson(name)
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {}
}
