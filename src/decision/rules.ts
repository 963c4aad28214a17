/** Checked policies turned into Remit's rules: who may ask, what is forbidden or held, who may sit at the desk, and nothing else. */
import { createHash } from 'node:crypto'
import { atOnce } from '../kernel/in-turns.ts'
import { parseDuration, type Milliseconds } from '../kernel/instants.ts'
import { mustBe } from '../kernel/result.ts'
import { nearestName, type SourceProblem } from '../kernel/source-problems.ts'
import { deskServiceName } from '../model/desk-service.ts'
import { dutyTakes, type Obligations, parseObligations } from '../model/obligations.ts'
import { parseSelector, type Selector } from '../model/selector.ts'
import { CommonParts } from './cedar/common-parts.ts'
import { type CompiledPolicies, type CompiledPolicy, compilePolicy, joiningPolicies, type PolicySource } from './cedar/policies.ts'
import { uidsOf } from './cedar/scopes.ts'
import type { Uid } from './cedar/values.ts'
import { deskAskAction, requestAction } from './names.ts'

/** What an eligibility costs and how long it lasts; what it does not say, the tier does. */
export interface EligibilityTerms {
  readonly approval: Selector | undefined
  readonly duration: Milliseconds | undefined
  readonly maxDuration: Milliseconds | undefined
}

export interface Rules {
  /** Permits on `Action::"request"` (a grant) and `Desk::Action::"ask"` (a desk grant). */
  readonly eligibility: CompiledPolicies
  /** Forbids on effects and operations: plain ones, holds and duties together. `holds` and `duties` tell them apart. */
  readonly guardrails: CompiledPolicies
  /** Permits and forbids on what is done at Remit's own desk. */
  readonly desk: CompiledPolicies
  /** Terms of each eligibility, by its `@id`. */
  readonly terms: ReadonlyMap<string, EligibilityTerms>
  /** Who may release what each holding guardrail holds, by its `@id`; a guardrail that is neither here nor among the duties forbids plainly. */
  readonly holds: ReadonlyMap<string, Selector>
  /** What must be done with the actions that a guardrail speaks of, by its `@id`. One may be a hold and a duty: held, and then done so. */
  readonly duties: ReadonlyMap<string, Obligations>
  /** SHA-256 in hex over schema and files. */
  readonly version: string
}

export type RulesRead = { readonly ok: true; readonly rules: Rules } | { readonly ok: false; readonly problems: readonly SourceProblem[] }

/** What `readRules` reads. */
export interface RulesInput {
  readonly policies: readonly PolicySource[]
  readonly files: readonly { readonly name: string; readonly text: string }[]
  readonly schema: string
  /** Entity types of which every id is known, as `Service`: a rule that names another id could never match and is refused. */
  readonly known?: ReadonlyMap<string, ReadonlySet<string>>
}

type Kind = 'eligibility' | 'guardrail' | 'desk'

const annotationsOf: Readonly<Record<Kind, readonly string[]>> = {
  eligibility: ['id', 'approval', 'duration', 'maxDuration'],
  guardrail: ['id', 'hold', 'duty'],
  desk: ['id'],
}

/** What a static permit may allow at the desk; the rest is asked for like anything else. */
const standingDeskActions: ReadonlySet<string> = new Set(['approve', 'audit', 'stop'])

/** Sorts policies into Remit's sets, or says of each why it is none of Remit's. */
export function readRules(input: RulesInput): RulesRead {
  return atOnce(readingRules(input))
}

type RulesMade = Omit<Rules, 'version'>

/** What was made of a list of policies, for as long as somebody has the list: reading it once more is a look-up. */
const made = new WeakMap<readonly PolicySource[], RulesMade>()

/** `readRules` in steps, one for each policy: whoever reads a thousand of them lets others have their turn in between. */
export function* readingRules(input: RulesInput): Generator<undefined, RulesRead> {
  const before = input.known === undefined ? made.get(input.policies) : undefined
  if (before !== undefined) return { ok: true, rules: { ...before, version: rulesVersion(input) } }
  const problems: SourceProblem[] = []
  const sets: Record<Kind, CompiledPolicy[]> = { eligibility: [], guardrail: [], desk: [] }
  const terms = new Map<string, EligibilityTerms>()
  const holds = new Map<string, Selector>()
  const duties = new Map<string, Obligations>()
  const ids = new Map<string, CompiledPolicy>()
  const common = new CommonParts()
  const known = input.known ?? new Map<string, ReadonlySet<string>>()
  const knownRoles = known.get('Role')
  for (const source of input.policies) {
    yield
    const report = (message: string, remedy: string) => problems.push({ file: source.file, line: source.line, column: 1, message, remedy })
    const compiled = compilePolicy(source, common)
    if (!compiled.ok) {
      report(compiled.refusal.detail ?? 'this policy is not understood', 'write it without this construct')
      continue
    }
    const policy = compiled.value
    const twin = ids.get(policy.id)
    if (twin !== undefined) report(`@id("${policy.id}") is used already by ${twin.describe()}`, 'give each policy an id of its own')
    ids.set(policy.id, policy)
    checkId(policy, report)
    checkNames(policy, known, report)
    const kind = classify(policy, report)
    if (kind === undefined) continue
    checkAnnotations(policy, kind, report)
    if (kind !== 'desk') checkResource(policy, kind, report)
    sets[kind].push(policy)
    const read: Reading = { known: knownRoles, report }
    if (kind === 'eligibility') terms.set(policy.id, readTerms(policy, read))
    if (kind === 'guardrail') {
      readHold(policy, holds, read)
      readDuty(policy, duties, report)
    }
  }
  if (problems.length > 0) return { ok: false, problems }
  yield
  const rules: RulesMade = { ...(yield* joining(sets)), terms, holds, duties }
  made.set(input.policies, rules)
  yield
  return { ok: true, rules: { ...rules, version: rulesVersion(input) } }
}

