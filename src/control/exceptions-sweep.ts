/** What time and change do to exceptions: warnings before the end, the end, and the end of those that would not be given any more. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { formatInstant } from '../kernel/instants.ts'
import { done } from '../kernel/result.ts'
import { answersFor, outgrown } from '../decision/exceptions.ts'
import type { ExceptionEnding, StandingException } from '../model/identities.ts'
import { type Desk, machinery, note } from './desk.ts'
import { closeException } from './exception-ending.ts'
import { endException } from './exceptions.ts'
import type { Change } from './ports.ts'

const day: Milliseconds = 86_400_000
/** Days before the end at which it is said once that it comes. */
const warningDays = [1, 7, 14] as const
const batchMax = 200

/** Ends and warns as of now. Answers how many ended. */
export async function sweepExceptions(desk: Desk): Promise<number> {
  const due = [...desk.facts.exceptions()].filter((exception) => isDue(desk, exception, desk.clock.now())).slice(0, batchMax)
  if (due.length === 0) return 0
  const swept = await desk.store.change(async (tx) => {
    let count = 0
    for (const { id } of due) {
      const exception = await tx.get('exception', id)
      if (exception !== undefined && (await sweepOne(desk, tx, exception))) count += 1
    }
    return done(count)
  })
  return swept.ok ? swept.value : 0
}

function isDue(desk: Desk, exception: StandingException, now: Instant): boolean {
  return whyOver(desk, exception, now) !== undefined || warningDue(exception, now) !== undefined
}

async function sweepOne(desk: Desk, tx: Change, exception: StandingException): Promise<boolean> {
  const ending = whyOver(desk, exception, tx.now)
  if (ending !== undefined) {
    if (exception.state === 'proposed') await closeException(tx, exception, ending)
    else await endException(tx, exception, ending)
    return true
  }
  const days = warningDue(exception, tx.now)
  if (days === undefined) return false
  await tx.put('exception', { ...exception, warnedDays: days })
  await note(tx, {
    kind: 'exception.ends-soon',
    actor: machinery,
    subject: exception.id,
    facts: {
      identity: desk.facts.identity(exception.identity)?.name ?? exception.identity,
      owner: desk.facts.identity(exception.owner)?.name ?? exception.owner,
      withinDays: days,
      expiresAt: formatInstant(exception.expiresAt),
    },
  })
  return false
}

/** Why it is over, or `undefined` while it is not. What only stops for now (a quarantined owner) ends nothing: it is refused meanwhile. */
function whyOver(desk: Desk, exception: StandingException, now: Instant): ExceptionEnding | undefined {
  const by = machinery
  if (exception.state === 'proposed')
    return now >= exception.answerBy ? { how: 'unanswered', by, reason: 'nobody answered in time' } : undefined
  if (exception.state !== 'active') return undefined
  if (now >= exception.expiresAt) return { how: 'expired', by, reason: 'its time is up' }
  const why = whyFallen(desk, exception)
  return why === undefined ? undefined : { how: 'fallen', by, reason: why }
}

function whyFallen(desk: Desk, exception: StandingException): string | undefined {
  const { facts } = desk
  const identity = facts.identity(exception.identity)
  const name = identity?.name ?? exception.identity
  if (identity?.state !== 'live') return `${name} was disabled`
  if (identity.quarantine !== undefined) return `${name} was quarantined`
  if (identity.owner !== undefined && facts.identity(identity.owner)?.state !== 'live') return `the owner of ${name} has left`
  const owner = facts.identity(exception.owner)
  if (owner?.quarantine === undefined && !answersFor(facts, exception.owner))
    return `${owner?.name ?? exception.owner}, who answered for it, has left`
  return outgrown(facts, exception)
}

/** The nearest warning that has come and was not given: only of those that lie within the whole length of the exception. */
function warningDue({ state, approvedAt = 0, expiresAt, warnedDays }: StandingException, now: Instant): number | undefined {
  if (state !== 'active') return undefined
  const due = warningDays.find((days) => expiresAt - now <= days * day && expiresAt - approvedAt > days * day)
  return due !== undefined && (warnedDays === undefined || due < warnedDays) ? due : undefined
}

/** `true` from the first warning on. */
export function endsSoon({ expiresAt, state }: StandingException, now: Instant): boolean {
  return state === 'active' && expiresAt - now <= 14 * day
}
