/** What people and machines do to grants in a random life: ask, answer, start, extend, end, contain, configure. */
import { prepareAnswer } from '../../src/control/answer.ts'
import { makeSecret, revokeSecret } from '../../src/control/credentials.ts'
import { completeGrant, revokeGrant } from '../../src/control/end-grant.ts'
import { quarantine, release } from '../../src/control/quarantine.ts'
import { requestGrant } from '../../src/control/request-grant.ts'
import { sweep } from '../../src/control/sweep.ts'
import { activateGrant } from '../../src/control/work-window.ts'
import type { CredentialId, GrantId } from '../../src/kernel/ids.ts'
import { mustBe } from '../../src/kernel/result.ts'
import type { Narrowing } from '../../src/model/grants.ts'
import { chanceOf, randomBook, randomLine, roleNames, taskKinds } from '../cases/random-scenes.ts'
import { type Being, lineText, mayBeGiven, type Request } from '../cases/second-opinion.ts'
import { callerFor } from './caller.ts'
import { chains, documentOf, type Life, operator, people } from './life.ts'
import { tryConfigure } from '../world/configure.ts'
import { moveEnd } from './extensions.ts'
import { type Grant, type Hold, isOpen, minute } from './model.ts'

const openMax = 50
const machines = ['aide', 'drone', 'bot']

export async function ask(life: Life): Promise<void> {
  const { dice, model, now } = life
  const { chain, lines, task, duration } = promising(life)
  const heartbeat = chanceOf(dice, 15) ? (1 + dice.below(30)) * 1_000 : undefined
  const idle = (5 + dice.below(60)) * minute
  life.say(`${chain.join(' for ')} asks for ${lines.map(lineText).join(' and ')} (${task}, ${duration ?? 'usual time'})`)
  const caller = await callerFor(life, chain)
  if (caller === undefined) return
  const price = mayBeGiven(model, { chain, lines, task, ...(duration === undefined ? {} : { duration }) })
  const open = life.openGrants().filter((grant) => grant.chain[0] === chain[0]).length
  const more = { ...(duration === undefined ? {} : { duration }), ...(heartbeat === undefined ? {} : { heartbeat }), idle }
  const asked = await requestGrant(life.world.desk, caller, { task, statement: 'because', scope: lines.map(lineText), ...more })
  life.expect(asked, price !== undefined && open < openMax, 'a request')
  if (!asked.ok || price === undefined) return
  const needs = price.persons > 0 || price.wanted.length > 0
  const { id, state, tier } = asked.value
  life.law(state === (needs ? 'pending' : 'approved'), `the request is ${state} although it takes ${needs ? 'persons' : 'nobody'}`)
  life.law(
    tier === price.tier && asked.value.duration === price.duration && asked.value.durationMax === price.most,
    `priced ${JSON.stringify(asked.value)}`,
  )
  life.count(`request ${state}`)
  model.grants.set(id, {
    id,
    chain,
    lines,
    task,
    wanted: price.wanted,
    persons: price.persons,
    tier: price.tier,
    state: needs ? 'pending' : 'approved',
    duration: price.duration,
    most: price.most,
    pendingUntil: now + 24 * 60 * minute,
    claimBy: now + 60 * minute,
    activatedAt: 0,
    endsAt: 0,
    spent: lines.map(() => 0),
    yes: new Map(),
    answered: new Set(),
    idle,
    heartbeat,
    lastUse: undefined,
    lastCall: undefined,
    underWay: 0,
  })
}

interface Draft extends Omit<Request, 'duration'> {
  readonly duration: number | undefined
}

/** Of a few drafts the first that may be made, mostly: a life of refusals alone would show little. */
function promising({ dice, model }: Life): Draft {
  const draft = (): Draft => ({
    chain: dice.pick(chains),
    lines: Array.from({ length: chanceOf(dice, 70) ? 1 : 2 }, () => randomLine(dice)),
    task: dice.pick(taskKinds),
    duration: chanceOf(dice, 40) ? (1 + dice.below(90)) * minute : undefined,
  })
  const drafts = Array.from({ length: 8 }, draft)
  const [first] = drafts
  const good = drafts.find(
    ({ duration, ...each }) =>
      model.stands(each.chain) && mayBeGiven(model, { ...each, ...(duration === undefined ? {} : { duration }) }) !== undefined,
  )
  if (first === undefined) throw new Error('there are drafts')
  return chanceOf(dice, 85) ? (good ?? first) : first
}

