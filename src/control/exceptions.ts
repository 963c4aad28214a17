/** Exceptions: standing privileges that had to stay. Proposed here, with an owner and an end; withdrawn, ended, and worked off step by step. */
import { createHash } from 'node:crypto'
import type { ExceptionId, IdentityId } from '../kernel/ids.ts'
import { formatDuration, type Instant, type Milliseconds } from '../kernel/instants.ts'
import { canonicalJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { reach } from '../decision/ask.ts'
import { answersFor, type Blasted, blastOfDesk, blastOfScope } from '../decision/exceptions.ts'
import { chainStands, type DecisionFacts } from '../decision/facts.ts'
import { deskServiceName } from '../model/desk-service.ts'
import type { ScopeEntry } from '../model/grants.ts'
import type { Blast, DeskAction, ExceptionEnding, Identity, StandingException } from '../model/identities.ts'
import type { Requirement } from '../model/requirements.ts'
import { describeScopeLine } from '../model/scope.ts'
import { exceptionLife, step } from '../model/lives.ts'
import { type Caller, type Desk, machinery, note } from './desk.ts'
import { endGrant } from './end-grant.ts'
import { closeException } from './exception-ending.ts'
import { machineOperator } from './let-in.ts'
import type { Change, Reading } from './ports.ts'
import { parseScope } from './request-grant.ts'
import { type Answerable, callerMay, maySee } from './rights.ts'

const day: Milliseconds = 86_400_000
/** No exception lasts longer, and one to operate or administer Remit itself no longer than the first administrator's. */
export const exceptionMax: Milliseconds = 90 * day
export const deskExceptionMax: Milliseconds = 30 * day
/** How long somebody may answer a proposal. */
const answerMax: Milliseconds = 7 * day
const openOfOneMax = 20
const stepsMax = 20
const knownStates = ['proposed', 'active', 'denied'] as const

/** Who proposes: somebody by a token, or whoever runs the machine and applies a file there. */
export type Proposer = Caller | { readonly machine: string; readonly id?: IdentityId }

export interface ExceptionInput {
  /** Name of who is to have it. */
  readonly identity: string
  /** Name of the person who answers for it. */
  readonly owner: string
  /** Lines as `parseScopeLine` reads them; or, instead, something at Remit's own desk. */
  readonly scope?: readonly string[]
  readonly deskActions?: readonly DeskAction[]
  readonly reason: string
  /** The steps after which it is not needed any more; at least one. */
  readonly remediation: readonly string[]
  readonly expiresAt: Instant
  readonly renews?: ExceptionId
}

interface Asked extends Blasted {
  readonly identity: Identity
  readonly owner: Identity
  readonly deskActions: readonly DeskAction[]
  readonly scope: readonly ScopeEntry[]
}

/**
 * Proposes; people approve. An equal proposal that is open, active or was denied is answered as it is, so that applying a file again
 * changes nothing and asks nobody twice.
 */
export async function proposeException(desk: Desk, author: Proposer, input: ExceptionInput): Promise<Result<StandingException>> {
  return desk.store.change(async (tx) => {
    const who = whoIsMeant(desk, author, input)
    if (!who.ok) return who
    const asked = whatIsAsked(desk, who.value, input)
    if (!asked.ok) return asked
    const fits = fitsInTime(tx, asked.value, input)
    if (!fits.ok) return fits
    const known = await tx.find('exception', { identity: asked.value.identity.id, state: knownStates }, { max: 1_000 })
    const content = contentOf(asked.value, input)
    const same = known.find((each) => each.content === content)
    if (same !== undefined) return done(same)
    if (known.filter((each) => each.state !== 'denied').length >= openOfOneMax)
      return refuse('request.too-many', { detail: `at most ${openOfOneMax} exceptions of one identity` })
    const before = await predecessor(desk, tx, asked.value, input)
    if (!before.ok) return before
    const exception = makeException(desk, tx, {
      id: desk.chance.id('exc', tx.now),
      author,
      input,
      asked: asked.value,
      content,
      before: before.value,
    })
    await tx.put('exception', exception)
    await noteProposed(desk, tx, exception)
    return done(exception)
  })
}

/** The owner of an identity proposes for it, or whoever administers. To everybody else neither name says whether it is there. */
function whoIsMeant(
  desk: Desk,
  author: Proposer,
  input: ExceptionInput,
): Result<{ readonly identity: Identity; readonly owner: Identity }> {
  const identity = desk.facts.identityNamed(input.identity)
  const owner = desk.facts.identityNamed(input.owner)
  const isOwn =
    'actor' in author &&
    author.chain.length === 1 &&
    owner?.id === author.actor.id &&
    (identity?.id === author.actor.id || identity?.owner === author.actor.id)
  if ('actor' in author && !isOwn && !callerMay(desk, author, 'administer').ok) return refuse('not-found')
  if (identity === undefined) return refuse('input.invalid', { detail: `nobody is called ${input.identity.slice(0, 64)}` })
  const stands = chainStands(desk.facts, [identity.id])
  if (!stands.ok) return stands
  if (owner === undefined || !answersFor(desk.facts, owner.id))
    return refuse('exception.owner', { detail: `${input.owner.slice(0, 64)} is not a live person` })
  return done({ identity, owner })
}

function whatIsAsked(
  desk: Desk,
  who: { readonly identity: Identity; readonly owner: Identity },
  { scope = [], deskActions = [], reason, remediation }: ExceptionInput,
): Result<Asked> {
  if (reason.trim() === '') return refuse('input.invalid', { detail: 'an exception has a business reason' })
  if (remediation.length === 0 || remediation.length > stepsMax || remediation.some((says) => says.trim() === ''))
    return refuse('input.invalid', { detail: `the way out has 1 to ${stepsMax} steps, each in words` })
  if ((scope.length === 0) === (deskActions.length === 0))
    return refuse('input.invalid', { detail: 'an exception permits either a scope or something at the desk' })
  if (scope.length === 0) {
    const forMachine = deskActions.find((action) => who.identity.kind !== 'human' && action !== 'audit' && action !== 'stop')
    if (forMachine !== undefined) return refuse('input.invalid', { detail: `only people ${forMachine}` })
    return done({ ...who, ...blastOfDesk(deskActions), deskActions: [...new Set(deskActions)].toSorted(), scope: [] })
  }
  const lines = parseScope(scope)
  if (!lines.ok) return lines
  if (lines.value.some(({ resource }) => resource.split('/')[0] === deskServiceName))
    return refuse('input.invalid', { detail: `what is done at the desk is named as such, not as ${deskServiceName}/…` })
  const reached = reach(desk.facts, lines.value)
  if (!reached.ok) return reached
  const blast = blastOfScope(reached.value)
  return blast.ok ? done({ ...who, ...blast.value, deskActions: [], scope: lines.value }) : blast
}

function fitsInTime(tx: Change, { deskActions }: Asked, { expiresAt }: ExceptionInput): Result<undefined> {
  const max = deskActions.some((action) => action === 'operate' || action === 'administer') ? deskExceptionMax : exceptionMax
  if (!Number.isSafeInteger(expiresAt) || expiresAt <= tx.now) return refuse('input.invalid', { detail: 'its end lies ahead' })
  return expiresAt - tx.now > max ? refuse('exception.too-long', { detail: `at most ${formatDuration(max)}` }) : done(undefined)
}

async function predecessor(desk: Desk, tx: Reading, { identity }: Asked, { renews }: ExceptionInput) {
  if (renews === undefined) return done(undefined)
  const before = await tx.get('exception', renews)
  const renewable = before?.space === desk.space && before.identity === identity.id && before.approvedAt !== undefined
  return renewable ? done(before) : refuse('input.invalid', { detail: `${renews} is no exception that ${identity.name} had` })
}

interface Made {
  readonly id: ExceptionId
  readonly author: Proposer
  readonly input: ExceptionInput
  readonly asked: Asked
  readonly content: string
  readonly before: StandingException | undefined
}

function makeException(desk: Desk, tx: Change, { id, author, input, asked, content, before }: Made): StandingException {
  const { identity, owner, deskActions, scope, blast } = asked
  const { reason, remediation, expiresAt } = input
  const proposedBy = proposerOf(author)
  const signed = { v: 1, exception: id, content, proposedBy: proposedBy.name, blast: blastForm(blast) }
  return {
    id,
    space: desk.space,
    identity: identity.id,
    owner: owner.id,
    proposedBy,
    deskActions,
    scope,
    blast,
    reason,
    remediation: remediation.map((says) => ({ says })),
    content,
    digest: `v1:${sha256(canonicalJson(signed))}`,
    state: 'proposed',
    createdAt: tx.now,
    answerBy: Math.min(tx.now + answerMax, expiresAt),
    expiresAt,
    renewals: before === undefined ? 0 : before.renewals + 1,
    ...(before === undefined ? {} : { renews: before.id, standingSince: before.standingSince ?? before.createdAt }),
  }
}

function proposerOf(author: Proposer): StandingException['proposedBy'] {
  if ('actor' in author) return { name: author.actor.name, id: author.actor.id }
  return { name: author.machine, ...(author.id === undefined ? {} : { id: author.id }) }
}

/** Whether the very same is proposed, active or was denied. */
export async function isKnownException(desk: Desk, input: ExceptionInput): Promise<boolean> {
  const who = whoIsMeant(desk, { machine: machinery }, input)
  const asked = who.ok ? whatIsAsked(desk, who.value, input) : who
  if (!asked.ok) return false
  const known = await desk.store.read((tx) =>
    tx.find('exception', { identity: asked.value.identity.id, state: knownStates }, { max: 1_000 }),
  )
  const content = contentOf(asked.value, input)
  return known.some((each) => each.content === content)
}

function contentOf({ identity, owner, deskActions, scope }: Asked, { reason, remediation, expiresAt, renews }: ExceptionInput): string {
  const form = {
    identity: identity.id,
    owner: owner.id,
    deskActions: [...deskActions],
    scope: scope.map(describeScopeLine),
    reason,
    remediation: [...remediation],
    expiresAt,
    ...(renews === undefined ? {} : { renews }),
  }
  return sha256(canonicalJson(form))
}

function blastForm({ operations, effects, tier }: Blast) {
  return { operations: [...operations], effects: [...effects], tier }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

async function noteProposed(desk: Desk, tx: Change, exception: StandingException): Promise<void> {
  const { id, proposedBy, reason, remediation, deskActions, scope, blast, expiresAt, digest, renews, renewals } = exception
  const name = (identity: IdentityId) => desk.facts.identity(identity)?.name ?? identity
  await note(tx, {
    kind: 'exception.proposed',
    actor: proposedBy.name,
    subject: id,
    facts: {
      identity: name(exception.identity),
      owner: name(exception.owner),
      deskActions: [...deskActions],
      scope: scope.map(describeScopeLine),
      blast: blastForm(blast),
      reason,
      remediation: remediation.map(({ says }) => says),
      expiresAt,
      digest,
      ...(renews === undefined ? {} : { renews, renewals }),
    },
  })
}

/** The first administrator's: nobody could approve it, so it is short, and its steps say how to do without. */
export function firstException(desk: Desk, tx: Change, person: Identity): StandingException {
  const id = desk.chance.id('exc', tx.now)
  const deskActions: readonly DeskAction[] = ['administer', 'operate', 'audit', 'stop', 'approve']
  const input = {
    identity: person.name,
    owner: person.name,
    deskActions,
    reason: 'the first administrator, until roles and a second person are in place',
    remediation: [
      'invite a second person, who can approve: remit invite',
      'let people ask for desk/administer and desk/operate, and put auditors and operators into their roles',
    ],
    expiresAt: tx.now + deskExceptionMax,
  }
  const asked = { identity: person, owner: person, scope: [], deskActions, ...blastOfDesk(deskActions) }
  const author = { machine: machinery }
  const proposed = makeException(desk, tx, { id, author, input, asked, content: contentOf(asked, input), before: undefined })
  return { ...proposed, state: step(exceptionLife, proposed.state, 'approve') ?? proposed.state, approvedAt: tx.now, standingSince: tx.now }
}

/** The chain of those whose yes is none, and who see it: who has it, who owns that, who answers for it, who proposed it. */
export function partiesOf(facts: Pick<DecisionFacts, 'identity'>, exception: StandingException): readonly IdentityId[] {
  const { identity, owner, proposedBy } = exception
  const own = facts.identity(identity)?.owner
  return [...new Set([identity, owner, ...(own === undefined ? [] : [own]), ...(proposedBy.id === undefined ? [] : [proposedBy.id])])]
}

/** Nobody who has a part in it says yes to it, and always a person does. */
export function answerableException(facts: Pick<DecisionFacts, 'identity'>, exception: StandingException): Answerable {
  const { proposedBy, blast } = exception
  const proposers = proposedBy.id === undefined ? [proposedBy.name, machineOperator] : [proposedBy.name]
  return { chain: partiesOf(facts, exception), proposers, requirement: onePerson, tier: blast.tier }
}

const onePerson: Requirement = { selector: { parts: [] }, personsMin: 1 }

export function maySeeException(desk: Desk, caller: Caller, exception: StandingException): boolean {
  return maySee(desk, caller, partiesOf(desk.facts, exception)) || callerMay(desk, caller, 'stop').ok
}

/** proposed → withdrawn, by whoever proposed it or answers for it. */
export async function withdrawException(desk: Desk, caller: Caller, id: ExceptionId, reason: string): Promise<Result<StandingException>> {
  return desk.stopping.through(() =>
    desk.store.change(async (tx) => {
      const found = await seen(desk, tx, caller, id)
      if (!found.ok) return found
      const { owner, proposedBy, state } = found.value
      const may = owner === caller.actor.id || proposedBy.id === caller.actor.id || callerMay(desk, caller, 'stop').ok
      if (!may) return refuse('caller.not-allowed', { detail: 'its owner and whoever proposed it withdraw it' })
      if (state !== 'proposed') return refuse('exception.wrong-state', { detail: `it is ${state}` })
      return done(await closeException(tx, found.value, { how: 'withdrawn', by: caller.actor.name, reason }))
    }),
  )
}

/** active → ended before its time: by its owner, and by whoever may stop. `evidence` says, or points to, why it is not needed any more. */
export async function closeByHand(desk: Desk, caller: Caller, id: ExceptionId, evidence: string): Promise<Result<StandingException>> {
  return desk.stopping.through(() =>
    desk.store.change(async (tx) => {
      const found = await seen(desk, tx, caller, id)
      if (!found.ok) return found
      const may = found.value.owner === caller.actor.id || callerMay(desk, caller, 'stop').ok
      if (!may) return refuse('caller.not-allowed', { detail: 'its owner ends it, or whoever may stop' })
      if (found.value.state !== 'active') return refuse('exception.wrong-state', { detail: `it is ${found.value.state}` })
      return done(await endException(tx, found.value, { how: 'closed', by: caller.actor.name, reason: evidence }))
    }),
  )
}

/** Ends it and the grant through which it permitted, sessions and held actions included. */
export async function endException(tx: Change, exception: StandingException, ending: ExceptionEnding): Promise<StandingException> {
  const ended = await closeException(tx, exception, ending)
  const grant = ended.grant === undefined ? undefined : await tx.get('grant', ended.grant)
  const how = ending.how === 'expired' ? 'expired' : 'revoked'
  if (grant !== undefined) await endGrant(tx, grant, { how, by: ending.by, reason: `its exception ended: ${ending.reason}` })
  return ended
}

/** One step of the way out is done; steps are numbered from 0. Repeating it is harmless. */
export async function tickStep(desk: Desk, caller: Caller, id: ExceptionId, place: number): Promise<Result<StandingException>> {
  return desk.store.change(async (tx) => {
    const found = await seen(desk, tx, caller, id)
    if (!found.ok) return found
    const exception = found.value
    if (exception.owner !== caller.actor.id && exception.identity !== caller.actor.id && !callerMay(desk, caller, 'administer').ok)
      return refuse('caller.not-allowed', { detail: 'its owner ticks off what is done' })
    const known = exception.remediation[place]
    if (known === undefined) return refuse('input.invalid', { detail: `it has ${exception.remediation.length} steps` })
    if (exception.state !== 'active' && exception.state !== 'proposed')
      return refuse('exception.wrong-state', { detail: `it is ${exception.state}` })
    if (known.done !== undefined) return done(exception)
    const finished = { ...known, done: { by: caller.actor.name, at: tx.now } }
    const ticked = { ...exception, remediation: exception.remediation.with(place, finished) }
    await tx.put('exception', ticked)
    await note(tx, { kind: 'exception.step-done', actor: caller.actor.name, subject: id, facts: { step: place, says: known.says } })
    return done(ticked)
  })
}

async function seen(desk: Desk, tx: Reading, caller: Caller, id: ExceptionId): Promise<Result<StandingException>> {
  const exception = await tx.get('exception', id)
  const isSeen = exception !== undefined && exception.space === desk.space && maySeeException(desk, caller, exception)
  return isSeen ? done(exception) : refuse('not-found')
}
