/** A change of thousands of identities: in slices, told in few words with full counts, and under a digest that costs only what changed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planChange, proposeChange } from '../../src/control/change-sets.ts'
import { Facts } from '../../src/control/facts.ts'
import { currentPicture, pictureNow } from '../../src/control/kept-picture.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import type { Identity } from '../../src/model/identities.ts'
import { RealClock } from '../world/clock.ts'
import { asDocument, shopDocument } from '../world/shop.ts'
import { openWorldOf, testParts, type World } from '../world/world.ts'

const many = 3_000

/** Time passes with each look at it, so that every slice ends after some eighty steps. */
class HastyClock extends RealClock {
  turns = 0
  #looks = 0

  override now(): number {
    this.#looks += 1
    return super.now() + Math.floor(this.#looks / 10)
  }

  override turn(): Promise<void> {
    this.turns += 1
    return super.turn()
  }
}

async function openLarge(clock = new HastyClock()): Promise<{ world: World; clock: HastyClock }> {
  const world = await openWorldOf({ ...testParts(1, ':memory:', clock), clock }, shopDocument())
  const { desk } = world
  const owner = world.person('ana').id
  const made = Array.from({ length: many }, (_, place): Identity => {
    const id = desk.chance.id('idn', 1)
    const roles = [`line-${place % 3}`, ...(place % 2 === 0 ? ['meters'] : [])]
    return { id, space: desk.space, name: `one-${place}`, kind: 'robot', owner, roles, state: 'live', signsInBy: [], createdAt: 1 }
  })
  await put(world, made)
  return { world, clock }
}

async function put({ desk }: World, identities: readonly Identity[]): Promise<void> {
  mustBe(
    await desk.store.change(async (tx) => {
      for (const each of identities) await tx.put('identity', each)
      await tx.record({ kind: 'test.filled', actor: 'test', subject: 'test', facts: {} })
      return done(undefined)
    }),
  )
}

/** As somebody who reads everything anew would have it. */
async function readAnew({ desk }: World): Promise<string> {
  const facts = new Facts(desk.space)
  await facts.load(desk.store)
  return pictureNow({ facts }).digest
}

const without = (role: string) => asDocument({ version: 1, space: 'main', roles: { [role]: [] } })

test('many who lose a role are told in one line, with their number, and the loop has its turns meanwhile', async (t) => {
  const { world, clock } = await openLarge()
  t.after(() => world.close())
  const before = clock.turns
  const { plan, changeSet } = mustBe(await proposeChange(world.desk, await world.caller('ana'), { document: without('meters') }))
  assert.equal(changeSet?.state, 'applied')
  assert.equal(plan.class, 'narrows')
  const [line] = plan.changes.filter((each) => each.name === '1501 identities')
  assert.match(
    line?.says ?? '',
    /^each loses role meters: may ask by meters-may-write-telemetry \(meter, one-0, one-2, .* and 1481 more\)$/,
  )
  assert.ok(plan.changes.length < 10)
  // Compared, told and written: at least one turn for every hundred of them in each.
  assert.ok(clock.turns - before > (3 * 1_500) / 100, `${clock.turns - before} turns`)
  assert.equal([...world.desk.facts.identities()].filter((each) => each.roles.includes('meters')).length, 0)
})

test('the digest of what is in force is that of a whole reading, whatever came one by one, and what a change comes to is said beforehand', async (t) => {
  const { world } = await openLarge()
  t.after(() => world.close())
  const { desk } = world
  assert.equal((await currentPicture(desk)).digest, await readAnew(world))
  for (const role of ['line-0', 'line-1', 'meters']) {
    mustBe(await proposeChange(desk, await world.caller('ana'), { document: without(role) }))
    const { digest } = pictureNow(desk)
    assert.equal(digest, await readAnew(world))
    await world.house.sequencer.flush()
    const bodies = (await desk.log.leaves((await desk.log.tree()).size - 20, 20)).map((row) => row.body ?? '')
    const applied = bodies.findLast((body) => body.includes('"configuration.applied"'))
    assert.ok(applied?.includes(`"after":"${digest}"`), 'the ledger names the digest that is in force then')
  }
})

test('a picture that somebody holds does not change, and each change of one makes another revision', async (t) => {
  const { world } = await openLarge()
  t.after(() => world.close())
  const { desk } = world
  const held = await currentPicture(desk)
  const one = world.person('one-7')
  await put(world, [{ ...one, roles: ['other'] }])
  const now = pictureNow(desk)
  assert.deepEqual(held.identities.get('one-7')?.roles, one.roles)
  assert.deepEqual(now.identities.get('one-7')?.roles, ['other'])
  assert.equal(held.identities.get('one-8'), now.identities.get('one-8'))
  assert.notEqual(now.revision, held.revision)
  await put(world, [one])
  // There and back again is the same picture, and yet another revision: what was compared in between may be of either.
  assert.equal(pictureNow(desk).digest, held.digest)
  assert.notEqual(pictureNow(desk).revision, held.revision)
  await put(world, [{ ...one, quarantine: { at: 1, by: 'test', reason: 'test' } }])
  assert.equal(pictureNow(desk).digest, held.digest)
})

test('effects that are all different are cut, counted by class, and nobody is asked to sign for them', async (t) => {
  const { world } = await openLarge()
  t.after(() => world.close())
  const roles = Object.fromEntries(Array.from({ length: many }, (_, place) => [`own-${place}`, [`p${place}`]]))
  const people = Array.from({ length: many }, (_, place) => ({ name: `p${place}` }))
  const document = asDocument({ version: 1, space: 'main', people, roles })
  const plan = mustBe(await planChange(world.desk, await world.caller('ana'), { document }))
  assert.equal(plan.class, 'widens')
  assert.deepEqual(
    plan.changes.slice(2_000).map(({ name, class: changeClass }) => [name, changeClass]),
    [[`${many - 2_000} more`, 'widens']],
  )
  const proposed = await proposeChange(world.desk, await world.caller('ana'), { document })
  assert.equal(proposed.ok ? '' : proposed.refusal.detail, 'it has 3000 effects, more than anybody reads before signing; split it')
})