type Report = (message: string, remedy: string) => void

interface Reading {
  /** The roles there are, where they are known. */
  readonly known: ReadonlySet<string> | undefined
  readonly report: Report
}

function* joining(sets: Record<Kind, CompiledPolicy[]>): Generator<undefined, Pick<Rules, 'eligibility' | 'guardrails' | 'desk'>> {
  return {
    eligibility: mustBe(yield* joiningPolicies(sets.eligibility)),
    guardrails: mustBe(yield* joiningPolicies(sets.guardrail)),
    desk: mustBe(yield* joiningPolicies(sets.desk)),
  }
}

/** Of files that somebody still has, the version under the schema that was asked about last: asked again when they come into force. */
const versions = new WeakMap<RulesInput['files'], { readonly schema: string; readonly version: string }>()

/** SHA-256 in hex over the schema and every file by name, each measured, so that no text can slide from one file into the next. */
export function rulesVersion(input: Pick<RulesInput, 'files' | 'schema'>): string {
  const { files, schema } = input
  const known = versions.get(files)
  if (known?.schema === schema) return known.version
  const version = digestOf(input)
  versions.set(files, { schema, version })
  return version
}

function digestOf(input: Pick<RulesInput, 'files' | 'schema'>): string {
  const hash = createHash('sha256')
  const add = (text: string) => hash.update(`${Buffer.byteLength(text)}:`).update(text)
  add(input.schema)
  for (const file of input.files.toSorted((left, right) => (left.name < right.name ? -1 : 1))) {
    add(file.name)
    add(file.text)
  }
  return hash.digest('hex')
}

function checkId(policy: CompiledPolicy, report: Report): void {
  if (/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(policy.id) && policy.id.length <= 100) return
  report(`@id("${policy.id}") is not written as an id`, 'use lowercase letters, digits and single hyphens, as in "release-bots-may-ask"')
}

/** Names of which all are known: a rule about any other could never match, and nobody would notice. */
function checkNames(policy: CompiledPolicy, known: ReadonlyMap<string, ReadonlySet<string>>, report: Report): void {
  for (const uid of policy.mentions) {
    const ids = known.get(uid.type)
    if (ids === undefined || ids.has(uid.id)) continue
    report(
      `there is no ${uid.toString()}`,
      remedyFor(uid.id, ids, { said: (id) => `${uid.type}::"${id}"`, declare: declarationOf(uid.type) }),
    )
  }
}

function declarationOf(type: string): string {
  return type === 'Role'
    ? 'declare it under roles in remit.yaml, with nobody in it if need be'
    : `declare it, or name a ${type} that exists`
}

function remedyFor(
  name: string,
  known: ReadonlySet<string>,
  or: { readonly said: (name: string) => string; readonly declare: string },
): string {
  const near = nearestName(name, known)
  return near === undefined ? or.declare : `did you mean ${or.said(near)}? or ${or.declare}`
}

/** What asks and what acts is one operation: a rule about exactly the service above it would never match. */
function checkResource(policy: CompiledPolicy, kind: Kind, report: Report): void {
  for (const uid of policy.equated) {
    if (uid.type === 'Service')
      report(
        `resource == ${uid.toString()} is never true: what is asked for and done is an operation`,
        `write resource in ${uid.toString()}`,
      )
  }
  const { action, resource } = policy.scope
  if (resource.kind === 'of-type' && resource.type === 'Service')
    report('resource is Service is never true: what is asked for and done is an operation', 'write resource is Route')
  if (kind !== 'eligibility' || uidsOf(action).some((uid) => uid.key === deskAskAction.key)) return
  const desk = policy.mentions.find((uid) => isDeskName(uid))
  if (desk !== undefined)
    report(
      `${desk.toString()} is not asked for by Action::"request"`,
      'permit action == Desk::Action::"ask", resource == Desk::Operation::"administer"',
    )
}

function isDeskName({ type, id }: Uid): boolean {
  return (type === 'Service' && id === deskServiceName) || (type === 'Route' && id.startsWith(`${deskServiceName}/`))
}

