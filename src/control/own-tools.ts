/** The desk as an agent reaches it through a gateway: it asks, looks and ends as itself, by the deeds that the API has for the same. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { GrantId } from '../kernel/ids.ts'
import { formatInstant } from '../kernel/instants.ts'
import { isSameChain } from '../decision/decide.ts'
import type { Grant } from '../model/grants.ts'
import type { GrantState } from '../model/lives.ts'
import { describeScopeLine } from '../model/scope.ts'
import type { Caller, Desk } from './desk.ts'
import { type Askable, eligible } from './eligible.ts'
import { completeGrant } from './end-grant.ts'
import { claimsStand } from './identify.ts'
import type { Bearer } from './ports.ts'
import { type GrantRequest, requestGrant } from './request-grant.ts'
import { answerableGrant, describeRequirement, isLocked } from './rights.ts'
import { activateGrant } from './work-window.ts'

/** A grant as its agent is told of it. */
export interface AgentGrant {
  readonly id: GrantId
  readonly state: GrantState
  readonly task: string
  readonly scope: readonly string[]
  /** Who has to say yes: `nobody`, or persons in words. */
  readonly approval: string
  /** Nobody who is there could say yes. */
  readonly locked?: true
  /** It was asked for after somebody of the chain had read what anybody may have written: policy alone never gives it. */
  readonly untrusted?: true
  /** Where a person answers. */
  readonly page: string
  /** Of an active one, UTC. */
  readonly expiresAt?: string
  /** How it ended, and why. */
  readonly ending?: string
}

/** Who asks, and the token that says so: where the desk is elsewhere, it reads that itself. */
export interface Agent {
  readonly bearer: Bearer
  readonly token: string
}

/**
 * What a gateway offers to agents, at the desk. Whoever asks is the chain of the token, as everywhere. A token that names a grant is
 * for that task alone: it sees and ends that grant, and asks for no other (`caller.not-allowed`).
 */
export interface AgentDesk {
  eligible(agent: Agent, filter: { readonly task?: string; readonly ticket?: string }): Promise<Result<readonly Askable[]>>
  /** Asks, and begins at once what nobody needs to approve. */
  request(agent: Agent, request: GrantRequest): Promise<Result<AgentGrant>>
  /** One grant, which begins if it was approved meanwhile; or all that are open. Refuses `not-found` for grants of other chains. */
  status(agent: Agent, id: GrantId | undefined): Promise<Result<readonly AgentGrant[]>>
  /** The task is done: it ends at once, everywhere. */
  done(agent: Agent, id: GrantId, reason: string): Promise<Result<AgentGrant>>
}

export function agentDesk(desk: Desk): AgentDesk {
  return {
    eligible: async ({ bearer }, filter) => {
      const caller = callerOf(desk, bearer)
      return caller.ok ? done(await eligible(desk, caller.value, filter)) : caller
    },
    request: async ({ bearer }, request) => {
      const caller = callerOf(desk, bearer)
      if (!caller.ok) return caller
      if (bearer.claims.grant !== undefined)
        return refuse('caller.not-allowed', { detail: 'this token is for one grant, and asks for no other' })
      const asked = await requestGrant(desk, caller.value, request)
      return asked.ok ? begun(desk, caller.value, asked.value) : asked
    },
    status: async ({ bearer }, id) => {
      const caller = callerOf(desk, bearer)
      if (!caller.ok) return caller
      if (id === undefined) return done(openGrants(desk, bearer, caller.value).map((grant) => told(desk, grant)))
      const own = await ownGrant(desk, bearer, id)
      if (!own.ok) return own
      const grant = await begun(desk, caller.value, own.value)
      return grant.ok ? done([grant.value]) : grant
    },
    done: async ({ bearer }, id, reason) => {
      const caller = callerOf(desk, bearer)
      if (!caller.ok) return caller
      const own = await ownGrant(desk, bearer, id)
      if (!own.ok) return own
      const ended = await completeGrant(desk, caller.value, id, reason)
      return ended.ok ? done(told(desk, ended.value.grant)) : ended
    },
  }
}

function callerOf(desk: Desk, { claims, address }: Bearer): Result<Caller> {
  if (desk.clock.now() >= claims.expiresAt) return refuse('credential.invalid', { detail: 'it has ended' })
  const chain = claimsStand(desk, claims)
  if (!chain.ok) return chain
  const [actor] = chain.value
  return actor === undefined ? refuse('credential.invalid') : done({ actor, chain: chain.value, claims, address })
}

function isOwn({ claims }: Bearer, grant: Grant): boolean {
  return isSameChain(grant.chain, claims.chain) && (claims.grant === undefined || claims.grant === grant.id)
}

function openGrants(desk: Desk, bearer: Bearer, { actor }: Caller): readonly Grant[] {
  return [...desk.facts.openGrantsOf(actor.id)].filter((grant) => isOwn(bearer, grant))
}

/** Somebody else's answers as one that is not there. */
async function ownGrant(desk: Desk, bearer: Bearer, id: GrantId): Promise<Result<Grant>> {
  const grant = desk.facts.grant(id) ?? (await desk.store.read((tx) => tx.get('grant', id)))
  return grant?.space === desk.space && isOwn(bearer, grant) ? done(grant) : refuse('not-found')
}

async function begun(desk: Desk, caller: Caller, grant: Grant): Promise<Result<AgentGrant>> {
  if (grant.state !== 'approved') return done(told(desk, grant))
  const active = await activateGrant(desk, caller, grant.id)
  return active.ok ? done(told(desk, active.value)) : active
}

function told(desk: Desk, grant: Grant): AgentGrant {
  const { id, state, task, scope, requirement, untrusted, expiresAt, ending } = grant
  const locked = state === 'pending' && isLocked(desk, answerableGrant(grant), desk.clock.now())
  return {
    id,
    state,
    task: task.kind,
    scope: scope.map(describeScopeLine),
    approval: describeRequirement(requirement),
    ...(locked ? { locked } : {}),
    ...(untrusted === undefined ? {} : { untrusted }),
    page: `${desk.pages().origin}/requests/${id}`,
    ...(state === 'active' && expiresAt !== undefined ? { expiresAt: formatInstant(expiresAt) } : {}),
    ...(ending === undefined ? {} : { ending: `${ending.how}: ${ending.reason}` }),
  }
}
