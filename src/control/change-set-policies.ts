/** What a change of policies does: by `@id`, who may ask for what, and which guardrails, holds and duties appear, vanish or move. */
import { formatDuration, type Milliseconds } from '../kernel/instants.ts'
import type { JsonObject, JsonValue } from '../kernel/json.ts'
import { isSameJson } from '../kernel/same-json.ts'
import type { CompiledPolicy } from '../decision/cedar/policies.ts'
import type { EligibilityTerms, Rules } from '../decision/rules.ts'
import type { ChangeClass, ChangeLine } from '../model/change-sets.ts'
import type { ParsedPolicy } from '../model/policies.ts'
import { describeObligations, isAtLeastAsDutiful, noObligations, type Obligations } from '../model/obligations.ts'
import { describeSelector, isAtLeastAsStrict, type Selector } from '../model/selector.ts'
import { defaultDuration } from '../decision/ask.ts'
import type { Picture } from './configuration-picture.ts'
import { mayMeet, policyInWords } from './policy-words.ts'

/** A side of the comparison, with its rules read. */
export type RuledPicture = Picture & { readonly rules: Rules | undefined }

type Kind = 'eligibility' | 'guardrail' | 'desk'

interface Known {
  readonly kind: Kind
  readonly policy: CompiledPolicy
  readonly json: JsonObject
}

export function* policyLines(before: RuledPicture, after: RuledPicture): Generator<ChangeLine> {
  const was = knownPolicies(before)
  const is = knownPolicies(after)
  for (const id of [...new Set([...was.keys(), ...is.keys()])].toSorted()) {
    const old = was.get(id)
    const now = is.get(id)
    if (old === undefined && now !== undefined) yield added(now)
    else if (old !== undefined && now === undefined) yield removed(old, after)
    else if (old !== undefined && now !== undefined) yield* changed(old, now, { before, after })
  }
}

function knownPolicies({ rules, policies }: RuledPicture): ReadonlyMap<string, Known> {
  if (rules === undefined) return new Map()
  const parsed = new Map((policies?.parsed ?? []).map((each) => [policyId(each), each.json]))
  const known = (kind: Kind, list: readonly CompiledPolicy[]) =>
    list.map((policy) => [policy.id, { kind, policy, json: parsed.get(policy.id) ?? {} }] as const)
  return new Map([
    ...known('eligibility', rules.eligibility.policies),
    ...known('guardrail', rules.guardrails.policies),
    ...known('desk', rules.desk.policies),
  ])
}

/** The `@id` of a policy as it was parsed; empty where it has none. */
export function policyId({ json }: ParsedPolicy): string {
  const { annotations } = json
  const id = typeof annotations === 'object' && annotations !== null && 'id' in annotations ? annotations.id : undefined
  return typeof id === 'string' ? id : ''
}

function line(known: Known, what: ChangeLine['what'], changeClass: ChangeClass, says: string): ChangeLine {
  return { kind: 'policy', name: known.policy.id, what, class: changeClass, says }
}

function added(now: Known): ChangeLine {
  const { policy } = now
  if (policy.effect === 'permit') return line(now, 'add', 'widens', `lets ${policyInWords(policy)}`)
  return line(now, 'add', 'narrows', `${guardVerb(policy)} ${policyInWords(policy)}`)
}

function removed(old: Known, after: RuledPicture): ChangeLine {
  const { policy, kind } = old
  if (policy.effect === 'forbid') return line(old, 'remove', 'widens', `no longer ${guardVerb(policy)} ${policyInWords(policy)}`)
  const says = `no longer lets ${policyInWords(policy)}`
  const cheaper = kind === 'eligibility' ? cheaperWithout(old, after.rules) : undefined
  if (cheaper === undefined) return line(old, 'remove', 'narrows', says)
  return line(old, 'remove', 'widens', `${says}; who may still ask by ${cheaper} no longer needs what this one asked for`)
}

function guardVerb(policy: CompiledPolicy): string {
  const [hold, duty] = [policy.annotations.get('hold'), policy.annotations.get('duty')]
  const holds = hold === undefined ? [] : [`holds for ${hold}`]
  const demands = duty === undefined ? [] : [`demands ${duty} of`]
  const verbs = [...holds, ...demands]
  return verbs.length === 0 ? 'forbids' : `${verbs.join(' and ')}:`
}

/**
 * Terms of all eligibilities that match add up, so that one with terms that goes, or matches less, can make what another one lets ask
 * cheaper. Answers such another one, if there may be any.
 */
export function cheaperWithout(old: Pick<Known, 'policy'>, rules: Rules | undefined): string | undefined {
  const { policy } = old
  if (!['approval', 'duration', 'maxDuration'].some((name) => policy.annotations.has(name))) return undefined
  return rules?.eligibility.policies.find((other) => other.id !== policy.id && mayMeet(policy.scope, other.scope))?.id
}

interface Sides {
  readonly before: RuledPicture
  readonly after: RuledPicture
}

function changed(old: Known, now: Known, sides: Sides): ChangeLine[] {
  // The same text has one reading.
  if (old.policy.text === now.policy.text || isSameJson(old.json, now.json)) return []
  if (old.kind !== now.kind || old.policy.effect !== now.policy.effect) return [removed(old, sides.after), added(now)]
  const lines = [
    ...termLines(old, now, sides),
    ...(old.kind === 'guardrail' ? guardLines(old, now, sides) : []),
    ...bodyLines(old, now, sides),
  ]
  return lines.length > 0 ? lines : [line(now, 'change', 'unclassified', 'is written in another way')]
}

