/** What a change does to identities: who comes, goes, gains or loses a role, and what that role is good for. */
import { canonicalJson } from '../kernel/json.ts'
import type { Rules } from '../decision/rules.ts'
import { uidsOf } from '../decision/cedar/scopes.ts'
import type { ChangeClass, ChangeLine } from '../model/change-sets.ts'
import { cedarTypes, type IssuedSubject } from '../model/identities.ts'
import type { ParsedPolicy } from '../model/policies.ts'
import type { PicturedIdentity } from './configuration-picture.ts'
import { mayMeet } from './policy-words.ts'
import { policyId, type RuledPicture } from './change-set-policies.ts'

export function* identityLines(before: RuledPicture, after: RuledPicture): Generator<ChangeLine> {
  if (before.identities === after.identities) return
  const sides = { uses: new RoleUses([before, after]), before, after, dear: new Map<string, readonly Eligible[]>() }
  for (const now of after.identities.values()) {
    const old = before.identities.get(now.name)
    if (old === now) continue
    yield* old === undefined ? arrival(now, sides.uses) : changes(old, now, sides)
  }
}

function line(about: PicturedIdentity, what: ChangeLine['what'], changeClass: ChangeClass, says: string): ChangeLine {
  return { kind: about.kind === 'human' ? 'person' : 'identity', name: about.name, what, class: changeClass, says }
}

/** Whoever is there may come to match a policy that is about everybody, and every person may answer. */
function arrival(now: PicturedIdentity, uses: RoleUses): ChangeLine[] {
  const owner = now.owner === undefined ? '' : `, owned by ${now.owner}`
  const what = now.kind === 'human' ? 'a person who may sign in and answer' : `${article(now.kind)} ${now.kind}${owner}`
  if (now.state === 'disabled') return [line(now, 'add', 'neutral', `${what}, disabled`)]
  const gained = now.roles.map((role) => roleGained(role, uses))
  return [line(now, 'add', 'widens', [what, ...gained.map(({ says }) => says)].join('; '))]
}

function article(kind: string): string {
  return /^[aeiou]/.test(kind) ? 'an' : 'a'
}

interface Sides {
  readonly uses: RoleUses
  readonly before: RuledPicture
  readonly after: RuledPicture
  /** By role: eligibilities whose terms come with it. */
  readonly dear: Map<string, readonly Eligible[]>
}

type Eligible = Rules['eligibility']['policies'][number]

function changes(old: PicturedIdentity, now: PicturedIdentity, sides: Sides): ChangeLine[] {
  const lines: ChangeLine[] = []
  if (old.state !== now.state) {
    lines.push(
      now.state === 'disabled'
        ? line(now, 'remove', 'narrows', 'is disabled: everything of theirs ends, and nobody acts for what they own')
        : line(now, 'add', 'widens', `comes back${now.roles.length === 0 ? '' : `, in ${now.roles.join(', ')}`}`),
    )
  }
  if (old.owner !== now.owner)
    lines.push(
      line(now, 'change', 'widens', `is owned by ${now.owner ?? 'nobody'} instead of ${old.owner ?? 'nobody'}, who answers for it no more`),
    )
  lines.push(...signInLines(old, now))
  for (const role of now.roles.filter((each) => !old.roles.includes(each))) {
    const gained = roleGained(role, sides.uses)
    lines.push(line(now, 'change', gained.class, gained.says))
  }
  for (const role of old.roles.filter((each) => !now.roles.includes(each))) lines.push(roleLost(now, role, sides))
  return lines
}

function signInLines(old: PicturedIdentity, now: PicturedIdentity): ChangeLine[] {
  const without = (list: readonly IssuedSubject[], other: readonly IssuedSubject[]) =>
    list.filter((each) => !other.some((by) => by.issuer === each.issuer && by.subject === each.subject))
  return [
    ...without(now.signsInBy, old.signsInBy).map(({ issuer, subject }) =>
      line(now, 'change', 'widens', `may be signed in as by ${issuer}, for ${subject}`),
    ),
    ...without(old.signsInBy, now.signsInBy).map(({ issuer, subject }) =>
      line(now, 'change', 'narrows', `is no longer signed in as by ${issuer}, for ${subject}`),
    ),
  ]
}

function roleGained(role: string, uses: RoleUses): { readonly class: ChangeClass; readonly says: string } {
  const used = uses.of(role)
  return { class: used === '' ? 'neutral' : 'widens', says: `gains role ${role}${used === '' ? ', which no policy names' : `: ${used}`}` }
}

