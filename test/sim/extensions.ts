/** More time in a random life: given at once where policy needs nobody, asked of people where it needs them. */
import { extendGrant } from '../../src/control/work-window.ts'
import type { GrantId } from '../../src/kernel/ids.ts'
import { chanceOf } from '../cases/random-scenes.ts'
import { mayBeGiven } from '../cases/second-opinion.ts'
import { callerFor } from './caller.ts'
import type { Life } from './life.ts'
import { type Grant, minute } from './model.ts'

export async function extend(life: Life): Promise<void> {
  const from = chanceOf(life.dice, 90) ? life.openGrants('active') : life.grants
  if (from.length === 0) return
  const grant = life.dice.pick(from)
  const milliseconds = (1 + life.dice.below(40)) * minute
  life.say(`${grant.chain.join(' for ')} extends ${grant.id} by ${milliseconds}`)
  const caller = await callerFor(life, grant.chain)
  if (caller === undefined) return
  const { model, now } = life
  const duration = grant.endsAt + milliseconds - grant.activatedAt
  const price = grant.desk === undefined ? mayBeGiven(model, { ...grant, duration }) : model.deskPrice(grant.chain, grant.desk, duration)
  const isWithin = model.isLive(grant, now) && duration <= grant.most && price !== undefined
  const needs = price !== undefined && (price.persons > 0 || price.wanted.length > 0)
  const isWaiting = life.openGrants('pending').some((other) => other.continues === grant.id)
  const may = isWithin && !(needs && isWaiting)
  const extended = await extendGrant(life.world.desk, caller, grant.id as GrantId, { milliseconds, reason: 'more' })
  life.expect(extended, may, 'an extension')
  if (!extended.ok || price === undefined || !may) return
  life.count(needs ? 'extension asked for' : 'extension')
  if (!needs) {
    grant.duration = duration
    grant.endsAt += milliseconds
    return
  }
  const { id } = extended.value
  life.law(id !== grant.id, 'more time than people approved, without them')
  const pendingUntil = Math.min(now + 24 * 60 * minute, grant.endsAt)
  const { wanted, persons, tier } = price
  const asked = {
    id,
    continues: grant.id,
    wanted,
    persons,
    tier,
    state: 'pending',
    duration: milliseconds,
    most: milliseconds,
    pendingUntil,
  } as const
  model.grants.set(id, { ...grant, ...asked, yes: new Map(), answered: new Set(), claimBy: 0, activatedAt: 0, endsAt: 0 })
}

/** People agreed to more time: the grant that it is for ends later, and stands on them from then on. */
export function moveEnd(life: Life, more: Grant): void {
  const { model, now } = life
  const grant = model.grants.get(more.continues ?? '')
  const duration = (grant?.duration ?? 0) + more.duration
  const may =
    grant !== undefined &&
    model.isLive(grant, now) &&
    model.stands(more.chain) &&
    model.priceOf(more) !== undefined &&
    duration <= grant.most
  if (!may) return model.close(more)
  grant.duration = duration
  grant.endsAt += more.duration
  grant.yes = new Map(more.yes)
  more.state = 'ended'
  life.count('extension signed')
}
