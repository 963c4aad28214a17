/** An application's own policies as a decision point of AuthZEN: Remit answers, and whoever asks enforces. Remit's own rules are not looked at. */
import type { JsonObject, JsonValue } from '../kernel/json.ts'
import { describeRefusal, refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type ApplicationSet, entitiesFor, readAction, readActionOf, readContext, readUidOf } from '../decision/application-set.ts'
import { because } from '../decision/cedar/because.ts'
import type { EntityStore } from '../decision/cedar/entities.ts'
import { evaluate, type Evaluation } from '../decision/cedar/evaluate.ts'
import type { CompiledPolicy } from '../decision/cedar/policies.ts'
import type { RecordType } from '../decision/cedar/read-schema.ts'
import type { Uid } from '../decision/cedar/values.ts'
import { isCallerOf } from '../model/applications.ts'
import type { AccessAnswer, AccessEntity, AccessPoint, AccessQuestion } from '../model/access.ts'
import { inOrder, inOrderInSlices } from './authzen.ts'
import { type AccessObligation, obligationOf, unsupported } from './authzen-obligations.ts'
import type { Caller, Desk } from './desk.ts'
import { callerMay } from './rights.ts'
import { Slices } from './slices.ts'

/** What the schema of an action calls the properties of the action, in its context. */
const actionMember = 'action'

/**
 * For whoever the application names; acting for somebody, for whoever both are named. An auditor is told that they are not among them
 * (`caller.not-allowed`); to everybody else it is not there.
 */
export async function applicationAccessPoint(desk: Desk, caller: Caller, name: string): Promise<Result<AccessPoint>> {
  const { applications } = desk.facts
  const application = applications.record(name)
  if (application === undefined) return refuse('not-found')
  // Before anything is opened: to whoever may not ask it takes no longer than where there is nothing.
  if (!caller.chain.every((link) => isCallerOf(application, link)))
    return callerMay(desk, caller, 'audit').ok || callerMay(desk, caller, 'administer').ok
      ? refuse('caller.not-allowed', { detail: `${caller.actor.name} is not among the callers of ${application.id}` })
      : refuse('not-found')
  const set = await applications.ready(name, new Slices(desk.clock))
  if (set === undefined) return refuse('not-found')
  return done({
    evaluate: (question) => evaluateInSet(set, question),
    candidates({ looksFor, question }, slices) {
      switch (looksFor) {
        case 'subject':
          return storedIds(set, question.subject.type, slices)
        case 'resource':
          return storedIds(set, question.resource.type, slices)
        case 'action':
          return applicableActions(set, question)
      }
    },
  })
}

/** Never throws for what a question holds: what cannot be built is a no, with the place of what does not fit. */
export function evaluateInSet(set: ApplicationSet, question: AccessQuestion): AccessAnswer {
  const built = build(set, question)
  if (!built.ok)
    return { decision: false, context: { reason: built.refusal.code, error: { status: 400, message: describeRefusal(built.refusal) } } }
  const { request, entities } = built.value
  const evaluation = evaluate(set.policies, request, entities)
  const brokenForbids = evaluation.errors.filter(({ policy }) => policy.effect === 'forbid')
  // A forbid that cannot be evaluated is a no here, though Cedar would skip it.
  const isPermitted = evaluation.decision === 'allow' && brokenForbids.length === 0
  const determining = isPermitted ? evaluation.permits : [...evaluation.forbids, ...brokenForbids.map(({ policy }) => policy)]
  const obliged = obligationsOf(determining)
  const decision = isPermitted && obliged !== undefined && isSupported(obliged, question.context)
  return {
    decision,
    context: {
      reason: reasonOf(evaluation, { isPermitted, isBroken: brokenForbids.length > 0, obliged, decision }),
      ...told(determining, question.explains === true ? (policy) => explainPolicy(policy, built.value) : describePolicy),
      ...(evaluation.errors.length === 0
        ? {}
        : { errors: evaluation.errors.slice(0, errorsMax).map(({ policy, message }) => ({ policy: policy.id, message })) }),
      ...(obliged === undefined || obliged.length === 0 || isPermitted !== decision ? {} : { obligations: obliged }),
    },
  }
}

const errorsMax = 20
/** Of the policies that determine an answer so many are named: a thousand answers in one call stay within what can be written and read. */
const policiesMax = 100

function told(determining: readonly CompiledPolicy[], describe: (policy: CompiledPolicy) => object): Readonly<Record<string, unknown>> {
  const leftOut = determining.length - policiesMax
  if (leftOut <= 0) return { policies: determining.map(describe) }
  return { policies: determining.slice(0, policiesMax).map(describe), policiesLeftOut: leftOut }
}

interface Built {
  readonly request: Parameters<typeof evaluate>[1]
  readonly entities: EntityStore
}

function build(set: ApplicationSet, question: AccessQuestion): Result<Built> {
  const principal = readUidOf(set, question.subject.type, question.subject.id)
  if (!principal.ok) return principal
  const resource = readUidOf(set, question.resource.type, question.resource.id)
  if (!resource.ok) return resource
  const action = actionOf(set, question.action.name)
  if (!action.ok) return action
  const asked = { principal: principal.value, action: action.value, resource: resource.value }
  const type = readAction(set, asked)
  if (!type.ok) return type
  const context = readContext(set, asked, contextOf(question, type.value.context))
  if (!context.ok) return context
  const { subject, resource: thing } = question
  if (subject.properties === undefined && thing.properties === undefined)
    return done({ request: { ...asked, context: context.value }, entities: set.entities })
  const entities = entitiesFor(set, [described(set, asked.principal, subject), described(set, asked.resource, thing)])
  return entities.ok ? done({ request: { ...asked, context: context.value }, entities: entities.value }) : entities
}

