/** What a change of policies does: by `@id`, who may ask for what, and which guardrails, holds and duties appear, vanish or move. */
import { formatDuration, type Milliseconds } from '../kernel/instants.ts'
import { canonicalJson, type JsonObject } from '../kernel/json.ts'
import type { CompiledPolicy } from '../decision/cedar/policies.ts'
import type { EligibilityTerms, Rules } from '../decision/rules.ts'
import type { ChangeClass, ChangeLine } from '../model/change-sets.ts'
import type { ParsedPolicy } from '../model/policies.ts'
import { describeSelector, isAtLeastAsStrict } from '../model/selector.ts'
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

export function policyLines(before: RuledPicture, after: RuledPicture): ChangeLine[] {
  const was = knownPolicies(before)
  const is = knownPolicies(after)
  const lines: ChangeLine[] = []
  for (const id of [...new Set([...was.keys(), ...is.keys()])].toSorted()) {
    const old = was.get(id)
    const now = is.get(id)
    if (old === undefined && now !== undefined) lines.push(added(now))
    else if (old !== undefined && now === undefined) lines.push(removed(old, after))
    else if (old !== undefined && now !== undefined) lines.push(...changed(old, now, { before, after }))
  }
  return lines
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
  const hold = policy.annotations.get('hold')
  return hold === undefined ? 'forbids' : `holds for ${hold}:`
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
  if (canonicalJson(old.json) === canonicalJson(now.json)) return []
  if (old.kind !== now.kind || old.policy.effect !== now.policy.effect) return [removed(old, sides.after), added(now)]
  const lines = [
    ...termLines(old, now, sides),
    ...(old.kind === 'guardrail' ? holdLines(old, now, sides) : []),
    ...bodyLines(old, now, sides),
  ]
  return lines.length > 0 ? lines : [line(now, 'change', 'unclassified', 'is written in another way')]
}

/** Scope and conditions. */
function bodyLines(old: Known, now: Known, sides: Sides): ChangeLine[] {
  const { policy } = now
  const scopeOf = ({ json }: Known) => canonicalJson([json['principal'], json['action'], json['resource']])
  const conditionsOf = ({ json }: Known) => (Array.isArray(json['conditions']) ? json['conditions'].map((each) => canonicalJson(each)) : [])
  const [was, is] = [conditionsOf(old), conditionsOf(now)]
  const says = `now ${policy.effect === 'permit' ? 'lets' : guardVerb(policy)} ${policyInWords(policy)}; before: ${policyInWords(old.policy)}`
  if (scopeOf(old) !== scopeOf(now)) return [line(now, 'change', 'unclassified', says)]
  if (was.join() === is.join()) return []
  if (policy.effect === 'permit' && was.every((each) => is.includes(each))) {
    const cheaper = old.kind === 'eligibility' ? cheaperWithout(old, sides.after.rules) : undefined
    if (cheaper === undefined) return [line(now, 'change', 'narrows', `lets ${policyInWords(policy)} under one more condition`)]
    return [line(now, 'change', 'widens', `matches less, and who may still ask by ${cheaper} no longer needs what it asks for`)]
  }
  // A forbid without conditions holds whenever its scope does. Of any other change nobody can say in general.
  if (policy.effect === 'forbid' && is.length === 0)
    return [line(now, 'change', 'narrows', `${guardVerb(policy)} ${policyInWords(policy)} without a condition`)]
  return [line(now, 'change', 'unclassified', `has other conditions: ${says}`)]
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

/** A plain forbid is stronger than a hold; of two holds the one that asks more. */
function holdLines(old: Known, now: Known, { before, after }: Sides): ChangeLine[] {
  const [was, is] = [before.rules?.holds.get(old.policy.id), after.rules?.holds.get(now.policy.id)]
  if (was === undefined && is === undefined) return []
  if (was === undefined) return [line(now, 'change', 'widens', `holds ${policyInWords(now.policy)}, which was forbidden`)]
  if (is === undefined)
    return [line(now, 'change', 'narrows', `forbids ${policyInWords(now.policy)}, which was held for ${describeSelector(was)}`)]
  if (describeSelector(was) === describeSelector(is)) return []
  const says = `holds for ${describeSelector(is)}; before: ${describeSelector(was)}`
  return [line(now, 'change', isAtLeastAsStrict(is, was) ? 'narrows' : 'widens', says)]
}