export async function activate(life: Life): Promise<void> {
  const waiting = life.openGrants('approved')
  const grant = pickGrant(life, waiting.length > 0 && chanceOf(life.dice, 90) ? waiting : life.grants)
  if (grant === undefined) return
  const chain = chanceOf(life.dice, 92) ? grant.chain : life.dice.pick(chains)
  life.say(`${chain.join(' for ')} starts ${grant.id}, which is ${grant.state}`)
  const caller = await callerFor(life, chain)
  if (caller === undefined) return
  const { now, model } = life
  const own = chain.join() === grant.chain.join()
  const isRepeat = own && model.isLive(grant, now)
  const isTime = own && grant.state === 'approved' && now < grant.claimBy
  const stands = isTime && model.stillGiven(grant, now)
  life.expect(await activateGrant(life.world.desk, caller, grant.id as GrantId), isRepeat || stands, 'a start')
  if (own && grant.state === 'approved' && !stands) model.close(grant)
  if (!stands) return
  grant.state = 'active'
  grant.activatedAt = now
  grant.endsAt = now + grant.duration
  life.count('start')
}

/** A signed answer to a request or a hold, by somebody who may or may not. */
export async function answer(life: Life, chosen?: Hold): Promise<void> {
  const { dice, model, now } = life
  const holds = [...model.holds.values()].filter((hold) => hold.state === 'waiting')
  const hold = chosen ?? (holds.length > 0 && chanceOf(dice, 60) ? dice.pick(holds) : undefined)
  const grant = hold === undefined ? pickGrant(life, chanceOf(dice, 90) ? life.openGrants('pending') : life.grants) : undefined
  const about = hold ?? grant
  if (about === undefined) return
  const subject = hold === undefined ? grant : model.subjectOfHold(hold)
  if (subject === undefined) return
  const able = people.filter((name) => model.mayAnswer(name, subject, now) && !about.answered.has(name))
  const person = able.length > 0 && chanceOf(dice, 75) ? dice.pick(able) : dice.pick([...people, ...machines.slice(0, 1)])
  const decision = chanceOf(dice, 90) ? 'approve' : 'deny'
  const { narrowing, isNarrower } =
    grant !== undefined && chanceOf(dice, 30) ? randomNarrowing(life, grant) : { narrowing: {}, isNarrower: true }
  life.say(`${person} says ${decision} to ${about.id}, narrowing ${JSON.stringify(narrowing)}`)
  const isOpenStill = hold === undefined ? grant?.state === 'pending' && now < grant.pendingUntil : now < hold.answerBy
  const may = model.mayAnswer(person, subject, now) && isOpenStill && !about.answered.has(person) && isNarrower
  if (machines.includes(person)) {
    const prepared = await prepareAnswer(life.world.desk, life.world.person(person), { subject: about.id as GrantId, decision, narrowing })
    return life.expect(prepared, false, 'a machine answers')
  }
  const answered = await life.world.answer(person, about.id, decision, narrowing)
  life.expect(answered, may, 'an answer')
  if (!may) return
  about.answered.add(person)
  life.count(decision)
  if (decision === 'deny') {
    if (grant !== undefined) model.close(grant, 'denied')
    else if (hold !== undefined) hold.state = 'denied'
    return
  }
  about.yes.set(person, model.passkeyOf(person))
  if (grant !== undefined) narrowGrant(grant, narrowing)
  const isEnough = model.isEnough(subject, about.yes, now)
  if (isEnough && grant !== undefined) {
    grant.state = 'approved'
    grant.claimBy = now + 60 * minute
    if (grant.continues !== undefined) moveEnd(life, grant)
  }
  if (isEnough && hold !== undefined) {
    hold.state = 'approved'
    hold.useBy = now + 5 * minute
  }
  if (isEnough) life.count(hold === undefined ? 'grant approved' : 'hold approved')
}

