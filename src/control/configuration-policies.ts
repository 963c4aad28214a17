/** Policies as they would be: which files stay, which are replaced, and whether all of them can stand together. */
import type { SourceProblem } from '../kernel/source-problems.ts'
import { readRules, type Rules, type RulesInput, type RulesRead, rulesVersion } from '../decision/rules.ts'
import { cedarSchema } from '../decision/schema.ts'
import { knownNames, schemaWorld } from '../decision/world.ts'
import type { WantedConfiguration } from '../model/change-sets.ts'
import type { Issuer } from '../model/identities.ts'
import type { PolicyFile, PolicySet } from '../model/policies.ts'
import type { Service } from '../model/services.ts'
import { checkedOnce, type PoliciesChecked, type PolicyTexts } from './checked-policies.ts'
import { fault } from './configuration-problems.ts'
import type { Desk } from './desk.ts'
import { readWarm } from './prepare-facts.ts'

export interface WantedPolicies {
  readonly set: PolicySet
  readonly rules: Rules
}

/** What the policies are to be held against. */
export interface PolicyWorld {
  readonly services: ReadonlyMap<string, Service>
  readonly issuers: ReadonlyMap<string, Issuer>
  readonly roles: ReadonlySet<string>
  /** Whoever is named as having published them. */
  readonly author: string
}

/** The policies of the document, or those in force, checked against everything else as it will be. */
export async function wantedPolicies(
  desk: Desk,
  wanted: WantedConfiguration,
  world: PolicyWorld,
): Promise<WantedPolicies | { readonly problems: readonly SourceProblem[] }> {
  const files = [...desk.shipped, ...ownFiles(desk, wanted)]
  const twice = namedTwice(files)
  if (twice !== undefined)
    return fault('/policyFiles', `two policy files are called "${twice}"`, 'give each a name of its own; those of the desk are taken')
  const schema = cedarSchema(schemaWorld(world.services.values(), world.issuers.values()))
  const version = rulesVersion({ files, schema })
  const current = desk.facts.policies
  if (current?.version === version && desk.facts.rules !== undefined) return { set: current, rules: desk.facts.rules }
  const at = { clock: desk.clock, entities: desk.facts.entities }
  const texts = { files, schema, known: knownNames(world.services.values(), world.roles) }
  const checked = await checkedOnce(desk.checker, texts, (each) => checkPolicies(desk.checker, each, (input) => readWarm(input, at)))
  if ('problems' in checked) return checked
  const { policies, rules } = checked
  const set = { id: 'current', space: desk.space, version, files, parsed: policies, publishedAt: 0, publishedBy: world.author }
  return { set, rules }
}

/** The last part of a path that two files share, upper and lower case aside: written to one folder one of them would be lost. */
function namedTwice(files: readonly PolicyFile[]): string | undefined {
  const names = files.map(({ name }) => (name.split('/').at(-1) ?? name).toLowerCase())
  return names.find((name, at) => names.indexOf(name) !== at)
}

/** A file that the document does not name stays, unless everything that does not stand in it goes; one whose policies all moved is gone. */
function ownFiles(desk: Desk, { policyFiles, prune }: WantedConfiguration): readonly PolicyFile[] {
  const current = (desk.facts.policies?.files ?? []).filter((file) => !desk.shipped.some((shipped) => shipped.name === file.name))
  if (policyFiles === undefined) return prune === 'everything' ? [] : current
  if (prune !== 'nothing') return policyFiles
  const given = new Set(policyFiles.map((file) => file.name))
  const moved = new Set(policyFiles.flatMap((file) => idsIn(file.text)))
  const kept = current.filter((file) => !given.has(file.name) && !idsIn(file.text).every((id) => moved.has(id)))
  return [...policyFiles, ...kept]
}

function idsIn(text: string): readonly string[] {
  return [...text.matchAll(/^\s*@id\("([^"]*)"\)/gm)].map(([, id = '']) => id)
}

/** Cedar's own validation, then Remit's: every policy parsed, or every problem found. */
export async function checkPolicies(
  checker: Desk['checker'],
  { files, schema, known }: PolicyTexts,
  read: (input: RulesInput) => RulesRead | Promise<RulesRead> = readRules,
): Promise<PoliciesChecked> {
  const checked = await checker.check(files, schema)
  if ('problems' in checked) return checked
  const rules = await read({ policies: checked.policies, files, schema, known })
  return rules.ok ? { policies: checked.policies, rules: rules.rules } : { problems: rules.problems }
}