/** Scope and conditions. */
function bodyLines(old: Known, now: Known, sides: Sides): ChangeLine[] {
  const { policy } = now
  const [was, is] = [conditionsOf(old), conditionsOf(now)]
  const says = `now ${policy.effect === 'permit' ? 'lets' : guardVerb(policy)} ${policyInWords(policy)}; before: ${policyInWords(old.policy)}`
  if (scopeParts.some((part) => !isSameJson(old.json[part], now.json[part]))) return [line(now, 'change', 'unclassified', says)]
  if (isSameJson(was, is)) return []
  if (policy.effect === 'permit' && was.every((each) => is.some((one) => isSameJson(each, one)))) {
    const cheaper = old.kind === 'eligibility' ? cheaperWithout(old, sides.after.rules) : undefined
    if (cheaper === undefined) return [line(now, 'change', 'narrows', `lets ${policyInWords(policy)} under one more condition`)]
    return [line(now, 'change', 'widens', `matches less, and who may still ask by ${cheaper} no longer needs what it asks for`)]
  }
  // A forbid without conditions holds whenever its scope does. Of any other change nobody can say in general.
  if (policy.effect === 'forbid' && is.length === 0)
    return [line(now, 'change', 'narrows', `${guardVerb(policy)} ${policyInWords(policy)} without a condition`)]
  return [line(now, 'change', 'unclassified', `has other conditions: ${says}`)]
}

const scopeParts = ['principal', 'action', 'resource'] as const

function conditionsOf({ json: { conditions } }: Known): readonly JsonValue[] {
  return isList(conditions) ? conditions : []
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/** Approval and times of an eligibility. */
function termLines(old: Known, now: Known, { before, after }: Sides): ChangeLine[] {
  const [was, is] = [before.rules?.terms.get(old.policy.id), after.rules?.terms.get(now.policy.id)]
  if (was === undefined || is === undefined) return []
  return [...approvalLine(now, was, is), ...timeLines(now, was, is)]
}

function approvalLine(now: Known, was: EligibilityTerms, is: EligibilityTerms): ChangeLine[] {
  const [old, asks] = [was.approval ?? { parts: [] }, is.approval ?? { parts: [] }]
  if (describeSelector(old) === describeSelector(asks)) return []
  const says = `asks for the approval of ${inWords(describeSelector(asks))}; before: ${inWords(describeSelector(old))}`
  return [line(now, 'change', isAtLeastAsStrict(asks, old) ? 'narrows' : 'widens', says)]
}

function inWords(selector: string): string {
  return selector === '' ? 'nobody' : selector
}

function timeLines(now: Known, was: EligibilityTerms, is: EligibilityTerms): ChangeLine[] {
  const compare = (old: Milliseconds, asks: Milliseconds, says: string): ChangeLine[] =>
    old === asks ? [] : [line(now, 'change', asks < old ? 'narrows' : 'widens', `${says} ${time(asks)}; before: ${time(old)}`)]
  return [
    ...compare(was.duration ?? defaultDuration, is.duration ?? defaultDuration, 'unless asked otherwise it lasts'),
    ...compare(was.maxDuration ?? Number.POSITIVE_INFINITY, is.maxDuration ?? Number.POSITIVE_INFINITY, 'lasts at most'),
  ]
}

function time(milliseconds: Milliseconds): string {
  return Number.isFinite(milliseconds) ? formatDuration(milliseconds) : 'what the tier allows'
}

/** A plain forbid is stronger than a hold and than a duty; of two holds the one that asks more, of two duties the one that demands more. */
function guardLines(old: Known, now: Known, { before, after }: Sides): ChangeLine[] {
  const [was, is] = [softened(old, before), softened(now, after)]
  if (was === undefined && is === undefined) return []
  const says = `${guardVerb(now.policy)} ${policyInWords(now.policy)}`
  if (was === undefined) return [line(now, 'change', 'widens', `${says}, which was forbidden`)]
  if (is === undefined) return [line(now, 'change', 'narrows', `${says}, which was ${softenedInWords(was)}`)]
  return [...holdLine(now, was, is), ...dutyLine(now, was, is)]
}

/** What makes of a forbid less than one. */
interface Softened {
  readonly hold: Selector | undefined
  readonly duty: Obligations | undefined
}

function softenedInWords({ hold, duty }: Softened): string {
  const held = hold === undefined ? [] : [`held for ${describeSelector(hold)}`]
  return [...held, ...(duty === undefined ? [] : [`let through with ${describeObligations(duty)}`])].join(' and ')
}

function softened({ policy: { id } }: Known, { rules }: RuledPicture): Softened | undefined {
  const [hold, duty] = [rules?.holds.get(id), rules?.duties.get(id)]
  return hold === undefined && duty === undefined ? undefined : { hold, duty }
}

function holdLine(now: Known, { hold: was }: Softened, { hold: is }: Softened): ChangeLine[] {
  const [old, asks] = [was === undefined ? '' : describeSelector(was), is === undefined ? '' : describeSelector(is)]
  if (old === asks) return []
  if (is === undefined) return [line(now, 'change', 'widens', `no longer holds for ${old}: ${policyInWords(now.policy)}`)]
  const isStricter = was === undefined || isAtLeastAsStrict(is, was)
  return [line(now, 'change', isStricter ? 'narrows' : 'widens', `holds for ${asks}; before: ${inWords(old)}`)]
}

function dutyLine(now: Known, { duty: was = noObligations }: Softened, { duty: is = noObligations }: Softened): ChangeLine[] {
  const [old, demands] = [describeObligations(was), describeObligations(is)]
  if (old === demands) return []
  const says = `demands ${demands === '' ? 'nothing' : demands}; before: ${old === '' ? 'nothing' : old}`
  return [line(now, 'change', isAtLeastAsDutiful(is, was) ? 'narrows' : 'widens', says)]
}