/**
 * What the schema does not declare no policy can read, so that leaving it out changes no answer; clients send the same context to every
 * decision point. The properties of the action stand in it as `action`, where the schema declares that.
 */
function contextOf({ context, action }: AccessQuestion, type: RecordType): JsonObject {
  const declared = declaredOf(context, type)
  if (action.properties === undefined || !type.attributes.has(actionMember)) return declared
  const wanted = type.attributes.get(actionMember)?.type
  return { ...declared, [actionMember]: wanted?.kind === 'record' ? declaredOf(action.properties, wanted) : action.properties }
}

function declaredOf(given: JsonObject, { attributes }: RecordType): JsonObject {
  const names = Object.keys(given)
  if (names.every((name) => attributes.has(name))) return given
  const kept: [string, JsonValue][] = []
  for (const name of names) {
    const value = given[name]
    if (value !== undefined && attributes.has(name)) kept.push([name, value])
  }
  return Object.fromEntries(kept)
}

function described(set: ApplicationSet, uid: Uid, { properties }: AccessEntity) {
  const shape = set.schema.entityTypes.get(uid.type)?.shape
  if (properties === undefined || shape === undefined) return { uid }
  return { uid, properties: declaredOf(properties, shape) }
}

const actions = new WeakMap<ApplicationSet, Map<string, Uid>>()

/** Names that were found once; what is no name is looked for each time, so that nobody can fill this. */
function actionOf(set: ApplicationSet, name: string): Result<Uid> {
  const names = actions.get(set) ?? new Map<string, Uid>()
  actions.set(set, names)
  const known = names.get(name)
  if (known !== undefined) return done(known)
  const found = readActionOf(set, name)
  if (found.ok) names.set(name, found.value)
  return found
}

interface Outcome {
  readonly isPermitted: boolean
  readonly isBroken: boolean
  readonly obliged: readonly AccessObligation[] | undefined
  readonly decision: boolean
}

function reasonOf({ permits, forbids }: Evaluation, { isPermitted, isBroken, obliged, decision }: Outcome): string {
  if (decision) return 'permitted'
  if (isPermitted) return obliged === undefined ? 'obligation-unreadable' : 'obligation-unsupported'
  if (forbids.length > 0) return 'forbidden'
  return isBroken && permits.length > 0 ? 'policy-error' : 'nothing-permits'
}

/** The union of what those that determine the answer demand; `undefined` where one of them cannot be read. */
function obligationsOf(policies: readonly CompiledPolicy[]): readonly AccessObligation[] | undefined {
  const obliged: AccessObligation[] = []
  for (const policy of policies) {
    const read = obligationOf(policy)
    if (read === null) continue
    if (!read.isReadable) return undefined
    obliged.push(read.obligation)
  }
  return obliged
}

/** Somebody who says what they can do, and cannot do this, is told no: a yes that they must not act on would be none. */
function isSupported(obliged: readonly AccessObligation[], { obligations_supported: declared }: JsonObject): boolean {
  return obliged.length === 0 || unsupported(obliged, declared).length === 0
}

const descriptions = new WeakMap<CompiledPolicy, Readonly<Record<string, unknown>>>()

function describePolicy(policy: CompiledPolicy): Readonly<Record<string, unknown>> {
  const known = descriptions.get(policy)
  if (known !== undefined) return known
  const { id, effect, source } = policy
  const made = { id, effect, file: source.file, line: source.line }
  descriptions.set(policy, made)
  return made
}

function explainPolicy(policy: CompiledPolicy, { request, entities }: Built): Readonly<Record<string, unknown>> {
  return { ...describePolicy(policy), because: because(policy, request, entities) }
}

const ids = new WeakMap<EntityStore, Map<string, readonly string[]>>()

/** Ids of the stored entities of a type, sorted once for each set. */
async function storedIds(
  { entities, schema }: ApplicationSet,
  type: string,
  slices: { pause(): Promise<void> },
): Promise<readonly string[]> {
  if (!schema.entityTypes.has(type)) return []
  const byType = ids.get(entities) ?? new Map<string, readonly string[]>()
  ids.set(entities, byType)
  const known = byType.get(type)
  if (known !== undefined) return known
  const found: string[] = []
  let seen = 0
  for (const { uid } of entities) {
    if (uid.type === type) found.push(uid.id)
    seen += 1
    if (seen % 1_024 === 0) await slices.pause()
  }
  const sorted = await inOrderInSlices(found, slices)
  byType.set(type, sorted)
  return sorted
}

/** Actions that the schema lets such a subject do to such a resource, by the shortest name that is theirs alone. */
function applicableActions({ schema }: ApplicationSet, { subject, resource }: AccessQuestion): readonly string[] {
  const all = [...schema.actions.values()]
  const counts = new Map<string, number>()
  for (const { uid } of all) counts.set(uid.id, (counts.get(uid.id) ?? 0) + 1)
  const applicable = all.filter(({ principals, resources }) => principals.has(subject.type) && resources.has(resource.type))
  return inOrder(applicable.map(({ uid }) => (counts.get(uid.id) === 1 ? uid.id : uid.toString())))
}
