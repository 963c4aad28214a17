/** What people do at Remit's own desk in a random life: ask for it, sit at it, and replace passkeys that were lost. */
import { replacePasskeys } from '../../src/control/replace-passkeys.ts'
import { requestGrant } from '../../src/control/request-grant.ts'
import { callerMay } from '../../src/control/rights.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { chanceOf } from '../cases/random-scenes.ts'
import { callerFor } from './caller.ts'
import { chains, type Life, operator, people } from './life.ts'
import { minute } from './model.ts'

const openMax = 50
const operations = ['operate', 'administer'] as const

export async function askForDesk(life: Life): Promise<void> {
  const { dice, model, now } = life
  const desk = dice.pick(operations)
  const drafts = [...people.map((name) => [name]), ...chains]
  const able = drafts.filter((chain) => model.stands(chain) && model.deskPrice(chain, desk) !== undefined)
  const chain = able.length > 0 && chanceOf(dice, 85) ? dice.pick(able) : dice.pick(drafts)
  const duration = chanceOf(dice, 40) ? (1 + dice.below(70)) * minute : undefined
  life.say(`${chain.join(' for ')} asks for desk/${desk} (${duration ?? 'usual time'})`)
  const caller = await callerFor(life, chain)
  if (caller === undefined) return
  const price = model.deskPrice(chain, desk, duration)
  const open = life.openGrants().filter((grant) => grant.chain[0] === chain[0]).length
  const more = duration === undefined ? {} : { duration }
  const request = { task: 'configuration', statement: 'because', scope: [`desk/${desk}`], idle: 40 * minute, ...more }
  const asked = await requestGrant(life.world.desk, caller, request)
  life.expect(asked, price !== undefined && open < openMax, 'asking for the desk')
  if (!asked.ok || price === undefined) return
  life.law(asked.value.state === 'pending', 'the desk is given without another person')
  life.count('desk asked for')
  model.grants.set(asked.value.id, {
    ...{ id: asked.value.id, chain, desk, lines: [], task: 'configuration', state: 'pending', spent: [] },
    ...{ wanted: price.wanted, persons: price.persons, tier: price.tier, duration: price.duration, most: price.most },
    ...{ pendingUntil: now + 24 * 60 * minute, claimBy: 0, activatedAt: 0, endsAt: 0, idle: 40 * minute, underWay: 0 },
    ...{ yes: new Map(), answered: new Set(), heartbeat: undefined, lastUse: undefined, lastCall: undefined },
  })
}

/** Whether somebody may do something at the desk is compared with the grants that were given for it. */
export async function sitAtDesk(life: Life): Promise<void> {
  const { dice, model, now } = life
  const desk = dice.pick(operations)
  const chain = chanceOf(dice, 80) ? [dice.pick(people)] : dice.pick(chains)
  const caller = await callerFor(life, chain)
  if (caller === undefined) return
  const granted = model.deskGrantOf(chain.join(), desk, now)
  const may = granted !== undefined || (chain.length === 1 && model.isFirst(chain[0] ?? '', now))
  life.say(`${chain.join(' for ')} would ${desk}`)
  const right = callerMay(life.world.desk, caller, desk)
  life.expect(right, may, `${chain.join(' for ')} at the desk`)
  if (right.ok) life.count(granted === undefined ? 'at the desk by exception' : 'at the desk by grant')
  if (right.ok && granted !== undefined) life.law(right.value.under?.startsWith('grn_') === true, 'nothing says under which grant')
}

/** What a person signed with is gone, and with it all that stood on it; what they sign with next is no voice of whoever made its link. */
export async function loseKeys(life: Life): Promise<void> {
  const { dice, model, now, world } = life
  const able = people.filter(
    (name) => model.stands([name]) && (model.isFirst(name, now) || model.deskGrantOf(name, 'administer', now) !== undefined),
  )
  const by = able.length > 0 && chanceOf(dice, 85) ? dice.pick(able) : dice.pick([...people, operator])
  const others = people.filter((each) => each !== by && model.stands([each]))
  if (others.length === 0) return
  const name = dice.pick(others)
  life.say(`${by} replaces the passkeys of ${name}`)
  const caller = await callerFor(life, [by])
  if (caller === undefined) return
  const granted = model.deskGrantOf(by, 'administer', now)
  const before = world.desk.facts.proofs.passkeysOf(world.person(name).id)
  const replaced = await replacePasskeys(world.desk, caller, name, 'lost')
  const may = granted !== undefined || model.isFirst(by, now)
  life.expect(replaced, may, 'replacing passkeys')
  if (!may) return
  if (granted !== undefined) granted.lastUse = now
  model.closeAllOf(new Set([name]))
  for (const { id } of before) model.revokedProofs.add(id)
  model.replaced.set(name, { times: model.passkeyOf(name) + 1, by, at: now })
  // Whoever let somebody in lately is as one who issued their secret.
  model.issued.push({ to: name, by, at: now })
  model.hasChanged = true
  model.reevaluate(now)
  await world.register(name, reveal(mustBe(replaced).link))
  life.count('passkeys replaced')
}