function randomNarrowing(life: Life, grant: Grant): { readonly narrowing: Narrowing; readonly isNarrower: boolean } {
  const { dice } = life
  if (chanceOf(dice, 15)) return { narrowing: { duration: grant.duration + 1 }, isNarrower: false }
  // Of more time, and at the desk, there is only time to take away.
  if (grant.continues !== undefined || grant.desk !== undefined)
    return chanceOf(dice, 20) && grant.continues !== undefined
      ? { narrowing: { lines: [0] }, isNarrower: false }
      : { narrowing: { duration: Math.max(1, Math.floor(grant.duration / 2)) }, isNarrower: true }
  if (chanceOf(dice, 10)) return { narrowing: { lines: [grant.lines.length] }, isNarrower: false }
  const line = dice.below(grant.lines.length)
  return {
    narrowing: {
      ...(chanceOf(dice, 50) ? { duration: Math.max(1, Math.floor(grant.duration / (1 + dice.below(3)))) } : {}),
      ...(chanceOf(dice, 40) ? { lines: [line] } : {}),
      ...(chanceOf(dice, 40) ? { uses: { [String(line)]: 1 } } : {}),
    },
    isNarrower: true,
  }
}

function narrowGrant(grant: Grant, { duration, lines, uses = {} }: Narrowing): void {
  if (duration !== undefined) {
    grant.duration = duration
    grant.most = duration
  }
  const kept = lines ?? [...grant.lines.keys()]
  grant.lines = grant.lines.flatMap((line, place) => {
    if (!kept.includes(place)) return []
    const fewer = uses[String(place)]
    return [fewer === undefined ? line : { ...line, uses: fewer }]
  })
  grant.spent = grant.lines.map(() => 0)
}

export async function complete(life: Life): Promise<void> {
  const grant = pickGrant(life, chanceOf(life.dice, 90) ? life.openGrants() : life.grants)
  if (grant === undefined) return
  const chain = chanceOf(life.dice, 85) ? grant.chain : life.dice.pick(chains)
  life.say(`${chain.join(' for ')} is done with ${grant.id}`)
  const caller = await callerFor(life, chain)
  if (caller === undefined) return
  const may = grant.chain.includes(chain[0] ?? '')
  life.expect(await completeGrant(life.world.desk, caller, grant.id as GrantId, 'done'), may, 'an end')
  if (may) life.model.close(grant)
}

export async function revoke(life: Life): Promise<void> {
  const grant = pickGrant(life, chanceOf(life.dice, 90) ? life.openGrants() : life.grants)
  if (grant === undefined) return
  const chain = chanceOf(life.dice, 60) ? [operator] : life.dice.pick([...chains, ...people.map((name) => [name])])
  life.say(`${chain.join(' for ')} revokes ${grant.id}`)
  const caller = await callerFor(life, chain)
  if (caller === undefined) return
  const [actor = ''] = chain
  const isFirst = chain.join() === 'ana' && life.model.isFirst('ana', life.now)
  const owns = grant.chain.some((link) => life.model.beings.get(link)?.owner === actor)
  const may = actor === operator || isFirst || grant.chain.includes(actor) || owns
  life.expect(await revokeGrant(life.world.desk, caller, grant.id as GrantId, 'stop'), may, 'a revocation')
  if (may) life.model.close(grant)
  if (may) life.count('revocation')
}

export async function contain(life: Life): Promise<void> {
  const { dice, model } = life
  const contained = [...model.beings.values()].filter((being) => being.contained)
  if (contained.length > 0 && chanceOf(dice, 85)) {
    const { name } = dice.pick(contained)
    life.say(`${operator} releases ${name}`)
    mustBe(await release(life.world.desk, await life.world.caller(operator), name, 'fine'))
    change(life, name, { contained: false })
    return
  }
  const name = dice.pick([...machines, ...people])
  life.say(`${operator} quarantines ${name}`)
  mustBe(await quarantine(life.world.desk, await life.world.caller(operator), name, 'odd'))
  model.closeAllOf(new Set([name]))
  change(life, name, { contained: true })
  model.reevaluate(life.now)
  life.count('quarantine')
}

function change(life: Life, name: string, changes: Partial<Being>): void {
  const being = life.model.beings.get(name)
  if (being !== undefined) life.model.beings.set(name, { ...being, ...changes })
  life.model.hasChanged = true
}

