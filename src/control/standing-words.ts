/** What whoever starts Remit must know of what stands: which exceptions there are, which end soon, and how not to be locked out. */
import { makeId } from '../kernel/ids.ts'
import { formatDuration, formatInstant, type Instant, type Milliseconds } from '../kernel/instants.ts'
import type { StandingException } from '../model/identities.ts'
import { type Desk, deskAllows } from './desk.ts'
import { blastInWords } from './exception-words.ts'
import { exceptionMax } from './exceptions.ts'
import { endsSoon } from './exceptions-sweep.ts'
import { machineOperator } from './let-in.ts'
import { peopleWithPasskeys } from './recover.ts'
import { byReach } from './standing.ts'

const day: Milliseconds = 86_400_000
const endedLately: Milliseconds = 7 * day
const shownMax = 20

/** One sentence each, the furthest reaching first. */
export async function standingWords(desk: Desk): Promise<readonly string[]> {
  const now = desk.clock.now()
  const active = [...desk.facts.exceptions()].filter((each) => each.state === 'active' && now < each.expiresAt).toSorted(byReach)
  const more = active.length > shownMax ? [`${active.length - shownMax} more exceptions stand: remit standing`] : []
  const ended = await lately(desk, now)
  return [
    ...active.slice(0, shownMax).map((each) => inWords(desk, each, now)),
    ...more,
    ...ended.map(
      (each) => `a standing privilege of ${nameOf(desk, each)} ended on ${formatInstant(each.endedAt ?? 0)}: ${each.ending?.reason ?? ''}`,
    ),
    ...lockOut(desk, now),
    ...(await recovered(desk, now)),
  ]
}

function nameOf(desk: Desk, { identity }: StandingException): string {
  return desk.facts.identity(identity)?.name ?? identity
}

function inWords(desk: Desk, exception: StandingException, now: Instant): string {
  const name = nameOf(desk, exception)
  const times = exception.renewals === 0 ? '' : `, renewed ${exception.renewals === 1 ? 'once' : `${exception.renewals} times in a row`}`
  const stands = `standing privilege: ${name} keeps ${blastInWords(exception)}; until ${formatInstant(exception.expiresAt)}${times}`
  if (!endsSoon(exception, now)) return stands
  const left = formatDuration(exception.expiresAt - now)
  return `${stands}. It ends in ${left}: do without it, or renew it, which another person must approve: remit exception propose ${name} --renews ${exception.id} …`
}

/** With one person in the house nothing is renewed, and once nobody may administer nobody is invited either. */
function lockOut(desk: Desk, now: Instant): readonly string[] {
  const people = peopleWithPasskeys(desk)
  const [first] = people
  if (first === undefined || people.length > 1) return []
  if (deskAllows(desk, first, 'administer', now).ok)
    return [
      `the right of ${first.name} to administer cannot be renewed alone: another person must approve it; invite a second person while it lasts: remit invite NAME`,
    ]
  return [
    `nobody stands to administer this Remit, and ${first.name} alone can have nothing approved: invite a second person from this machine: remit up --recover NAME`,
  ]
}

/** Who came in from the machine itself lately: everybody is to know. */
async function recovered(desk: Desk, now: Instant): Promise<readonly string[]> {
  const after = makeId('lnk', Math.max(0, now - 30 * day), new Uint8Array(10))
  const links = await desk.store.read((tx) => tx.find('link', {}, { max: 1_000, after }))
  return links
    .filter((link) => link.issuedBy === machineOperator)
    .map(({ person, createdAt }) => {
      const name = person === undefined ? 'somebody' : (desk.facts.identity(person)?.name ?? person)
      return `RECOVERY: ${name} was invited from this machine on ${formatInstant(createdAt)}`
    })
}

/** Those that ended in the last days. An exception is proposed at most a week before it begins, and lasts ninety days at most. */
async function lately(desk: Desk, now: Instant): Promise<readonly StandingException[]> {
  const after = makeId('exc', Math.max(0, now - exceptionMax - 2 * endedLately), new Uint8Array(10))
  const ended = await desk.store.read((tx) => tx.find('exception', { state: 'ended' }, { max: 1_000, after }))
  const told = ended.filter(
    ({ endedAt = 0, ending }) => now - endedAt < endedLately && (ending?.how === 'expired' || ending?.how === 'fallen'),
  )
  return told.slice(-shownMax)
}
