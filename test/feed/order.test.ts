/** Order between gateways: what was answered at one opens what comes after it at the other, and nothing that was not heard at home does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allowed, answered, atWork, held, refusedVerdict } from '../world/deeds.ts'
import { unreachable } from './fed-machine.ts'
import { withHalves } from './halves.ts'

const ordered = ['read:shop', 'shop/restart,after=shop/list-incidents']
const given = { service: 'checkout' }

test('what was answered at one gateway opens the line at the other', () =>
  withHalves(async ({ world, machine }) => {
    const [one, two] = [await machine('edge-1'), await machine('edge-2')]
    const grant = await atWork(world, 'aide', ordered)
    const here = await one.bearer(world, 'aide', grant.id)
    const there = await two.bearer(world, 'aide', grant.id)
    refusedVerdict(await one.act(here, 'restart', given), 'grant.order')
    one.control.finish(allowed(await one.act(here, 'list-incidents')), { ...answered, says: 'error' })
    refusedVerdict(await one.act(here, 'restart', given), 'grant.order')
    const looked = allowed(await one.act(here, 'list-incidents'))
    one.control.finish(looked, answered)
    // Asked in the same tick: whoever was just told waits for its home.
    held(await one.act(here, 'restart', given))
    held(await two.act(there, 'restart', given))
    assert.equal(typeof two.fed.gate.facts.counted(grant.id, 1).opened, 'number')
    // A gateway that comes later is told as well.
    const three = await machine('edge-3')
    held(await three.act(await three.bearer(world, 'aide', grant.id), 'restart', given))
  }))

test('an answer that its home did not hear of comes before nothing', () =>
  withHalves(async ({ world, machine }) => {
    const edge = await machine('edge-1')
    const grant = await atWork(world, 'aide', ordered)
    const bearer = await edge.bearer(world, 'aide', grant.id)
    const decision = allowed(await edge.act(bearer, 'list-incidents'))
    edge.dial = unreachable
    edge.link.close('the cable is cut')
    edge.control.finish(decision, answered)
    refusedVerdict(await edge.act(bearer, 'restart', given), 'grant.order')
    assert.equal(world.desk.facts.counted(grant.id, 1).opened, undefined)
  }))
