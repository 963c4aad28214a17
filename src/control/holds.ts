/** Held actions: opened for one digest on one session, spent at most once, waited for without polling. */
import type { HoldId } from '../kernel/ids.ts'
import { canonicalJson } from '../kernel/json.ts'
import type { Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { describeProvenance } from '../model/provenance.ts'
import type { Grant, HeldAction, Hold } from '../model/grants.ts'
import { type HoldState, holdLife, step } from '../model/lives.ts'
import type { Requirement } from '../model/requirements.ts'
import { type Desk, machinery, note } from './desk.ts'
import { withoutBody } from './end-session.ts'
import type { Holding } from './home-port.ts'
import { heldDefinition, mayAskAgain, showsWhatIsPinned } from './pins.ts'
import type { Change } from './ports.ts'

/** How long somebody may answer. */
export const answerMax: Milliseconds = 600_000
const holdsPerSessionMax = 20

/** The waiting hold of this digest on this session, or a new one. */
export async function holdAction(desk: Desk, holding: Holding): Promise<Result<Hold>> {
  return desk.store.change(async (tx) => {
    const { session, grant, digest, action, answer } = holding
    // The session may have ended while this waited for its turn: what is put on an ended one would wait for ever.
    if ((await tx.get('session', session.id))?.state !== 'live') return refuse('session.ended')
    const open = await tx.find('hold', { session: session.id, state: ['waiting', 'approved'] })
    const same = open.filter((hold) => hold.digest === digest)
    const current = (await tx.get('grant', grant.id)) ?? grant
    const whyNot = (hold: Hold) =>
      asksTheSame(hold, answer.requirement) ? (showsWhatIsPinned(current, hold) ? undefined : otherTool) : otherPolicy
    const waiting = same.find((hold) => hold.state === 'waiting' && whyNot(hold) === undefined && tx.now < hold.answerBy)
    if (waiting !== undefined) return done(waiting)
    const mayAsk = await mayAskAgain(tx, grant, action, answer.policies)
    if (!mayAsk.ok) return mayAsk
    for (const hold of same) {
      const reason = whyNot(hold)
      if (reason !== undefined) await withdraw(tx, hold, reason)
    }
    if (open.filter((hold) => hold.state === 'waiting').length >= holdsPerSessionMax) {
      return refuse('hold.too-many', { detail: `at most ${holdsPerSessionMax}` })
    }
    const hold: Hold = {
      id: desk.chance.id('hld', tx.now),
      space: desk.space,
      session: session.id,
      grant: grant.id,
      digest,
      action: heldAction(holding, current),
      requirement: answer.requirement,
      policies: answer.policies,
      state: 'waiting',
      openedAt: tx.now,
      answerBy: tx.now + answerMax,
    }
    await tx.put('hold', hold)
    await note(tx, {
      kind: 'hold.opened',
      actor: desk.facts.identity(session.identity)?.name ?? session.identity,
      subject: hold.id,
      facts: {
        grant: grant.id,
        session: session.id,
        digest,
        target: action.target,
        resource: `${action.service}/${action.operation}`,
        policies: [...answer.policies],
        ...(action.definition === undefined ? {} : { definition: action.definition.hash, ...pinnedIn(hold.action) }),
        ...(action.provenance === undefined ? {} : { provenance: describeProvenance(action.provenance) }),
        ...(answer.duties.length === 0 ? {} : { duties: [...answer.duties] }),
      },
    })
    return done(hold)
  })
}

/** What people were asked, or said yes to, counts only while policy asks for the same. */
export function asksTheSame(hold: Hold, requirement: Requirement): boolean {
  return canonicalJson(hold.requirement) === canonicalJson(requirement)
}

const otherPolicy = 'policy asks for another approval now'
const otherTool = 'people have said yes to another definition of its tool since'

async function withdraw(tx: Change, hold: Hold, reason: string): Promise<void> {
  const state = step(holdLife, hold.state, 'withdraw')
  if (state === undefined) return
  await tx.put('hold', { ...withoutBody(hold), state, closedAt: tx.now, reason })
  await note(tx, { kind: 'hold.withdrawn', actor: machinery, subject: hold.id, facts: { grant: hold.grant, reason } })
}

function pinnedIn({ definition }: HeldAction): { readonly pinned?: string } {
  return definition?.pinned === undefined ? {} : { pinned: definition.pinned }
}

function heldAction({ action, material, body, says }: Holding, grant: Grant): HeldAction {
  const definition = heldDefinition(grant, action, says)
  return {
    service: action.service,
    operation: action.operation,
    effect: action.effect,
    tier: action.tier,
    target: action.target,
    arguments: action.arguments,
    headers: material.headers,
    ...(action.provenance === undefined ? {} : { provenance: action.provenance }),
    ...(definition === undefined ? {} : { definition }),
    ...(body === undefined || body.byteLength === 0 ? {} : { body: Buffer.from(body).toString('base64') }),
  }
}

/** approved → withdrawn, where it is about what the tool is no more. Answers why, if so: nothing is spent then, and the next call is asked about anew. */
export async function withdrawOutdated(tx: Change, hold: Hold, grant: Pick<Grant, 'tools'>): Promise<string | undefined> {
  if (showsWhatIsPinned(grant, hold)) return undefined
  await withdraw(tx, hold, otherTool)
  return otherTool
}

/** approved → spent, once: whoever comes second finds it spent. */
export async function spendHold(tx: Change, id: HoldId): Promise<Result<Hold>> {
  const hold = await tx.get('hold', id)
  if (hold === undefined || hold.useBy === undefined || tx.now >= hold.useBy)
    return refuse('action.changed', { detail: 'the approval has expired' })
  const state = step(holdLife, hold.state, 'spend')
  if (state === undefined) return refuse('action.changed', { detail: `the hold is ${hold.state}` })
  const spent: Hold = { ...withoutBody(hold), state, closedAt: tx.now }
  await tx.put('hold', spent)
  await note(tx, { kind: 'hold.spent', actor: machinery, subject: id, facts: { digest: hold.digest, grant: hold.grant } })
  return done(spent)
}

/** Resolves when the hold leaves `waiting`, when the time is over or the signal aborts: the state it is in then. */
export function holdAnswered(
  { facts, clock }: Pick<Desk, 'facts' | 'clock'>,
  id: HoldId,
  wait: Milliseconds,
  signal: AbortSignal,
): Promise<HoldState> {
  const state = () => facts.hold(id)?.state ?? 'withdrawn'
  if (state() !== 'waiting' || wait <= 0 || signal.aborted) return Promise.resolve(state())
  return new Promise((resolve) => {
    const finish = () => {
      unwatch()
      callOff()
      signal.removeEventListener('abort', finish)
      resolve(state())
    }
    const unwatch = facts.onChange((change) => {
      const isIt = (change.kind === 'hold' && change.id === id) || change.kind === 'session'
      if (isIt && state() !== 'waiting') finish()
    })
    const callOff = clock.after(wait, finish)
    signal.addEventListener('abort', finish)
  })
}