/** Which of Remit's sets a policy belongs to, by its action. */
function classify(policy: CompiledPolicy, report: Report): Kind | undefined {
  const { action } = policy.scope
  const named = uidsOf(action)
  if (named.length === 0) {
    if (policy.effect === 'permit')
      report('this permit is about every action', 'permit action == Action::"request": only a grant permits actions on a target')
    else
      report('this forbid is about every action, asking included', 'name an effect, as in action in Effect::Action::"any", or an operation')
    return undefined
  }
  const kindOf = policy.effect === 'permit' ? kindOfPermit : kindOfForbid
  const [only] = named
  if (only !== undefined && named.length === 1) return kindOf(only, report)
  const kinds = new Set(named.map((uid) => kindOf(uid, report)))
  const [kind] = kinds
  if (kinds.size === 1) return kind
  if (!kinds.has(undefined)) report('this policy mixes asking, acting and the desk', 'write one policy for each')
  return undefined
}

function kindOfPermit(action: Uid, report: Report): Kind | undefined {
  if (action.key === requestAction.key || action.key === deskAskAction.key) return 'eligibility'
  if (action.type !== deskAskAction.type) {
    report(
      `a static permit on ${action.toString()} would be standing access`,
      'permit action == Action::"request" and let the grant permit the action',
    )
    return undefined
  }
  if (standingDeskActions.has(action.id)) return 'desk'
  report(
    `nobody stands at the desk for ${action.toString()}`,
    `permit action == Desk::Action::"ask", resource == Desk::Operation::"${action.id}": it is asked for like anything else`,
  )
  return undefined
}

function kindOfForbid(action: Uid, report: Report): Kind | undefined {
  if (action.key === requestAction.key || action.key === deskAskAction.key) {
    report('a guardrail forbids actions, not asking', 'forbid the effect or operation, or narrow the permit that lets them ask')
    return undefined
  }
  return action.type === deskAskAction.type ? 'desk' : 'guardrail'
}

function checkAnnotations(policy: CompiledPolicy, kind: Kind, report: Report): void {
  const known = annotationsOf[kind]
  for (const name of policy.annotations.names()) {
    if (known.includes(name)) continue
    const near = nearestName(name, known)
    const elsewhere = Object.values(annotationsOf).some((names) => names.includes(name))
    const taken = `a policy of this kind takes ${known.map((each) => `@${each}`).join(', ')}`
    const message = elsewhere ? `@${name} has no meaning on this policy` : `@${name} is no annotation of Remit's`
    report(message, near === undefined || elsewhere ? taken : `did you mean @${near}? ${taken}`)
  }
}

function readTerms(policy: CompiledPolicy, read: Reading): EligibilityTerms {
  const { report } = read
  const duration = readDuration(policy, 'duration', report)
  const maxDuration = readDuration(policy, 'maxDuration', report)
  if (duration !== undefined && maxDuration !== undefined && duration > maxDuration) {
    report('@duration is longer than @maxDuration', 'a grant starts with @duration and may be extended up to @maxDuration')
  }
  return { approval: readSelector(policy, 'approval', read), duration, maxDuration }
}

function readHold(policy: CompiledPolicy, holds: Map<string, Selector>, read: Reading): void {
  if (!policy.annotations.has('hold')) return
  const selector = readSelector(policy, 'hold', read)
  if (selector !== undefined) holds.set(policy.id, selector)
}

function readDuty(policy: CompiledPolicy, duties: Map<string, Obligations>, report: Report): void {
  const text = policy.annotations.get('duty')
  if (text === undefined) return
  const obligations = parseObligations(text)
  if (obligations.ok) duties.set(policy.id, obligations.value)
  else report(`@duty("${text}"): ${obligations.refusal.detail ?? 'this is no duty'}`, `a duty takes ${dutyTakes}`)
  const desk = policy.mentions.find(isDeskName)
  if (desk !== undefined)
    report(`@duty on ${desk.toString()}: duties are kept by gateways`, 'leave the desk out: all that is done there is in the ledger')
}

function readDuration(policy: CompiledPolicy, name: string, report: Report): Milliseconds | undefined {
  const text = policy.annotations.get(name)
  if (text === undefined) return undefined
  const duration = parseDuration(text)
  if (duration.ok) return duration.value
  report(`@${name}("${text}") is not a length of time`, 'write it like 90s, 30m, 2h or 1d')
  return undefined
}

function readSelector(policy: CompiledPolicy, name: string, { known, report }: Reading): Selector | undefined {
  const text = policy.annotations.get(name)
  if (text === undefined) return undefined
  const selector = parseSelector(text)
  if (!selector.ok) {
    report(`@${name}("${text}") names nobody`, selector.refusal.detail ?? 'write [N of] role:x | identity:y')
    return undefined
  }
  for (const { kind, name: role } of selector.value.parts.flatMap((part) => part.from)) {
    if (kind !== 'role' || known === undefined || known.has(role)) continue
    report(
      `@${name}("${text}"): there is no role ${role}`,
      remedyFor(role, known, { said: (near) => `role:${near}`, declare: declarationOf('Role') }),
    )
  }
  return selector.value
}
