/** Policies in words for whoever is asked to approve one, and whether two of them can speak of the same request. */
import type { CompiledPolicy } from '../decision/cedar/policies.ts'
import { type Scope, type ScopePart, uidsOf } from '../decision/cedar/scopes.ts'
import type { Uid } from '../decision/cedar/values.ts'

/** `role sre ask for anything on shop, if its conditions hold, with the approval of role:sre`. */
export function policyInWords(policy: CompiledPolicy): string {
  const { principal, action, resource } = policy.scope
  const terms = ['approval', 'duration', 'maxDuration'].flatMap((name) => {
    const value = policy.annotations.get(name)
    return value === undefined ? [] : [`${termWords[name] ?? name} ${value}`]
  })
  const condition = /\b(?:when|unless)\s*\{/.test(policy.text) ? ', if its conditions hold' : ''
  return `${principalInWords(principal)} ${actionInWords(action)} ${resourceInWords(resource)}${condition}${terms.map((each) => `, ${each}`).join('')}`
}

const termWords: Readonly<Record<string, string>> = { approval: 'with the approval of', duration: 'for', maxDuration: 'for at most' }

function principalInWords(part: ScopePart): string {
  switch (part.kind) {
    case 'any':
      return 'everybody'
    case 'is':
      return part.uid.id
    case 'in':
      return part.uids.map(nameInWords).join(' or ')
    case 'of-type':
      return `every ${part.type}${part.within === undefined ? '' : ` in ${nameInWords(part.within)}`}`
  }
}

function actionInWords(part: ScopePart): string {
  const named = uidsOf(part)
  if (named.some((uid) => uid.id === 'request' || uid.id === 'ask')) return 'ask for'
  return named.length === 0 ? 'do anything on' : `${named.map((uid) => (uid.id === 'any' ? 'do anything' : uid.id)).join(' or ')} on`
}

function resourceInWords(part: ScopePart): string {
  switch (part.kind) {
    case 'any':
      return 'anything'
    case 'is':
      return part.uid.id
    case 'in':
      return part.uids.map((uid) => `anything in ${uid.id}`).join(' or ')
    case 'of-type':
      return `any ${part.type}${part.within === undefined ? '' : ` in ${part.within.id}`}`
  }
}

function nameInWords(uid: Uid): string {
  return uid.type === 'Role' ? `role ${uid.id}` : uid.id
}

/** False only where no request can be within both scopes, whoever comes and whatever is declared later. */
export function mayMeet(left: Scope, right: Scope): boolean {
  return (
    actionsMeet(left.action, right.action) &&
    principalsMeet(left.principal, right.principal) &&
    resourcesMeet(left.resource, right.resource)
  )
}

function actionsMeet(left: ScopePart, right: ScopePart): boolean {
  const names = new Set(uidsOf(right).map((uid) => uid.key))
  return uidsOf(left).some((uid) => names.has(uid.key))
}

/** Somebody may be in any two roles, but is one person and of one type. */
function principalsMeet(left: ScopePart, right: ScopePart): boolean {
  const [one, other] = [soleUid(left), soleUid(right)]
  if (one !== undefined && other !== undefined) return one.key === other.key
  const [leftType, rightType] = [typeOf(left), typeOf(right)]
  return leftType === undefined || rightType === undefined || leftType === rightType
}

function soleUid(part: ScopePart): Uid | undefined {
  if (part.kind === 'is') return part.uid
  const [only, ...more] = part.kind === 'in' ? part.uids : []
  return only === undefined || more.length > 0 || only.type === 'Role' ? undefined : only
}

function typeOf(part: ScopePart): string | undefined {
  return part.kind === 'of-type' ? part.type : soleUid(part)?.type
}

/** Operations are below one service each, and nothing is below two. */
function resourcesMeet(left: ScopePart, right: ScopePart): boolean {
  const [one, other] = [uidsOf(left), uidsOf(right)]
  if (one.length === 0 || other.length === 0) return true
  return one.some((a) => other.some((b) => isSameOrBelow(a, b) || isSameOrBelow(b, a)))
}

function isSameOrBelow(uid: Uid, above: Uid): boolean {
  if (uid.key === above.key) return true
  if (above.type === 'Service' && uid.type === 'Route') return uid.id.startsWith(`${above.id}/`)
  // What stands below something of another kind is not known here.
  return above.type !== 'Service' && above.type !== 'Route'
}
