/** Remit as a decision point of AuthZEN about what it guards itself: would this action be allowed now, under a live grant of the subject? */
import { type GrantId, type IdentityId, parseId } from '../kernel/ids.ts'
import { formatInstant } from '../kernel/instants.ts'
import { type AskHint, describeRefusal, refuse, type Refusal } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Answer, decide } from '../decision/decide.ts'
import type { AccessAnswer, AccessPoint, AccessQuestion, AccessSearch } from '../model/access.ts'
import { type Action, resourceOf } from '../model/actions.ts'
import { type Identity, identityKinds } from '../model/identities.ts'
import { findRoute, type Route, type Service } from '../model/services.ts'
import { askInstead } from './ask-instead.ts'
import { inOrder, inOrderInSlices } from './authzen.ts'
import { readArguments } from './authzen-arguments.ts'
import { describeOwnObligations } from './authzen-obligations.ts'
import type { Caller, Desk } from './desk.ts'
import { callerMay, describeRequirement } from './rights.ts'

/** Chains and grants that one question is tried with: an identity has 50 open requests at most. */
const attemptsMax = 64
/** Neither a name of an identity nor of an operation is longer, whatever it is. */
const nameMax = 200

export const ownResourceTypes = ['route', 'service'] as const

/** How a denial that could be asked for is told: by whom, and bound to what. */
export type TellRequestable = (question: AccessQuestion, hints: readonly AskHint[]) => Readonly<Record<string, unknown>>

/** For one caller: about themselves, about whom they own, and, where they audit, about everybody. Anybody else is unknown to them. */
export function ownAccessPoint(desk: Desk, caller: Caller, requestable: TellRequestable): AccessPoint {
  let audits: boolean | undefined
  const maySee = (identity: Identity): boolean => {
    if (identity.id === caller.actor.id || identity.owner === caller.actor.id) return true
    audits ??= callerMay(desk, caller, 'audit').ok
    return audits
  }
  return {
    evaluate(question) {
      const subject = desk.facts.identityNamed(question.subject.id)
      if (subject === undefined || subject.kind !== question.subject.type || !maySee(subject)) return unknownSubject
      return evaluateOwn(desk, caller, subject, { question, requestable })
    },
    candidates: ({ looksFor, question }, slices) => {
      switch (looksFor) {
        case 'subject':
          return namesOfKind(desk, question.subject.type, { maySee, slices })
        case 'resource':
          return resourceNames(desk, question.resource.type, slices)
        case 'action':
          return actionNames(desk, question)
      }
    },
  }
}

/** The same for the caller about themselves alone: whoever asks for a grant asks for their own chain. */
export function evaluateOwnFor(desk: Desk, caller: Caller, question: AccessQuestion, requestable: TellRequestable): AccessAnswer {
  const { actor } = caller
  const isSelf = actor.name === question.subject.id && actor.kind === question.subject.type
  return isSelf ? evaluateOwn(desk, caller, actor, { question, requestable }) : unknownSubject
}

interface Asked {
  readonly question: AccessQuestion
  readonly requestable: TellRequestable
}

function evaluateOwn(desk: Desk, caller: Caller, subject: Identity, { question, requestable }: Asked): AccessAnswer {
  const action = nameOwnAction(desk, question)
  if (!action.ok) return denied(action.refusal)
  const address = question.context['address']
  if (address !== undefined && typeof address !== 'string') return denied(refuse('action.arguments', { detail: 'context.address' }).refusal)
  const attempts = attemptsOf(desk, caller, subject, question)
  if (!attempts.ok) return denied(attempts.refusal)
  const now = desk.clock.now()
  let best: Answer | undefined
  let tried: Attempt | undefined
  for (const attempt of attempts.value) {
    const { chain, grant } = attempt
    const asked = { chain, grant, proof: caller.claims.provedBy, action: action.value, address: address ?? caller.address, refusals: 0 }
    const answer = decide(desk.facts, asked, now)
    if (best === undefined || isNearer(answer, best)) [best, tried] = [answer, attempt]
    if (answer.outcome === 'allow') break
  }
  if (best === undefined || tried === undefined) return denied(refuse('grant.missing').refusal)
  if (best.outcome !== 'deny') return best.outcome === 'allow' ? allowed(best, action.value) : held(best, action.value)
  if (question.isBrief === true) return denied(best.refusal)
  const hints = askInstead(desk, tried.chain, action.value, best.refusal)
  const isOwn = caller.actor.id === subject.id
  return denied(best.refusal, hints, isOwn && hints.length > 0 ? requestable(question, hints) : {})
}

