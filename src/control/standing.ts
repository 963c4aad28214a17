/** Everything that stands: exceptions, who may what at the desk by policy alone, what Remit holds itself, and what only proves identity. */
import type { IdentityId } from '../kernel/ids.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { evaluate } from '../decision/cedar/evaluate.ts'
import type { DeskAction, Identity, StandingException } from '../model/identities.ts'
import type { Service } from '../model/services.ts'
import type { Caller, Desk } from './desk.ts'
import { maySeeException } from './exceptions.ts'
import { callerMay, isParty } from './rights.ts'
import { type GrantRuns, grantRuns } from './standing-runs.ts'
import { deskActionUid, deskUid, identityUid } from '../decision/names.ts'

export interface DeskStanding {
  readonly actions: readonly DeskAction[]
  readonly policies: readonly string[]
  readonly identities: readonly Identity[]
}

export interface CredentialStanding {
  readonly id: string
  readonly identity: IdentityId
  readonly kind: 'api-secret' | 'oauth-client' | 'passkey'
  /** Of an OAuth client: the address of its metadata document. */
  readonly client?: string
  readonly createdAt: Instant
  readonly expiresAt?: Instant
  readonly lastUsedAt?: Instant
  readonly isUnused: boolean
}

export interface Standing {
  readonly exceptions: readonly StandingException[]
  readonly desk: readonly DeskStanding[]
  /** Whether the caller may hear of everything: then also of the machine itself. */
  readonly isWhole: boolean
  readonly runs: GrantRuns
  readonly upstreams: readonly Service[]
  readonly credentials: readonly CredentialStanding[]
}

const unusedAfter: Milliseconds = 30 * 86_400_000
const credentialsMax = 1_000
/** What policy may give anybody for good. */
const standingActions = ['approve', 'audit', 'stop'] as const

/** For whoever may audit all of it, for everybody else what is theirs or of what they own. What reaches furthest comes first. */
export async function standing(desk: Desk, caller: Caller): Promise<Standing> {
  const isWhole = callerMay(desk, caller, 'audit').ok
  const isOwn = (id: IdentityId) => isParty(desk, caller, [id])
  const maySee = (id: IdentityId) => isWhole || isOwn(id)
  return {
    exceptions: openExceptions(desk, caller),
    desk: deskStanding(
      desk,
      [...desk.facts.identities()].filter((each) => maySee(each.id)),
    ),
    isWhole,
    runs: await grantRuns(desk, maySee),
    upstreams: isWhole ? desk.facts.services().filter((service) => service.credential !== undefined) : [],
    credentials: credentials(desk, maySee),
  }
}

/** Active ones before proposals, the furthest reaching first. */
export function openExceptions(desk: Desk, caller: Caller): readonly StandingException[] {
  return [...desk.facts.exceptions()]
    .filter((each) => maySeeException(desk, caller, each) && (each.state !== 'active' || desk.clock.now() < each.expiresAt))
    .toSorted(byReach)
}

const listedMax = 200

/** What stands now, to be put before what was lent: all that the caller may see, or only what the caller has. */
export function activeExceptions(desk: Desk, caller: Caller, onlyOwn: boolean): readonly StandingException[] {
  const seen = openExceptions(desk, caller).filter((each) => each.state === 'active' && (!onlyOwn || each.identity === caller.actor.id))
  return seen.slice(0, listedMax)
}

export function byReach(a: StandingException, b: StandingException): number {
  const active = (each: StandingException) => (each.state === 'active' ? 0 : 1)
  return (
    active(a) - active(b) || b.blast.tier - a.blast.tier || b.blast.operations.length - a.blast.operations.length || (a.id < b.id ? -1 : 1)
  )
}

/**
 * Who may what at the desk by its policies. Cedar can tell two identities apart only by kind, roles, owner and name: those that share the
 * first three and are named in no rule are asked about once.
 */
export function deskStanding(desk: Desk, identities: readonly Identity[]): readonly DeskStanding[] {
  const { rules } = desk.facts
  if (rules === undefined) return []
  const named = new Set(rules.desk.policies.flatMap((policy) => policy.mentions).map((uid) => uid.key))
  const classes = new Map<string, Identity[]>()
  for (const identity of identities) {
    if (identity.state !== 'live' || identity.quarantine !== undefined) continue
    const uid = identityUid(identity)
    const alone = named.has(uid.key) ? uid.key : ''
    const key = [identity.kind, identity.owner ?? '', alone, ...identity.roles.toSorted()].join('\n')
    const known = classes.get(key)
    if (known === undefined) classes.set(key, [identity])
    else known.push(identity)
  }
  const found = new Map<string, { readonly actions: DeskAction[]; readonly policies: string[]; readonly identities: Identity[] }>()
  for (const members of classes.values()) {
    const [first] = members
    const given = first === undefined ? [] : standingActions.flatMap((action) => givenAtDesk(desk, first, action))
    if (given.length === 0) continue
    const actions = given.map(({ action }) => action)
    const policies = [...new Set(given.flatMap((each) => each.policies))].toSorted()
    const key = [...actions, '', ...policies].join('\n')
    const known = found.get(key)
    if (known === undefined) found.set(key, { actions, policies, identities: [...members] })
    else known.identities.push(...members)
  }
  return [...found.values()].toSorted((a, b) => b.actions.length - a.actions.length || b.identities.length - a.identities.length)
}

function givenAtDesk(desk: Desk, identity: Identity, action: DeskAction) {
  const { rules, entities } = desk.facts
  if (rules === undefined) return []
  const request = { principal: identityUid(identity), action: deskActionUid(action), resource: deskUid(desk.space), context: new Map() }
  const { decision, permits, errors } = evaluate(rules.desk, request, entities)
  const isBroken = errors.some(({ policy }) => policy.effect === 'forbid')
  return decision === 'allow' && !isBroken ? [{ action, policies: permits.map((policy) => policy.id) }] : []
}

/** Live API secrets, and passkeys that nobody has used for long; those unused come first. */
function credentials(desk: Desk, maySee: (id: IdentityId) => boolean): readonly CredentialStanding[] {
  const now = desk.clock.now()
  const found: CredentialStanding[] = []
  const isUnused = (createdAt: Instant, lastUsedAt: Instant | undefined) => now - (lastUsedAt ?? createdAt) > unusedAfter
  const used = (lastUsedAt: Instant | undefined) => (lastUsedAt === undefined ? {} : { lastUsedAt })
  for (const { id: identity } of desk.facts.identities()) {
    if (!maySee(identity)) continue
    for (const { id, createdAt, expiresAt, revokedAt, lastUsedAt, client } of desk.facts.credentialsOf(identity)) {
      if (revokedAt !== undefined || now >= expiresAt) continue
      const what = client === undefined ? ({ kind: 'api-secret' } as const) : ({ kind: 'oauth-client', client: client.id } as const)
      found.push({ id, identity, ...what, createdAt, expiresAt, ...used(lastUsedAt), isUnused: isUnused(createdAt, lastUsedAt) })
    }
    for (const { id, createdAt, revokedAt, lastUsedAt } of desk.facts.proofs.passkeysOf(identity)) {
      if (revokedAt !== undefined || !isUnused(createdAt, lastUsedAt)) continue
      found.push({ id, identity, kind: 'passkey', createdAt, ...used(lastUsedAt), isUnused: true })
    }
  }
  return found
    .toSorted(
      (a, b) => Number(b.isUnused) - Number(a.isUnused) || (b.expiresAt ?? Infinity) - (a.expiresAt ?? Infinity) || (a.id < b.id ? -1 : 1),
    )
    .slice(0, credentialsMax)
}
