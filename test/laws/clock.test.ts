/** Clocks that are set back, or jump: nothing comes back, nothing lives longer, and what is over is over at once. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { sweep } from '../../src/control/sweep.ts'
import { activateGrant } from '../../src/control/work-window.ts'
import { makeClock } from '../../src/host/clock.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { act, ask, atWork, callOf, hour, minute, refused, refusedVerdict } from '../world/deeds.ts'
import { TestClock } from '../world/clock.ts'
import { shopDocument } from '../world/shop.ts'
import { openWorldOf, testParts, type World } from '../world/world.ts'

const day = 24 * hour

/** What the machine believes the time to be, and how long it has been on. */
class Machine {
  wall = Date.UTC(2030, 0, 1)
  monotonic = 0

  /** Time goes by, as both clocks of a machine see it. */
  passes(milliseconds: number): void {
    this.wall += milliseconds
    this.monotonic += milliseconds
  }

  clock() {
    return makeClock({ floor: 0, wall: () => this.wall, monotonic: () => this.monotonic })
  }
}

describe('a clock', () => {
  let machine: Machine
  let world: World
  let folder: string
  before(async () => {
    machine = new Machine()
    folder = mkdtempSync(join(tmpdir(), 'remit-clock-'))
    const clock = new (class extends TestClock {
      #host = machine.clock()
      override now() {
        return this.#host.now()
      }
      override after(milliseconds: number, work: () => void) {
        return this.#host.after(milliseconds, work)
      }
      raise(floor: number) {
        this.#host.raise(floor)
      }
      /** Another process on the same machine: it knows of no earlier reading. */
      begin() {
        this.#host = machine.clock()
      }
    })()
    restart = async () => {
      clock.begin()
      await world.restart()
    }
    world = await openWorldOf({ ...testParts(31, join(folder, 'remit.sqlite'), clock), clock }, shopDocument())
  })
  after(async () => {
    await world.close()
    rmSync(folder, { recursive: true })
  })
  let restart: () => Promise<void>
  const swept = () => sweep(world.desk, world.desk.activity)
  const stateOf = (id: string) => world.desk.store.read(async (tx) => (await tx.get('grant', id))?.ending?.how)

  test('set back a day, while it runs, lengthens no grant, no token and no request, and brings nothing back', async () => {
    const ended = await atWork(world, 'aide', ['shop/list-incidents'], { duration: minute })
    machine.passes(minute)
    await swept()
    assert.equal(await stateOf(ended.id), 'expired')
    const grant = await atWork(world, 'aide', ['shop/list-incidents'], { duration: 5 * minute })
    const bearer = await world.bearer('aide', grant.id)
    const waiting = mustBe(await ask(world, 'aide', ['shop/list-incidents']))
    const before = world.clock.now()
    machine.wall -= day
    assert.equal(world.clock.now(), before)
    assert.equal((await world.exchange('aide', { grant: ended.id })).ok, false)
    machine.passes(5 * minute - 1)
    assert.equal((await world.gateway.authorize(callOf(world, bearer, 'list-incidents'))).outcome, 'allow')
    machine.passes(1)
    assert.equal(
      (await world.gateway.authorize(callOf(world, bearer, 'list-incidents'))).outcome,
      'deny',
      'after five minutes, whatever the wall says',
    )
    machine.passes(hour)
    refused(await activateGrant(world.desk, await world.caller('aide'), waiting.id), 'grant.unclaimed')
    await swept()
    assert.deepEqual([await stateOf(ended.id), await stateOf(grant.id)], ['expired', 'expired'])
  })

  test('that is behind at a start is lifted to the last stored instant: what had ended stays so', async () => {
    const grant = await atWork(world, 'aide', ['shop/list-incidents'], { duration: 10 * minute })
    const bearer = await world.bearer('aide', grant.id)
    const before = world.clock.now()
    machine.wall -= 2 * day
    machine.monotonic = 0
    await restart()
    assert.ok(world.clock.now() >= before, 'never below what is stored')
    assert.ok(world.clock.now() < before + minute)
    machine.passes(10 * minute)
    assert.equal((await world.gateway.authorize(callOf(world, bearer, 'list-incidents'))).outcome, 'deny')
    await swept()
    assert.equal(await stateOf(grant.id), 'expired')
    const stored = (await world.house.desk.store.last()).at
    machine.wall -= day
    await restart()
    assert.ok(world.clock.now() >= stored)
    assert.equal(await stateOf(grant.id), 'expired')
    refusedVerdict(await act(world, 'aide', undefined, 'list-incidents'), 'grant.missing')
  })

  test('that jumps ahead ends at once whatever is over by then, and jumping back afterwards undoes none of it', async () => {
    const grant = await atWork(world, 'aide', ['shop/list-incidents'], { duration: 10 * minute })
    const bearer = await world.bearer('aide', grant.id)
    machine.wall = world.clock.now() + 3 * hour
    assert.equal((await world.gateway.authorize(callOf(world, bearer, 'list-incidents'))).outcome, 'deny')
    machine.wall -= 3 * hour
    assert.equal((await world.gateway.authorize(callOf(world, bearer, 'list-incidents'))).outcome, 'deny', 'back on time, it stays over')
    await swept()
    assert.equal(await stateOf(grant.id), 'expired')
  })

  test('that jumps to the last day of an exception warns once, and set back a day lets it live no longer', async () => {
    const standing = () => [...world.desk.facts.exceptions()].filter((each) => each.state === 'active')
    const [exception] = standing()
    assert.ok(exception !== undefined, 'the first administrator has one')
    const warned = async () => {
      await swept()
      await world.house.sequencer.flush()
      const { size } = await world.house.database.tree()
      const rows = await world.house.database.leaves(Math.max(0, size - 50), 50)
      return rows.flatMap(({ body = '' }) => (body.includes('"exception.ends-soon"') ? [/"withinDays":(\d+)/.exec(body)?.[1]] : []))
    }
    machine.wall = exception.expiresAt - 20 * hour
    assert.deepEqual(await warned(), ['1'])
    machine.wall -= day
    assert.deepEqual(await warned(), ['1'], 'and not once more')
    machine.passes(20 * hour - 1)
    await swept()
    assert.equal(standing().length, 1)
    machine.passes(1)
    await swept()
    assert.deepEqual(standing(), [], 'a day before the wall clock says so')
    machine.wall -= 7 * day
    await swept()
    assert.deepEqual(standing(), [])
  })
})
