/** The one place where an action is decided: ask the facts, count what counts, hold what must be held, record, answer. */
import type { DecisionId, HoldId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import { refuse, type Refusal } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { driftOf } from '../decision/drift.ts'
import { type Answer, decide, isLive, type Question, wouldStand } from '../decision/decide.ts'
import { chainStands } from '../decision/facts.ts'
import type { EntityStore } from '../decision/cedar/entities.ts'
import { whyGuarded } from '../decision/why.ts'
import type { Rules } from '../decision/rules.ts'
import { actionDigest, resourceOf } from '../model/actions.ts'
import { type Evidence, tierRules } from '../model/effects.ts'
import { describeProvenance } from '../model/provenance.ts'
import { firmer } from '../model/obligations.ts'
import { type DecisionEntry, type OutcomeEntry, writeDecision, writeOutcome } from '../ledger/action-lines.ts'
import type { Grant, Session } from '../model/grants.ts'
import { askInstead } from './ask-instead.ts'
import { basisOf, closeDecision, OwnDecision } from './decisions.ts'
import type { Gate } from './gate.ts'
import { isExhausted } from './home.ts'
import { asksTheSame } from './holds.ts'
import { isDone, opens } from './orders.ts'
import type { NotUnderstood } from './not-understood.ts'
import { pinFirst, saidOf } from './pin-first.ts'
import { mustMark, settlement, spend } from './spending.ts'
import type { Bearer, Call, Decision, Outcome, Verdict } from './ports.ts'
import { lateLine, lateOutcome } from './late-line.ts'
import { recordedArguments } from './recorded-arguments.ts'
import { unheard, unmetDuty } from './unmet.ts'

/**
 * Decides and records. Whatever goes wrong inside is a recorded no, or, where nothing can be recorded, an unrecorded one. Answers at once
 * where nothing has to be waited for, which is what most actions of tier 0 get.
 */
export function authorize(gate: Gate, call: Call): Verdict | Promise<Verdict> {
  const id = gate.chance.id('dec', gate.clock.now())
  try {
    const verdict = weigh(gate, call, nowAt(gate, id))
    return verdict instanceof Promise ? verdict.catch((cause: unknown) => denyForFault(gate, call, id, cause)) : verdict
  } catch (cause) {
    return denyForFault(gate, call, id, cause)
  }
}

async function denyForFault(gate: Gate, call: Call, id: DecisionId, cause: unknown): Promise<Verdict> {
  const { refusal } = refuse('internal', { detail: id })
  const denied = deny(gate, call, { id, refusal }).catch((): Verdict => ({ outcome: 'deny', refusal, decision: id }))
  // Whoever is told may fail as well: the answer is no all the same.
  await Promise.try(() => gate.alarm(`an action could not be decided, and was refused: ${id}`, cause)).catch(() => undefined)
  return denied
}

/** When, and from which facts: taken before anything is awaited, so that whatever changes later is noticed at the door. */
interface At {
  readonly id: DecisionId
  readonly now: Instant
  readonly version: number
  readonly rules: Rules | undefined
  readonly entities: EntityStore
}

function nowAt({ clock, facts }: Gate, id: DecisionId): At {
  const { version, rules, entities } = facts
  return { id, now: clock.now(), version, rules, entities }
}

function weigh(gate: Gate, call: Call, at: At): Verdict | Promise<Verdict> {
  const { id, now } = at
  const { claims, address } = call.bearer
  // What was decided elsewhere since control was lost is not known here.
  const isLet = gate.home.lets(call.action)
  if (!isLet.ok) return deny(gate, call, { id, refusal: isLet.refusal })
  const strange = claims.grant === undefined ? undefined : gate.facts.notUnderstood.get('grant', claims.grant)
  if (strange !== undefined) return deny(gate, call, { id, refusal: notUnderstood(strange) })
  const known = claims.grant === undefined ? undefined : gate.facts.sessionOf(claims.jti, claims.grant)
  const question = {
    chain: claims.chain,
    proof: claims.provedBy,
    grant: claims.grant,
    action: call.action,
    address,
    refusals: known === undefined ? 0 : (gate.refusals.get(known.id) ?? 0),
  }
  const answer = decide(gate.facts, question, now)
  if (answer.outcome === 'deny') {
    // What has to come first may have been answered this very moment: then its home is about to say so.
    const told = answer.refusal.code === 'grant.order' && answer.grant !== undefined ? gate.orders.heard(answer.grant.id) : undefined
    if (told !== undefined) return told.then(() => weigh(gate, call, nowAt(gate, id)))
    // There may be one that would cover it, if only it could be read.
    const hidden = answer.refusal.code === 'grant.missing' ? gate.facts.notUnderstood.grantOf(claims.chain[0] ?? '') : undefined
    const refusal = hidden === undefined ? answer.refusal : notUnderstood(hidden)
    return deny(gate, call, { id, refusal, ...(answer.grant === undefined ? {} : { grant: answer.grant }) })
  }
  const unmet = unmetDuty(call, answer) ?? unheard(call)
  if (unmet !== undefined) return deny(gate, call, { id, refusal: unmet, grant: answer.grant })
  const pinning = pinFirst(gate, call, answer.grant)
  if (pinning !== undefined)
    return pinning.then((pinned) =>
      pinned.ok ? weigh(gate, call, nowAt(gate, id)) : deny(gate, call, { id, refusal: pinned.refusal, grant: answer.grant }),
    )
  const session = known?.grant === answer.grant.id ? known : gate.facts.sessionOf(claims.jti, answer.grant.id)
  // Most actions go on in a session, count nothing, and are held by nothing: for them nothing is to be waited for.
  const isAtHome = answer.outcome !== 'allow' || answer.counted || gate.home.mustSettle(call.action)
  return session?.state === 'live' && !isAtHome && !mustMark(gate, session, call.action)
    ? allow(gate, call, { at, question, answer, session })
    : weighAtHome(gate, call, { at, question, answer })
}

function notUnderstood({ why }: NotUnderstood): Refusal {
  return refuse('grant.not-understood', { detail: why }).refusal
}

async function weighAtHome(gate: Gate, call: Call, { at, question, answer }: Omit<Weighed<Allowing>, 'session'>): Promise<Verdict> {
  const { id } = at
  const session = await sessionOf(gate, call, answer.grant)
  if (!session.ok) return deny(gate, call, { id, refusal: session.refusal, grant: answer.grant })
  if (answer.outcome === 'hold') return hold(gate, call, { at, question, answer, session: session.value })
  const settles = answer.counted || gate.home.mustSettle(call.action)
  const spent = await spend(gate, call, session.value, settles ? settlement(call, { answer, session: session.value }) : undefined)
  if (!spent.ok) return deny(gate, call, { id, refusal: spent.refusal, grant: answer.grant, session: session.value })
  return allow(gate, call, { at, question, answer, session: session.value })
}

/** The session of this token on this grant: opened by its first action, kept until grant or token ends. */
async function sessionOf({ facts, home }: Gate, { bearer }: Call, grant: Grant): Promise<Result<Session>> {
  const known = facts.sessionOf(bearer.claims.jti, grant.id)
  if (known !== undefined) return known.state === 'live' ? done(known) : refuse('session.ended')
  return home.openSession(bearer, grant.id)
}

type Allowing = Exclude<Answer, { outcome: 'deny' }>

interface Weighed<A extends Answer> {
  readonly at: At
  readonly question: Question
  readonly answer: A
  readonly session: Session
}

/** A held action: new, waiting, answered no, or answered yes and not yet spent. */
async function hold(gate: Gate, call: Call, weighed: Weighed<Extract<Answer, { outcome: 'hold' }>>): Promise<Verdict> {
  const { answer, session, at, question } = weighed
  const { id } = at
  if (call.material === undefined) return { outcome: 'needs-material' }
  const { grant } = answer
  const digest = actionDigest(call.action, call.material, grant.chain, grant.id)
  const known = [...gate.facts.holdsOf(session.id)].find((each) => each.digest === digest)
  if (known?.state === 'approved' && asksTheSame(known, answer.requirement)) {
    // The approval is spent, and a counted use with it, before anything is forwarded: at most once, whatever happens then.
    const spent = await spend(gate, call, session, { ...settlement(call, { answer, session }), hold: known.id })
    if (spent.ok) return allow(gate, call, { at, question, answer, session, approvedBy: known.id })
    return deny(gate, call, { id, refusal: spent.refusal, grant, session })
  }
  if (known?.state === 'denied')
    return deny(gate, call, { id, refusal: refuse('action.denied-by-person', { policies: answer.policies }).refusal, grant, session })
  const held = await gate.home.hold({
    bearer: call.bearer,
    session,
    grant,
    digest,
    action: call.action,
    material: call.material,
    answer,
    body: call.body,
    ...saidOf(call),
  })
  if (!held.ok) return deny(gate, call, { id, refusal: held.refusal, grant, session })
  const { refusal } = refuse('action.held', { detail: `by ${answer.policies.join(', ')}`, policies: answer.policies })
  const because = whyBy(gate, call, { grant, session, policies: [...answer.policies, ...answer.duties] })
  const holding = { id, outcome: 'held', refusal, because, grant, session, hold: held.value.id, digest, duties: answer.duties } as const
  const recorded = await record(gate, call, holding, answer.evidence)
  if (!recorded.ok) return { outcome: 'deny', refusal: recorded.refusal, decision: id }
  return { outcome: 'held', refusal, decision: id, hold: held.value.id, page: `${gate.pages().origin}/holds/${held.value.id}` }
}

function allow(gate: Gate, call: Call, weighed: Weighed<Allowing> & { readonly approvedBy?: HoldId }): Verdict | Promise<Verdict> {
  const { at, answer, session, approvedBy } = weighed
  const { grant, policies, line, evidence, duties } = answer
  const recorded = record(gate, call, { id: at.id, outcome: 'allow', grant, session, policies, duties, line, hold: approvedBy }, evidence)
  return recorded instanceof Promise
    ? recorded.then((result) => permit(gate, call, weighed, result))
    : permit(gate, call, weighed, recorded)
}

function permit(gate: Gate, call: Call, { at, question, answer, session }: Weighed<Allowing>, recorded: Result<number>): Verdict {
  const { id, version, rules, entities } = at
  if (!recorded.ok) return { outcome: 'deny', refusal: recorded.refusal, decision: id }
  const { grant, policies, obligations, duties } = answer
  const endsAt = Math.min(grant.expiresAt ?? 0, call.bearer.claims.expiresAt)
  const holds = answer.outcome === 'hold' ? policies : []
  const decision = new OwnDecision(
    { id, session: session.id, grant: grant.id, action: call.action, version, endsAt, obligations, duties },
    { rules, entities, question, holds, bearer: call.bearer },
  )
  gate.activity.begin(grant.id, gate.clock.now())
  return { outcome: 'allow', decision }
}

interface Denied {
  readonly id: DecisionId
  readonly refusal: Refusal
  readonly grant?: Grant
  readonly session?: Session
}

async function deny(gate: Gate, call: Call, denied: Denied): Promise<Verdict> {
  const { claims } = call.bearer
  const grant = denied.grant ?? (claims.grant === undefined ? undefined : gate.facts.grant(claims.grant))
  const session = denied.session ?? (grant === undefined ? undefined : gate.facts.sessionOf(claims.jti, grant.id))
  // Before this refusal counts: a guardrail may look at how many there were.
  const because = whyBy(gate, call, { grant, session, policies: denied.refusal.policies ?? [] })
  if (session?.state === 'live') gate.refusals.set(session.id, (gate.refusals.get(session.id) ?? 0) + 1)
  const asked = askInstead(gate, claims.chain, call.action, denied.refusal)
  const refusal = asked.length === 0 ? denied.refusal : { ...denied.refusal, ask: asked }
  await record(gate, call, { id: denied.id, outcome: 'deny', refusal, because, grant, session }, 'written')
  return { outcome: 'deny', refusal, decision: denied.id }
}

interface Blamed {
  readonly grant: Grant | undefined
  readonly session: Session | undefined
  readonly policies: readonly string[]
}

/** Which values made these guardrails speak: kept with the record, because the policies may be others when somebody asks. */
function whyBy({ facts, refusals, clock }: Gate, { action, bearer }: Call, { grant, session, policies }: Blamed): readonly string[] {
  if (grant === undefined || policies.length === 0) return []
  const chain = bearer.claims.chain.flatMap((link) => facts.identity(link) ?? [])
  const soFar = session === undefined ? 0 : (refusals.get(session.id) ?? 0)
  return whyGuarded(facts, { chain, task: grant.task, action, address: bearer.address, refusals: soFar, now: clock.now() }, policies)
}

interface Recorded {
  readonly id: DecisionId
  readonly outcome: 'allow' | 'deny' | 'held'
  readonly grant?: Grant | undefined
  readonly session?: Session | undefined
  readonly refusal?: Refusal | undefined
  readonly policies?: readonly string[]
  readonly duties?: readonly string[]
  readonly because?: readonly string[]
  readonly line?: number
  readonly hold?: HoldId | undefined
  readonly digest?: string
}

/** The entry goes first: should we stop between the two, the journal names an act that did not happen, never the other way round. */
function record(gate: Gate, call: Call, recorded: Recorded, evidence: Evidence): Result<number> | Promise<Result<number>> {
  const { action, bearer } = call
  const { grant, session, refusal, policies, duties = [], because = [], line, hold, digest } = recorded
  const late = lateLine(action.arguments, gate.clock)
  const entry: DecisionEntry = {
    address: bearer.address,
    arguments: late?.draft ?? recordedArguments(action.arguments),
    at: gate.clock.now(),
    because: because.length === 0 ? undefined : because,
    chain: bearer.claims.chain,
    decision: recorded.id,
    definition: recorded.outcome === 'held' || hold !== undefined ? action.definition?.hash : undefined,
    detail: refusal?.detail,
    digest,
    duties: duties.length === 0 ? undefined : duties,
    effect: action.effect,
    exception: grant?.exception,
    grant: grant?.id,
    hold,
    line,
    outcome: recorded.outcome,
    policies: refusal?.policies ?? policies,
    protocol: action.protocol,
    provenance: action.provenance === undefined ? undefined : describeProvenance(action.provenance),
    refusal: refusal?.code,
    resource: resourceOf(action),
    session: session?.id,
    target: action.target,
    task: grant?.task.kind,
    tier: action.tier,
    verb: action.verb,
    version: gate.facts.version,
  }
  return gate.journal.append(late?.of(entry) ?? ((n) => writeDecision(n, entry)), evidence)
}

/** Asked in the tick that sends the first byte: recording took time, and the world may have moved. */
export function stands(gate: Gate, decision: Decision): Result<undefined> {
  const { facts, clock } = gate
  const now = clock.now()
  if (now >= decision.endsAt) return refuse('grant.ended')
  const isLet = gate.home.lets(decision.action)
  if (!isLet.ok) return isLet
  const basis = basisOf(decision)
  if (basis === undefined) return refuse('action.changed')
  // Time alone ends a proof, without any change of the facts.
  if (!facts.isProofLive(basis.question.proof, now)) return refuse('credential.invalid', { detail: 'what proved it has ended' })
  if (facts.version === decision.version) return done(undefined)
  const grant = facts.grant(decision.grant)
  if (grant === undefined || !isLive(grant, now)) return refuse('grant.ended')
  if (facts.rules === undefined || facts.rules !== basis.rules)
    return refuse('action.changed', { detail: 'other policies are in force now' })
  const chain = chainStands(facts, grant.chain)
  if (!chain.ok) return chain
  if (facts.session(decision.session)?.state !== 'live') return refuse('session.ended')
  // A person may have said yes to what the tool became since: then this was decided on what it was.
  if (driftOf(grant, decision.action).length > 0) return refuse('action.changed', { detail: 'its tool is another one by now' })
  // Somebody's roles or some service may have changed, most often another's: then the question is put once more.
  if (facts.entities === basis.entities) return done(undefined)
  return wouldStand(facts, basis.question, { grant, holds: basis.holds, obligations: decision.obligations, now })
}

/** Asked with each piece: neither the end of a lease nor that of a proof ends the grant, and whoever is cut for them is cut at the next byte. */
export function stopReason({ home, facts, clock }: Gate, decision: Decision): string | undefined {
  if (!home.goesOn()) return 'control was lost'
  // A proof that time ends has ended its token already.
  if (facts.version === decision.version) return undefined
  const basis = basisOf(decision)
  return basis !== undefined && facts.isProofLive(basis.question.proof, clock.now()) ? undefined : 'what proved it has ended'
}

/** What became of it, exactly once per allowed decision. The last use of a fully counted grant ends the grant when it is over. */
export function finish(gate: Gate, decision: Decision, outcome: Outcome): void {
  const now = gate.clock.now()
  const bearer = basisOf(decision)?.bearer
  closeDecision(decision)
  gate.activity.end(decision.grant, now)
  const evidence = firmer(tierRules[decision.action.tier].evidence, decision.obligations.evidence)
  const { result, says, status, requestBytes, responseBytes, bodySha256, milliseconds, reason } = outcome
  const entry: OutcomeEntry = {
    at: now,
    bodySha256: typeof bodySha256 === 'string' ? bodySha256 : undefined,
    decision: decision.id,
    frameSha256: undefined,
    milliseconds: Math.round(milliseconds),
    reason,
    requestBytes,
    responseBytes,
    result,
    says: says === 'error' ? says : undefined,
    status,
  }
  const line = typeof bodySha256 === 'object' ? lateOutcome(entry, bodySha256) : (n: number) => writeOutcome(n, entry)
  void gate.journal.append(line, evidence === 'durable' ? 'durable' : 'buffered')
  const grant = gate.facts.grant(decision.grant)
  if (grant !== undefined && bearer !== undefined) tellWhatCameFirst(gate, { decision, bearer, grant, outcome })
  if (grant?.state !== 'active') gate.activity.forget(decision.grant)
  else if (isExhausted(gate, grant)) void gate.home.exhausted(grant.id)
}

/** Only of an action that something still waits for. */
function tellWhatCameFirst(gate: Gate, { decision, bearer, grant, outcome }: CameFirst): void {
  if (grant.scope.every(({ after }) => after === undefined) || !isDone(outcome)) return
  if (opens(grant, decision.action, (line) => gate.facts.counted(grant.id, line)).length === 0) return
  gate.orders.tell(grant.id, gate.home.answered(bearer, { decision }))
}

interface CameFirst {
  readonly decision: Decision
  readonly bearer: Bearer
  readonly grant: Grant
  readonly outcome: Outcome
}

/** For the record of requests that were refused before an action could be named. */
export function recordRefused(
  gate: Gate,
  input: {
    readonly service: string
    readonly bearer?: Bearer
    readonly address: string
    readonly target: string
    readonly refusal: Refusal
  },
): DecisionId {
  const now = gate.clock.now()
  const id = gate.chance.id('dec', now)
  const { service, bearer, address, target, refusal } = input
  void gate.journal.append(
    {
      type: 'refused',
      at: now,
      decision: id,
      service,
      chain: bearer === undefined ? [] : [...bearer.claims.chain],
      address,
      target: target.slice(0, 512),
      refusal: refusal.code,
      ...(refusal.detail === undefined ? {} : { detail: refusal.detail }),
    },
    'buffered',
  )
  return id
}