interface Attempt {
  readonly chain: readonly IdentityId[]
  readonly grant: GrantId | undefined
}

/**
 * Whoever asks about themselves asks for the chain of their own token: what they may do alone is no matter there. For whoever asks about
 * another, each chain that the subject has a live grant with is tried.
 */
function attemptsOf(desk: Desk, caller: Caller, subject: Identity, { context }: AccessQuestion): Result<readonly Attempt[]> {
  const { grant, task } = context
  const isOwn = caller.actor.id === subject.id
  if (grant !== undefined) {
    const id = parseId('grn', grant)
    if (!id.ok) return refuse('grant.missing')
    const chain = isOwn ? caller.claims.chain : (chainOf(desk, subject, id.value) ?? [subject.id])
    return done([{ chain, grant: id.value }])
  }
  if (task !== undefined && typeof task !== 'string') return refuse('action.arguments', { detail: 'context.task is the kind of a task' })
  if (isOwn && task === undefined) return done([{ chain: caller.claims.chain, grant: caller.claims.grant }])
  const attempts = new Map<string, Attempt>()
  for (const each of desk.facts.activeGrantsOf(subject.id)) {
    if (task !== undefined && each.task.kind !== task) continue
    if (isOwn && each.chain.join() !== caller.claims.chain.join()) continue
    // One of the kind that was asked for must carry it; else the one that would be taken does.
    const attempt = { chain: each.chain, grant: task === undefined ? undefined : each.id }
    attempts.set(`${attempt.chain.join()} ${attempt.grant ?? ''}`, attempt)
    if (attempts.size >= attemptsMax) break
  }
  // Without any grant there is still a reason to tell, and what could be asked for; without one of that kind there is not.
  if (attempts.size === 0 && task === undefined) return done([{ chain: [subject.id], grant: undefined }])
  return done([...attempts.values()])
}

function chainOf(desk: Desk, subject: Identity, id: GrantId): readonly IdentityId[] | undefined {
  const chain = desk.facts.grant(id)?.chain
  return chain?.[0] === subject.id ? chain : undefined
}

/** A yes before a hold before a no; of several, a no that says more than that there is nothing. */
function isNearer(one: Answer, other: Answer): boolean {
  const rank = (answer: Answer) =>
    answer.outcome === 'allow' ? 3 : answer.outcome === 'hold' ? 2 : answer.refusal.code === 'grant.missing' ? 0 : 1
  return rank(one) > rank(other)
}

function allowed(answer: Extract<Answer, { outcome: 'allow' }>, action: Action): AccessAnswer {
  return { decision: true, context: { reason: 'allowed', ...under(answer, action), policies: answer.policies } }
}

/** Not allowed as it is: a person must say yes to exactly this action first. */
function held(answer: Extract<Answer, { outcome: 'hold' }>, action: Action): AccessAnswer {
  const hold = { policies: answer.policies, approval: describeRequirement(answer.requirement) }
  return { decision: false, context: { reason: 'action.held', ...under(answer, action), hold, policies: answer.policies } }
}