function roleLost(now: PicturedIdentity, role: string, sides: Sides): ChangeLine {
  const { uses } = sides
  const used = uses.of(role)
  if (used === '') return line(now, 'change', 'neutral', `loses role ${role}, which no policy names`)
  const guards = uses.guards(role)
  if (guards.length > 0)
    return line(now, 'change', 'widens', `loses role ${role}, and with it what ${guards.join(', ')} said of who has it`)
  const cheaper = cheaperWithoutRole(now, role, sides)
  if (cheaper !== undefined)
    return line(
      now,
      'change',
      'widens',
      `loses role ${role}; what it may still ask for by ${cheaper} no longer needs what that role had to bring`,
    )
  return line(now, 'change', 'narrows', `loses role ${role}: ${used}`)
}

/** Terms add up over all eligibilities that match: whoever no longer matches a dear one may match a cheap one still. */
function cheaperWithoutRole(now: PicturedIdentity, role: string, { before, after, dear: known }: Sides): string | undefined {
  const matches = (policy: Eligible) => {
    const { principal } = policy.scope
    switch (principal.kind) {
      case 'any':
        return true
      case 'of-type':
        return principal.type === cedarTypes[now.kind] && (principal.within === undefined || now.roles.includes(principal.within.id))
      default:
        return uidsOf(principal).some((uid) => (uid.type === 'Role' ? now.roles.includes(uid.id) : uid.id === now.name))
    }
  }
  const ofRole = known.get(role) ?? dearOf(role, before.rules)
  known.set(role, ofRole)
  const dear = ofRole.filter((policy) => !matches(policy))
  if (dear.length === 0) return undefined
  const cheap = after.rules?.eligibility.policies.filter((policy) => matches(policy)) ?? []
  return cheap.find((policy) => dear.some((each) => each.id !== policy.id && mayMeet(each.scope, policy.scope)))?.id
}

function dearOf(role: string, rules: Rules | undefined): readonly Eligible[] {
  return (rules?.eligibility.policies ?? []).filter(
    (policy) =>
      uidsOf(policy.scope.principal).some((uid) => uid.type === 'Role' && uid.id === role) &&
      ['approval', 'duration', 'maxDuration'].some((name) => policy.annotations.has(name)),
  )
}

/** Where policies name roles, on either side of the comparison. */
export class RoleUses {
  readonly #uses = new Map<string, Set<string>>()
  readonly #guards = new Map<string, Set<string>>()

  constructor(sides: readonly RuledPicture[]) {
    for (const { rules, policies, applications } of sides) {
      if (rules !== undefined) this.#read(rules, policies?.parsed ?? [])
      for (const { id, callers } of applications.values())
        for (const { kind, name } of callers) if (kind === 'role') put(this.#uses, name, `may ask the application ${id}`)
    }
  }

  /** What the role is good for, in words; empty where nothing names it. */
  of(role: string): string {
    return [...(this.#uses.get(role) ?? [])].join(', ')
  }

  /** Policies to which losing the role may mean less restraint: it stands in a forbid, or in a condition. */
  guards(role: string): readonly string[] {
    return [...(this.#guards.get(role) ?? [])]
  }

  #read({ eligibility, guardrails, desk, terms, holds }: Rules, parsed: readonly ParsedPolicy[]): void {
    const conditions = new Map(parsed.map((each) => [policyId(each), canonicalJson(each.json['conditions'] ?? [])]))
    for (const [set, words] of [
      [eligibility, 'may ask by'],
      [desk, 'at the desk by'],
      [guardrails, 'guarded by'],
    ] as const) {
      for (const { id, effect, mentions, scope } of set.policies) {
        const inScope = new Set(uidsOf(scope.principal).map((uid) => uid.key))
        for (const uid of mentions.filter((each) => each.type === 'Role')) {
          put(this.#uses, uid.id, `${words} ${id}`)
          // In the scope of a permit it only gives.
          const restrains = effect === 'forbid' || !inScope.has(uid.key) || conditions.get(id)?.includes(entityText(uid.id)) !== false
          if (restrains) put(this.#guards, uid.id, id)
        }
      }
    }
    for (const [id, selector] of [
      ...holds,
      ...[...terms].flatMap(([id, { approval }]) => (approval === undefined ? [] : [[id, approval] as const])),
    ]) {
      for (const member of selector.parts.flatMap((part) => part.from)) {
        if (member.kind === 'role') put(this.#uses, member.name, `may approve what ${id} asks for`)
      }
    }
  }
}

/** A role as it stands in the canonical form of a condition. */
function entityText(role: string): string {
  return canonicalJson({ type: 'Role', id: role })
}

function put(map: Map<string, Set<string>>, key: string, value: string): void {
  map.set(key, (map.get(key) ?? new Set()).add(value))
}