export async function configure(life: Life): Promise<void> {
  const { dice, model } = life
  const before = new Map(model.beings)
  const after = new Map(before)
  let { book } = model
  const put = (name: string, changes: Partial<Being>) => {
    const being = after.get(name)
    if (being !== undefined) after.set(name, { ...being, ...changes })
  }
  if (chanceOf(dice, 25)) book = randomBook(dice, people)
  const name = dice.pick([...machines, ...people])
  const being = after.get(name)
  if (being === undefined) return
  const role = dice.pick(roleNames)
  const roles = being.roles.includes(role) ? being.roles.filter((each) => each !== role) : [...being.roles, role]
  if (chanceOf(dice, 50)) put(name, { roles })
  else if (chanceOf(dice, 40)) put(name, { live: !being.live })
  else if (being.kind !== 'human') put(name, { owner: dice.pick(people) })
  // Who left comes back, so that a life does not run out of people.
  for (const each of after.values()) if (!each.live && each.name !== name && chanceOf(dice, 60)) put(each.name, { live: true })
  life.say(
    `configured: ${JSON.stringify([...after.values()].filter((each) => each !== before.get(each.name)))}${book === model.book ? '' : `, policies ${JSON.stringify(book)}`}`,
  )
  // Where too few people are left to sign, it waits until the next one takes its place.
  if (!(await tryConfigure(life.world, documentOf(after, book)))) return
  for (const each of after.values()) {
    if (each.live || before.get(each.name)?.live !== true) continue
    model.closeAllOf(new Set([each.name, ...[...before.values()].filter((other) => other.owner === each.name).map((other) => other.name)]))
  }
  // What changes nothing is no change-set, and nothing is asked about again for it.
  if (book === model.book && JSON.stringify([...after]) === JSON.stringify([...before])) return
  model.hasChanged = true
  model.beings = after
  model.book = book
  model.reevaluate(life.now)
  life.count('configuration')
}

export async function sweepAll(life: Life): Promise<void> {
  life.say('sweep')
  await sweep(life.world.desk, life.world.house.gate.activity)
  life.model.sweep(life.now)
}

/** A wrapper says that it is there. */
export function call(life: Life): void {
  const grant = pickGrant(
    life,
    life.openGrants('active').filter((each) => each.heartbeat !== undefined),
  )
  if (grant === undefined) return
  life.say(`the wrapper of ${grant.id} calls`)
  life.world.house.gate.activity.called(grant.id, life.now)
  grant.lastCall = life.now
}

/** Somebody issues a secret, which may keep them from approving; or a secret, and all that rests on it, is revoked. */
export async function secrets(life: Life): Promise<void> {
  const { dice, model, world } = life
  const name = dice.pick(machines)
  const identity = world.person(name)
  if (chanceOf(dice, 40)) {
    const by = dice.pick(people)
    life.say(`${by} issues a secret for ${name}`)
    const made = await world.desk.store.change((tx) => makeSecret(world.desk, tx, { identity, by, lifetime: minute }))
    if (made.ok) model.issued.push({ to: name, by, at: life.now })
    model.hasChanged = true
    return
  }
  life.say(`the secrets of ${name} are revoked`)
  const caller = await world.caller(operator)
  for (const { id } of world.desk.facts.credentialsOf(identity.id)) {
    mustBe(await revokeSecret(world.desk, caller, id satisfies CredentialId))
    model.revokedProofs.add(id)
  }
}

export function advance(life: Life): void {
  const { dice, model, now } = life
  const instants = [
    ...life.grants.filter(isOpen).flatMap((grant) => [grant.endsAt, grant.endsAt - 1, grant.claimBy, grant.pendingUntil]),
    ...[...model.holds.values()].flatMap((hold) => [hold.answerBy, hold.useBy]),
    ...life.tokens.map((token) => token.endsAt),
  ].filter((instant) => instant > now && instant < now + 48 * 60 * minute)
  const near = instants.toSorted((a, b) => a - b).slice(0, 6)
  const by =
    near.length > 0 && chanceOf(dice, 25)
      ? dice.pick(near) - now
      : dice.pick([1, 1, 1_000, 1_000, 5_000, 30_000, minute, minute, 5 * minute, chanceOf(dice, 20) ? 60 * minute : 20 * minute])
  life.say(`${by} ms go by`)
  life.world.clock.advance(by)
}

function pickGrant(life: Life, from: readonly Grant[]): Grant | undefined {
  return from.length === 0 ? undefined : life.dice.pick(from)
}