function under(answer: Exclude<Answer, { outcome: 'deny' }>, action: Action): Readonly<Record<string, unknown>> {
  const { grant, counted, evidence, obligations } = answer
  const described = describeOwnObligations(obligations)
  return {
    grant: grant.id,
    task: grant.task.kind,
    tier: action.tier,
    evidence,
    counted,
    ...(grant.expiresAt === undefined ? {} : { expires_at: formatInstant(grant.expiresAt) }),
    ...(described.length === 0 || answer.outcome !== 'allow' ? {} : { obligations: described }),
  }
}

function denied(refusal: Refusal, ask: readonly AskHint[] = [], more: Readonly<Record<string, unknown>> = {}): AccessAnswer {
  const { code, policies } = refusal
  return {
    decision: false,
    context: {
      reason: code,
      message: describeRefusal(refusal),
      ...(policies === undefined ? {} : { policies }),
      ...(ask.length === 0 ? {} : { ask }),
      ...more,
    },
  }
}

const unknownSubject = denied(refuse('not-found', { detail: 'subject' }).refusal)

/** The action as the gateway would name it. Refuses `action.unknown` and `action.arguments`. */
function nameOwnAction(desk: Desk, { action, resource, context }: AccessQuestion): Result<Action> {
  const found = routeOf(desk, action.name, resource)
  if (found === undefined) return refuse('action.unknown', { detail: 'no declared operation has this name, effect and resource' })
  const { service, route } = found
  const given = readArguments(route, context['arguments'])
  if (!given.ok) return given
  return done({
    protocol: service.protocol,
    service: service.id,
    operation: route.name,
    verb: route.method,
    effect: route.effect,
    tier: route.tier,
    arguments: given.value,
    target: `${route.method} ${route.path}`,
  })
}

interface Found {
  readonly service: Service
  readonly route: Route
}

/** A route by `shop/restart`, whose operation or effect the action names; or an operation, by the action's name, on a service. */
function routeOf(desk: Desk, action: string, { type, id }: AccessQuestion['resource']): Found | undefined {
  if (id.length > nameMax) return undefined
  const [name = '', operation, ...more] = type === 'service' ? [id, action] : id.split('/')
  const service = more.length > 0 || operation === undefined ? undefined : desk.facts.service(name)
  const route = service === undefined || operation === undefined ? undefined : findRoute(service, operation)
  if (service === undefined || route === undefined) return undefined
  if (type === 'service') return { service, route }
  return type === 'route' && (action === route.name || action === route.effect) ? { service, route } : undefined
}

type Slicing = Parameters<AccessPoint['candidates']>[1]
const pauseEvery = 1_024

async function namesOfKind(
  desk: Desk,
  type: string,
  { maySee, slices }: { readonly maySee: (identity: Identity) => boolean; readonly slices: Slicing },
): Promise<readonly string[]> {
  if (!identityKinds.some((kind) => kind === type)) return []
  const names = new Set<string>()
  let seen = 0
  for (const identity of [...desk.facts.identities()]) {
    if (identity.kind === type && maySee(identity)) names.add(identity.name)
    seen += 1
    if (seen % pauseEvery === 0) await slices.pause()
  }
  return inOrderInSlices([...names], slices)
}

async function resourceNames(desk: Desk, type: string, slices: Slicing): Promise<readonly string[]> {
  const services = desk.facts.services()
  if (type === 'service') return inOrder(services.map((service) => service.id))
  if (type !== 'route') return []
  const names = services.flatMap((service) => service.routes.map((route) => resourceOf({ service: service.id, operation: route.name })))
  return inOrderInSlices(names, slices)
}

function actionNames(desk: Desk, { resource }: AccessSearch['question']): readonly string[] {
  if (resource.id.length > nameMax) return []
  if (resource.type === 'service') return inOrder((desk.facts.service(resource.id)?.routes ?? []).map((route) => route.name))
  const [, operation = ''] = resource.id.split('/')
  const found = routeOf(desk, operation, resource)
  return found === undefined ? [] : inOrder([found.route.name, found.route.effect])
}
