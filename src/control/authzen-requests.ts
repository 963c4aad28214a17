/** Denials that could be asked for, and asking: AuthZEN's draft profile for access requests, on top of Remit's own requests for grants. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { canonicalJson, isJsonObject, type JsonObject } from '../kernel/json.ts'
import { formatInstant, type Instant, type Milliseconds } from '../kernel/instants.ts'
import { type AskHint, refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { AccessQuestion } from '../model/access.ts'
import type { Grant } from '../model/grants.ts'
import { evaluateOwnFor, type TellRequestable } from './authzen-own.ts'
import type { Caller, Desk } from './desk.ts'
import { type GrantRequest, requestGrant } from './request-grant.ts'

/** For so long a denial may be answered with a request. */
const denialMs: Milliseconds = 600_000

export const accessRequestPath = '/access/v1/requests'

/** What is submitted: the question as it was denied, and the denial's own members as they were told. */
export interface AccessRequest {
  readonly question: AccessQuestion
  readonly denial: JsonObject
  /** What a person will read; `context.business_justification`. */
  readonly statement: string | undefined
  /** UTC milliseconds; `requested_access.requested_until`. */
  readonly until: Instant | undefined
}

/** Says with each denial that this caller could ask about how to ask, bound to exactly this question of this chain. */
export function requestableBy(desk: Desk, caller: Caller): TellRequestable {
  return (question, [hint]) => {
    if (hint === undefined) return {}
    const expiresAt = desk.clock.now() + denialMs
    return {
      access_request: {
        // Earlier drafts look at this member, later ones at the object.
        requestable: true,
        endpoint: `${desk.pages().origin}${accessRequestPath}`,
        template: hint.task,
        expires_at: formatInstant(expiresAt),
        binding_token: bind(desk, caller, question, formatInstant(expiresAt)),
        display: { title: `Ask for a grant on ${hint.resource}`, description: hint.command },
      },
    }
  }
}

/**
 * Asks for a grant of what was denied, for the caller's own chain, under the task that the denial named. Refuses `access.denial` where no
 * denial of this process is bound to it or its time is over, and as `requestGrant` does.
 */
export async function requestAccess(desk: Desk, caller: Caller, request: AccessRequest): Promise<Result<Grant>> {
  const { question, denial } = request
  const bound = checkDenial(desk, caller, question, denial)
  if (!bound.ok) return bound
  // What could be asked for then may have become something else: it is found anew, and the denial's own words only choose among it.
  const hint = hintsFor(desk, caller, question).find(({ task }) => denial['template'] === undefined || task === denial['template'])
  if (hint === undefined) return refuse('request.not-eligible')
  const duration = request.until === undefined ? undefined : request.until - desk.clock.now()
  if (duration !== undefined && duration <= 0) return refuse('input.malformed', { detail: 'requested_access.requested_until: it is over' })
  const asked: GrantRequest = {
    task: hint.task,
    statement: request.statement ?? `${question.action.name} on ${hint.resource}, asked for after a denial`,
    scope: [hint.resource],
    ...(duration === undefined ? {} : { duration }),
  }
  return requestGrant(desk, caller, asked)
}

function hintsFor(desk: Desk, caller: Caller, question: AccessQuestion): readonly AskHint[] {
  let hints: readonly AskHint[] = []
  evaluateOwnFor(desk, caller, question, (_question, found) => {
    hints = found
    return {}
  })
  return hints
}

function checkDenial(desk: Desk, caller: Caller, question: AccessQuestion, denial: JsonObject): Result<undefined> {
  const { binding_token: token, expires_at: expiresAt } = denial
  if (typeof token !== 'string' || typeof expiresAt !== 'string') return refuse('access.denial')
  const wanted = Buffer.from(bind(desk, caller, question, expiresAt))
  const given = Buffer.from(token)
  if (given.byteLength !== wanted.byteLength || !timingSafeEqual(given, wanted)) return refuse('access.denial')
  // Only this process writes such a token, and it writes instants that can be read.
  return Date.parse(expiresAt) > desk.clock.now() ? done(undefined) : refuse('access.denial', { detail: 'its time is over' })
}

const keys = new WeakMap<Desk, Uint8Array>()

/** A key of this process alone: after a restart, or at another control node, the question is put again. */
function keyOf(desk: Desk): Uint8Array {
  const known = keys.get(desk)
  if (known !== undefined) return known
  const made = desk.chance.bytes(32)
  keys.set(desk, made)
  return made
}

/** What binds: who asks and for whom, and subject, action, resource and arguments. The rest of a context may be added to afterwards. */
function bind(desk: Desk, caller: Caller, { subject, action, resource, context }: AccessQuestion, expiresAt: string): string {
  const given = context['arguments']
  const bound = {
    v: 1,
    space: desk.space,
    chain: caller.claims.chain,
    subject: [subject.type, subject.id],
    action: action.name,
    resource: [resource.type, resource.id],
    arguments: isJsonObject(given) ? given : null,
    expiresAt,
  }
  return createHmac('sha256', keyOf(desk)).update(canonicalJson(bound)).digest('base64url')
}
